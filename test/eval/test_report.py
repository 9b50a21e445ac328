import json
import math

import numpy as np

from pose_ros.eval import report


def test_unknown_becomes_null_and_numpy_becomes_plain(tmp_path):
    values = {"a": math.nan, "b": np.float32(np.inf), "c": [np.int64(3), math.nan], "d": {"e": np.eye(2)}}
    report.write_json(tmp_path / "deep/er/x.json", values)
    read = json.loads((tmp_path / "deep/er/x.json").read_text())
    assert read == {"a": None, "b": None, "c": [3, None], "d": {"e": [[1, 0], [0, 1]]}}


def test_table_aligns_numbers_right_and_shows_unknown_as_a_dash():
    text = report.table(["joint", "mm"], [["left_wrist", 7.25], ["nose", math.nan], ["hip", 120.0]])
    assert text.splitlines() == [
        "joint          mm",
        "----------  -----",
        "left_wrist    7.2",
        "nose            -",
        "hip         120.0",
    ]


def test_figures_leave_out_what_is_not_one_number():
    text = report.figures({"oks_mean": 0.8512, "n": 12, "unknown": math.nan, "rows": [1], "by": {}})
    assert text.splitlines() == ["oks_mean  0.851", "n         12", "unknown   -"]
