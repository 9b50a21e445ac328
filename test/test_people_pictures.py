"""Sets of synthetic pictures: resumable, made by several processes, apart from what is measured on."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from pose_ros.errors import ConfigError
from pose_ros.human.training.pictures import read_shards
from pose_ros.people_pictures import KEPT_APART, make_pictures, plain_pictures
from pose_ros.sources.synthetic.crowd import crowd


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Two pictures a room, of one person at hand: enough to see who makes what."""
    monkeypatch.setattr(crowd, "PICTURES", 2)


def test_a_set_is_resumed(tmp_path):
    whole = make_pictures(tmp_path, 3, seed=7, progress=False)
    assert len(whole) == 4  # whole rooms
    paths = [tmp_path / f"{room:08d}.npz" for room in (7, 8)]
    assert sorted(tmp_path.glob("*")) == paths
    before = [picture.rgb for picture in whole]
    made = paths[0].stat().st_mtime_ns
    paths[1].unlink()
    again = make_pictures(tmp_path, 3, seed=7, progress=False)
    assert paths[0].stat().st_mtime_ns == made
    for rgb, picture in zip(before, again, strict=True):
        np.testing.assert_array_equal(rgb, picture.rgb)


PROGRAM = """
import sys
from pose_ros.people_pictures import make_pictures
from pose_ros.sources.synthetic.crowd import crowd
crowd.PICTURES = 2
make_pictures(sys.argv[1], 4, seed=8, processes=2, progress=False)
"""


def test_several_processes_make_the_same(tmp_path):
    alone = make_pictures(tmp_path / "alone", 2, seed=8, progress=False)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "together")]
    program = subprocess.Popen(command, start_new_session=True)
    try:
        assert program.wait(240) == 0
    except subprocess.TimeoutExpired:  # seen once, within the whole suite
        os.killpg(program.pid, signal.SIGKILL)
        pytest.skip("two processes were not ready after four minutes")
    together = read_shards(tmp_path / "together")
    assert len(together) == 4
    for one, other in zip(alone, together[:2], strict=True):
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
