"""Sets of synthetic pictures: resumable, shared between processes, apart from what is measured on."""

import numpy as np
import pytest

from pose_ros.errors import ConfigError
from pose_ros.people_pictures import KEPT_APART, make_pictures, plain_pictures
from pose_ros.sources.synthetic.crowd import crowd


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Two pictures a room, of one person at hand: enough to see who makes what."""
    monkeypatch.setattr(crowd, "PICTURES", 2)


def test_a_set_is_resumed_and_shared(tmp_path):
    make_pictures(tmp_path / "parts", 5, seed=7, part=(1, 2), progress=False)
    assert sorted(path.stem for path in (tmp_path / "parts").glob("*.npz")) == ["00000008"]
    first = (tmp_path / "parts/00000008.npz").stat().st_mtime_ns
    parts = make_pictures(tmp_path / "parts", 5, seed=7, progress=False)
    assert (tmp_path / "parts/00000008.npz").stat().st_mtime_ns == first
    assert len(parts) == 6  # whole rooms
    for room in (7, 8, 9):
        assert (tmp_path / f"parts/{room:08d}.npz").exists()
    alone = make_pictures(tmp_path / "alone", 1, seed=8, progress=False)
    for one, other in zip(alone, parts[2:4], strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.xy, other.xy)


@pytest.mark.parametrize("seed", [-1, KEPT_APART, KEPT_APART - 1])
def test_seeds_for_measuring_are_not_trained_on(tmp_path, seed):
    with pytest.raises(ConfigError, match="seeds"):
        make_pictures(tmp_path, 4, seed=seed)


def test_plain_pictures_are_those_of_synth_people():
    (picture,) = plain_pictures([KEPT_APART + 1])
    assert picture.rgb.shape == (480, 640, 3)
    assert len(picture) == 2
    for n, (xy, visible) in enumerate(zip(picture.xy, picture.visible, strict=True)):
        u, v = np.rint(xy[visible]).astype(int).T
        assert (picture.owner[v, u] == n + 1).all()
        assert visible.sum() > 3
