"""A comparison as a picture: both bodies side by side, which segment deviates when, the worst angles."""

from __future__ import annotations

import cv2
import numpy as np

from pose_ros.apps.posture.angles import ROW
from pose_ros.apps.posture.compare import Comparison, mean_apart
from pose_ros.apps.posture.movement import POINTS, RATE, SEGMENTS, Movement

WIDTH, BODIES, STRIP, PLOT, MARGIN, LABELS = 1200, 330, 230, 110, 16, 190  # px
PAPER, INK, FAINT, REFERENCE, TAKE = (
    (255, 255, 255),
    (40, 40, 40),
    (215, 215, 215),
    (150, 110, 60),
    (30, 90, 220),
)
PLOTS = 4
FAR = np.radians(45)  # deviation that is drawn in full red
VIEW = np.radians(25)  # bodies are seen from so far aside, that depth shows


def draw_comparison(
    reference: Movement,
    take: Movement,
    comparison: Comparison,
    names: tuple[str, str] = ("reference", "take"),
) -> np.ndarray:
    """(H,W,3) uint8 RGB."""
    parts = [
        _title(comparison, names),
        _bodies(reference, take, comparison),
        _strip(comparison),
        *(_plot(name, reference, take, comparison) for name, _ in comparison.worst(PLOTS)),
        _axis(len(reference)),
    ]
    return np.concatenate(parts)[..., ::-1]


def _title(comparison: Comparison, names: tuple[str, str]) -> np.ndarray:
    row = _paper(64)
    degrees = np.degrees(comparison.distance)
    _text(row, f"{comparison.score:.0f} of 100", (MARGIN, 34), 1.0, INK, 2)
    told = f"segments {degrees:.1f} deg apart on average, tempo {comparison.tempo:.2f} of the reference"
    _text(row, told, (MARGIN + 230, 32), 0.55)
    _text(row, names[0], (MARGIN + 230, 56), 0.5, REFERENCE)
    _text(row, names[1], (MARGIN + 230 + 10 * (len(names[0]) + 3), 56), 0.5, TAKE)
    return row


