"""Training pictures: what they are made of, and shards they come back from."""

import numpy as np
import pytest

from pose_ros.errors import ShapeError, SourceError
from pose_ros.human.training.pictures import TrainingPicture, read_shards, write_shard, write_shards


def picture(seed: int = 0, people: int = 2, size: tuple[int, int] = (40, 30)) -> TrainingPicture:
    """Smooth colours (a JPEG keeps them), people as boxes of pixels, joints here and there, some outside."""
    rng, (width, height) = np.random.default_rng(seed), size
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 200, height))
    rgb = np.stack([x, y, (x + y) / 2 + rng.integers(50)], -1).astype(np.uint8)
    owner = np.zeros((height, width), np.uint8)
    for n in range(people):
        owner[3 + 4 * n : 20 + n, 5 + 12 * n : 15 + 12 * n] = n + 1
    xy = rng.uniform((-5, -5), (width + 4, height + 4), (people, 17, 2))
    return TrainingPicture.of(rgb, xy, rng.random((people, 17)) < 0.7, owner)


def test_what_is_outside_is_not_labelled():
    xy = np.zeros((1, 17, 2))
    xy[0, :6] = [(-0.4, 0), (-0.6, 0), (39.4, 29.4), (39.6, 3), (3, 29.6), (np.nan, 3)]
    owner = np.zeros((30, 40), np.uint8)
    made = TrainingPicture.of(np.zeros((30, 40, 3), np.uint8), xy, np.ones((1, 17), bool), owner)
    assert made.labelled[0, :6].tolist() == [True, False, True, False, False, False]
    assert made.labelled[0, 6:].all()
    assert np.array_equal(made.visible, made.labelled)


def test_masks_and_boxes():
    made = picture()
    assert made.mask.shape == (2, 30, 40)
    assert made.mask[0].sum() == 17 * 10
    assert not (made.mask[0] & made.mask[1]).any()
    np.testing.assert_array_equal(made.box_xyxy, [(5, 3, 14, 19), (17, 7, 26, 20)])
    gone = TrainingPicture.of(made.rgb, made.xy, made.visible, np.where(made.owner == 1, 0, made.owner))
    assert np.isnan(gone.box_xyxy[0]).all()
    assert np.isfinite(gone.box_xyxy[1]).all()


def test_nobody():
    nobody = picture(people=0)
    assert len(nobody) == 0
    assert nobody.mask.shape == (0, 30, 40)
    assert nobody.box_xyxy.shape == (0, 4)


def test_selected_people_are_renumbered():
    made = picture(people=3)
    chosen = made.select([2, 0])
    np.testing.assert_array_equal(chosen.xy, made.xy[[2, 0]])
    np.testing.assert_array_equal(chosen.mask, made.mask[[2, 0]])
    assert not chosen.owner[made.owner == 2].any()
    assert len(made.select([])) == 0


@pytest.mark.parametrize("name", ["rgb", "xy", "labelled", "visible", "owner"])
def test_shapes_are_checked(name):
    made = picture()
    parts = vars(made) | {name: getattr(made, name)[:-1]}
    with pytest.raises(ShapeError):
        TrainingPicture(**parts)


def test_types_and_owners_are_checked():
    made = picture()
    with pytest.raises(ShapeError, match="uint8"):
        TrainingPicture(**vars(made) | {"owner": made.owner.astype(int)})
    with pytest.raises(ShapeError, match="there are 2"):
        TrainingPicture(**vars(made) | {"owner": np.full_like(made.owner, 3)})


def test_shards_give_back_what_was_written(tmp_path):
    written = [picture(seed, people=seed % 3, size=(40 + seed, 30)) for seed in range(7)]
    assert len(write_shards(tmp_path, written, size=3)) == 3
    read = read_shards(tmp_path)
    assert len(read) == 7
    for one, other in zip(written, read, strict=True):
        np.testing.assert_array_equal(one.owner, other.owner)
        np.testing.assert_array_equal(one.labelled, other.labelled)
        np.testing.assert_array_equal(one.visible, other.visible)
        np.testing.assert_allclose(one.xy, other.xy, atol=1e-5)
        assert np.abs(one.rgb.astype(int) - other.rgb).mean() < 3  # red stays red, too
    assert [len(p) for p in read[1:5:2]] == [1, 0]
    assert len(read[-1]) == len(written[-1])


def test_a_shard_is_written_whole_or_not_at_all(tmp_path):
    class Stopped(Exception):
        pass

    class Slow(list):
        def __iter__(self):
            yield picture()
            raise Stopped

    with pytest.raises(Stopped):
        write_shard(tmp_path / "0.npz", Slow())
    with pytest.raises(SourceError, match="no training pictures"):
        read_shards(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_cut_shard_is_said_aloud(tmp_path, share):
    write_shard(tmp_path / "0.npz", [picture()])
    whole = (tmp_path / "0.npz").read_bytes()
    (tmp_path / "0.npz").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match=r"0\.npz"):
        read_shards(tmp_path)


def test_a_shard_that_rots_is_said_aloud(tmp_path):
    write_shard(tmp_path / "0.npz", [picture()])
    read = read_shards(tmp_path)
    whole = bytearray((tmp_path / "0.npz").read_bytes())
    whole[80:400] = b"\x55" * 320  # in the first array, before the list of contents
    (tmp_path / "0.npz").write_bytes(whole)
    with pytest.raises(SourceError, match="picture 0"):
        read[0]
