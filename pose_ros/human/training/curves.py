"""Curves of a training as a table and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, MARGIN = 360, 220, 36  # px of one chart
INK, LINE, GRID = (40, 40, 40), (180, 90, 20), (225, 225, 225)  # bgr


def write_curves(out: Path, history: Sequence[Mapping[str, float]]) -> None:
    """curves.csv with a row a report, and curves.png with a chart a column."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    with open(out / "curves.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(history)
    drawn = [name for name in columns if name not in ("step", "seconds")]
    if not drawn:
        return
    steps = [row["step"] for row in history]
    charts = [_chart(name, steps, [row.get(name, np.nan) for row in history]) for name in drawn]
    across = min(len(charts), 3)
    charts += [np.full_like(charts[0], 255)] * (-len(charts) % across)
    rows = [np.hstack(charts[n : n + across]) for n in range(0, len(charts), across)]
    cv2.imwrite(str(out / "curves.png"), np.vstack(rows))


def _chart(name: str, steps: Sequence[float], values: Sequence[float]) -> np.ndarray:
    chart = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    x, y = np.asarray(steps, float), np.asarray(values, float)
    known = np.isfinite(y)
    cv2.putText(chart, name, (MARGIN, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    cv2.rectangle(chart, (MARGIN, MARGIN), (WIDTH - 12, HEIGHT - MARGIN), GRID, 1)
    if not known.any():
        return chart
    low, high, last = y[known].min(), y[known].max(), max(x.max(), 1)
    across = MARGIN + x / last * (WIDTH - 12 - MARGIN)
    down = HEIGHT - MARGIN - (y - low) / max(high - low, 1e-12) * (HEIGHT - 2 * MARGIN)
    points = np.rint(np.stack([across, down], -1)[known]).astype(np.int32)
    cv2.polylines(chart, [points], False, LINE, 1, cv2.LINE_AA)
    for point in points:
        cv2.circle(chart, tuple(int(v) for v in point), 2, LINE, -1, cv2.LINE_AA)
    for text, at in (
        (f"{high:.3g}", (2, MARGIN + 4)), (f"{low:.3g}", (2, HEIGHT - MARGIN + 4)),
        (f"{last:.0f} steps, last {y[known][-1]:.4g}", (MARGIN, HEIGHT - 14)),
    ):  # fmt: skip
        cv2.putText(chart, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, INK, 1, cv2.LINE_AA)
    return chart
