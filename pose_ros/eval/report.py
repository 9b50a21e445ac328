"""How figures are shown and kept: a text table, a JSON file in which unknown is null."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned text: words to the left, numbers to the right with one decimal, an unknown number as "-"."""
    cells = [list(headers), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    numeric = [
        any(_is_number(row[c]) for row in rows) and not any(isinstance(row[c], str) for row in rows)
        for c in range(len(headers))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def figures(values: dict[str, Any]) -> str:
    """One `key  value` line a scalar; longer values (lists, dictionaries) are left to the JSON."""
    scalars = {key: value for key, value in values.items() if not isinstance(value, list | tuple | dict)}
    width = max(map(len, scalars))
    return "\n".join(f"{key.ljust(width)}  {_figure(value)}" for key, value in scalars.items())


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write values (numpy's numbers and arrays too); NaN and infinity, which JSON lacks, become null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_plain(values), indent=1, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None or (_is_number(value) and math.isnan(value)):
        return "-"
    return f"{value:.1f}" if isinstance(value, float | np.floating) else str(value)


def _figure(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) and 0 < abs(value) < 1 else _cell(value)