def _bodies(reference: Movement, take: Movement, comparison: Comparison) -> np.ndarray:
    """Both at the start, at a third, at two thirds, and where they differ most."""
    row = _paper(BODIES)
    rows, worst = len(reference), comparison.worst_moment
    moments = [(rows // 6, ""), (rows // 2, ""), (5 * rows // 6, ""), (worst, "farthest apart: ")]
    width = WIDTH // len(moments)
    for n, (moment, told) in enumerate(moments):
        matched = comparison.path[comparison.path[:, 0] == moment, 1]
        partner = int(matched[len(matched) // 2])
        left = n * width
        colors = [_heat(apart) for apart in comparison.apart[moment]]
        _body(row, reference.points[moment], (left + width // 4, BODIES // 2), [REFERENCE] * len(SEGMENTS))
        _body(row, take.points[partner], (left + 3 * width // 4, BODIES // 2), colors)
        text = f"{told}{moment / RATE:.1f} s | {partner / RATE:.1f} s"
        _text(row, text, (left + width // 2 - 4 * len(text), BODIES - 10), 0.45)
        if n:
            cv2.line(row, (left, 10), (left, BODIES - 10), FAINT, 1)
    return row


def _body(picture: np.ndarray, points: np.ndarray, centre: tuple[int, int], colors: list) -> None:
    """A body (P,3) with its middle at `centre`, seen from before and a little from its left."""
    right = np.array([np.sin(VIEW), np.cos(VIEW), 0.0])  # who faces us has their left at our right
    flat = np.stack([points @ right, -points[:, 2]], axis=-1)
    known = np.isfinite(flat).all(-1)
    if not known.any():
        _text(picture, "unknown", (centre[0] - 30, centre[1]), 0.5)
        return
    middle = (flat[known].min(axis=0) + flat[known].max(axis=0)) / 2
    pixels = np.nan_to_num((flat - middle) * (BODIES - 90) / 1.5 + centre).round().astype(int)
    for (a, b), color in zip(SEGMENTS.values(), colors, strict=True):
        a, b = POINTS.index(a), POINTS.index(b)
        if known[a] and known[b]:
            cv2.line(picture, pixels[a], pixels[b], color, 4, cv2.LINE_AA)
    ears = POINTS.index("ears")
    if known[ears]:
        cv2.circle(picture, pixels[ears], 9, colors[list(SEGMENTS).index("head")], 3, cv2.LINE_AA)
    side = POINTS.index("left_wrist")
    if known[side]:
        _text(picture, "L", tuple(pixels[side] + [6, 6]), 0.4)


def _strip(comparison: Comparison) -> np.ndarray:
    """A row a segment and one for their mean: white where both agree, red where they are far apart."""
    row = _paper(STRIP)
    values = np.column_stack([mean_apart(comparison.apart), comparison.apart])
    names = ("all", *(name.replace("_", " ") for name in SEGMENTS))
    height = (STRIP - 20) // len(names)
    for n, name in enumerate(names):
        top = 8 + n * height + (4 if n else 0)
        _text(row, name, (MARGIN, top + height - 4), 0.42)
        colors = np.array([_heat(value, PAPER) for value in values[:, n]], np.uint8)[None]
        line = cv2.resize(colors, (WIDTH - LABELS - MARGIN, height - 1), interpolation=cv2.INTER_NEAREST)
        row[top : top + height - 1, LABELS : WIDTH - MARGIN] = line
    return row


def _plot(name: str, reference: Movement, take: Movement, comparison: Comparison) -> np.ndarray:
    """One angle of both over the reference's time, what lies between them shaded."""
    row = _paper(PLOT)
    rows = len(reference)
    first = np.degrees(reference.angles[:, ROW[name]])
    second = first + np.degrees(comparison.deviation[:, ROW[name]])
    both = np.concatenate([first, second])
    low, high = np.nanmin(both), np.nanmax(both)
    low, high = low - 5, max(high + 5, low + 20)
    x = np.linspace(LABELS, WIDTH - MARGIN - 1, rows)
    lines = [
        np.stack([x, PLOT - 8 - (line - low) / (high - low) * (PLOT - 16)], axis=-1)
        for line in (first, second)
    ]
    for a, b in _runs(np.isfinite(first) & np.isfinite(second)):
        area = np.concatenate([lines[0][a:b], lines[1][a:b][::-1]]).round().astype(np.int32)
        cv2.fillPoly(row, [area], (225, 225, 250))
    for line, color in zip(lines, (REFERENCE, TAKE), strict=True):
        for a, b in _runs(np.isfinite(line).all(-1)):
            cv2.polylines(row, [line[a:b].round().astype(np.int32)], False, color, 2, cv2.LINE_AA)
    rms = np.sqrt(np.nanmean((first - second) ** 2))
    _text(row, name.replace("_", " "), (MARGIN, PLOT // 2 - 6), 0.45)
    _text(row, f"{rms:.0f} deg RMS", (MARGIN, PLOT // 2 + 14), 0.42)
    for level, y in ((high, 14), (low, PLOT - 6)):
        _text(row, f"{level:.0f}", (LABELS - 40, y), 0.38)
    cv2.line(row, (LABELS, 0), (LABELS, PLOT), FAINT, 1)
    cv2.line(row, (LABELS, PLOT - 1), (WIDTH - MARGIN, PLOT - 1), FAINT, 1)
    return row


def _axis(rows: int) -> np.ndarray:
    row = _paper(30)
    seconds = (rows - 1) / RATE
    for second in np.arange(0, seconds + 1e-6, max(1, round(seconds / 10))):
        x = LABELS + round((WIDTH - LABELS - MARGIN) * second / max(seconds, 1e-6))
        _text(row, f"{second:g} s", (x, 18), 0.4)
    return row


def _runs(known: np.ndarray) -> list[tuple[int, int]]:
    """(first, after last) of every stretch of at least two known values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(int), [0]])))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]


def _heat(apart: float, none: tuple[int, int, int] = (90, 160, 70)) -> tuple[int, int, int]:
    """BGR from `none` to red; grey where unknown."""
    if not np.isfinite(apart):
        return FAINT
    share = float(np.clip(apart / FAR, 0, 1))
    return tuple(int(a + (b - a) * share) for a, b in zip(none, (40, 30, 220), strict=True))


def _paper(height: int) -> np.ndarray:
    return np.full((height, WIDTH, 3), PAPER, np.uint8)


def _text(
    picture: np.ndarray, text: str, corner: tuple, size: float, color: tuple = INK, thick: int = 1
) -> None:
    corner = tuple(int(c) for c in corner)
    cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, size, color, thick, cv2.LINE_AA)
