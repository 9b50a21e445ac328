"""The files of a LeRobotDataset v3.0: where they lie, how they are written whole or not at all.

Source of the layout: Hugging Face LeRobot's documentation of LeRobotDataset v3.0; its own loader reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.apps.record.errors import needed_for_recording

with needed_for_recording():
    import pyarrow as pa
    import pyarrow.parquet as pq

VERSION = "v3.0"
INFO, STATS, TASKS = Path("meta/info.json"), Path("meta/stats.json"), Path("meta/tasks.parquet")
EPISODES = Path("meta/episodes/chunk-000/file-000.parquet")
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
FILES_A_CHUNK = 1000
DATA_MB, VIDEO_MB = 100, 200  # about; a file is begun anew when it would grow larger
# Frames are found by float32 seconds within 0.1 ms: past 1024 s a float32 is coarser than that.
VIDEO_SECONDS = 1000


def place_of(number: int) -> dict[str, int]:
    """chunk_index and file_index of the n-th file."""
    return {"chunk_index": number // FILES_A_CHUNK, "file_index": number % FILES_A_CHUNK}


def number_of(chunk_index: int, file_index: int) -> int:
    return chunk_index * FILES_A_CHUNK + file_index


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(content, indent=4, ensure_ascii=False))
    unfinished.replace(path)


def write_parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    pq.write_table(table, unfinished, compression="snappy")
    unfinished.replace(path)


def read_parquet(path: Path) -> pa.Table:
    return pq.read_table(path, partitioning=None)  # a folder's name is no column


def tasks_table(tasks: list[str]) -> pa.Table:
    """task_index by task, the task being the index of a pandas frame: its reader looks for that."""
    index = {
        "name": None,
        "field_name": "__index_level_0__",
        "pandas_type": "unicode",
        "numpy_type": "object",
        "metadata": None,
    }
    column = {
        "name": "task_index",
        "field_name": "task_index",
        "pandas_type": "int64",
        "numpy_type": "int64",
        "metadata": None,
    }
    about = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [],
        "columns": [column, index],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "__index_level_0__": tasks})
    return table.replace_schema_metadata({"pandas": json.dumps(about)})


def column(values: np.ndarray, dtype: str) -> pa.Array:
    """A feature's values: (N,1) as scalars, (N,n) as lists of n, as LeRobot's loader takes them."""
    kind = {"float32": pa.float32(), "int64": pa.int64(), "bool": pa.bool_()}[dtype]
    flat = pa.array(np.ascontiguousarray(values).reshape(-1), kind)
    return flat if values.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def as_lists(stats: dict[str, np.ndarray]) -> dict[str, list]:
    return {name: np.asarray(value).tolist() for name, value in stats.items()}
