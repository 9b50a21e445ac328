"""BOP's CSV, written and read again; broken lines are named."""

import numpy as np
import pytest

from pose_ros.errors import SourceError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.bop_results import HEADER, Estimate, read_results, write_results


def test_written_and_read_again(tmp_path):
    rng = np.random.default_rng(0)
    written = [Estimate(48, n, 8, 0.1 * n, RigidTransform.exp(rng.normal(size=6)), 0.5) for n in range(4)]
    write_results(tmp_path / "new" / "ours.csv", written)
    read = read_results(tmp_path / "new" / "ours.csv")
    assert [(one.scene_id, one.im_id, one.obj_id, one.time) for one in read] == [
        (48, n, 8, 0.5) for n in range(4)
    ]
    for a, b in zip(read, written, strict=True):
        assert a.score == pytest.approx(b.score)
        np.testing.assert_allclose(a.camera_from_object.rotation, b.camera_from_object.rotation, atol=1e-8)
        np.testing.assert_allclose(
            a.camera_from_object.translation, b.camera_from_object.translation, atol=1e-8
        )


def test_a_line_of_bop(tmp_path):
    """As in BOP's description: R row by row, t in mm; files without a header exist, too."""
    line = "1,2,3,0.5,0 -1 0 1 0 0 0 0 1,10 20 700,1.5"
    for text in (line + "\n", ",".join(HEADER) + "\n" + line + "\n"):
        (tmp_path / "their.csv").write_text(text)
        (one,) = read_results(tmp_path / "their.csv")
        np.testing.assert_allclose(one.camera_from_object.apply(np.array([1.0, 0, 0])), [0.01, 1.02, 0.7])
        assert (one.scene_id, one.im_id, one.obj_id, one.score, one.time) == (1, 2, 3, 0.5, 1.5)


@pytest.mark.parametrize(
    "line", ["1,2,3", "1,2,3,0.5,0 1 2,10 20 700,1", "1,2,3,high,1 0 0 0 1 0 0 0 1,0 0 1,1"]
)
def test_broken_lines_are_named(line, tmp_path):
    (tmp_path / "broken.csv").write_text("1,2,3,0.5,1 0 0 0 1 0 0 0 1,0 0 1,1\n" + line + "\n")
    with pytest.raises(SourceError, match="result 2"):
        read_results(tmp_path / "broken.csv")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        read_results(tmp_path / "none.csv")
