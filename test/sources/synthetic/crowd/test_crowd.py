"""Random people: exact truth, everything from the seed, and as varied as they should be."""

import itertools

import cv2
import numpy as np
import pytest

from pose_ros.errors import SourceError
from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.crowd import crowd
from pose_ros.sources.synthetic.crowd.backdrops import backdrop, read_photos
from pose_ros.sources.synthetic.crowd.crowd import snapshots
from pose_ros.sources.synthetic.crowd.shot import APART, shot
from pose_ros.sources.synthetic.crowd.stances import stance

PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def taken():
    """Seven pictures of each of two seeds."""
    return [s for seed in (3, 4) for s in itertools.islice(snapshots(seed, [PHOTO]), 7)]


def test_visible_joints_lie_on_their_own_person(taken):
    count = 0
    for snapshot in taken:
        height, width = snapshot.owner.shape
        for n, (xy, visible) in enumerate(zip(snapshot.xy, snapshot.visible, strict=True)):
            u, v = np.rint(xy[visible]).astype(int).T
            assert ((u >= 0) & (u < width) & (v >= 0) & (v < height)).all()
            assert (snapshot.owner[v, u] == n + 1).all()
            count += len(u)
    assert count > 60


def test_joints_inside_lie_on_or_near_the_body(taken):
    """Also a hidden joint that is in the picture: a limb may be behind, a skeleton apart may not."""
    for snapshot in taken:
        height, width = snapshot.owner.shape
        for n, (xy, visible) in enumerate(zip(snapshot.xy, snapshot.visible, strict=True)):
            if visible.sum() < 12:
                continue
            away = cv2.distanceTransform((snapshot.owner != n + 1).astype(np.uint8), cv2.DIST_L2, 5)
            at = np.rint(xy).astype(int)
            inside = ((at >= 0) & (at < (width, height))).all(-1)
            extent = np.ptp(xy[inside], axis=0).max()
            assert away[at[inside, 1], at[inside, 0]].max() < 0.25 * extent


def test_owners_are_counted_from_one_and_none_is_empty(taken):
    for snapshot in taken:
        numbers = set(np.unique(snapshot.owner)) - {0}
        assert numbers == set(range(1, len(snapshot.xy) + 1))
        assert snapshot.visible.shape == snapshot.xy.shape[:2] == (len(numbers), 17)


def test_everything_follows_from_the_seed(taken):
    """Also whether other seeds were asked for before."""
    again = list(itertools.islice(snapshots(4, [PHOTO]), 2))
    for one, other in zip(taken[7:9], again, strict=True):
        for name in vars(one):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert taken[0].rgb.shape != taken[7].rgb.shape or not np.array_equal(taken[0].rgb, taken[7].rgb)


def test_pictures_are_exposed(taken):
    means = [snapshot.rgb.mean() for snapshot in taken]
    assert min(means) > 15
    assert np.ptp(means) > 30


def test_one_to_four_people_near_and_far():
    views = [shot(np.random.default_rng(seed)) for seed in range(300)]
    counts = np.bincount([len(view.feet) for view in views], minlength=5)
    assert counts[0] == 0
    assert (counts[1:5] > 20).all()
    assert min(view.reach for view in views) < 1.4
    assert max(view.reach for view in views) > 5
    for view in views:
        for a, b in itertools.combinations(view.feet, 2):
            assert np.hypot(*(a - b)) > APART
        rotation = view.world_from_camera.rotation
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0


def test_the_first_is_in_sight():
    """Somewhere between hips and head; a picture of nobody teaches little."""
    seen = 0
    for seed in range(200):
        view = shot(np.random.default_rng(seed))
        points = np.column_stack([np.tile(view.feet[0], (3, 1)), [0.9, 1.2, 1.5]])
        pixels = view.camera.project(view.world_from_camera.inverse().apply(points))
        seen += ((pixels > 0) & (pixels < (view.camera.width, view.camera.height))).all(-1).any()
    assert seen > 185


def test_limbs_take_all_directions():
    """Of the upper arm and thigh, in the trunk's frame: every octant that people reach."""
    ways = {"left_shoulder": [], "right_hip": []}
    for seed in range(400):
        name, pose = stance(np.random.default_rng(seed))
        segments = pose.segments()
        for part, trunk in (("left_shoulder", "chest"), ("right_hip", "pelvis")):
            ways[part].append(segments[trunk][0].T @ segments[part][0] @ [0, 0, -1])
        assert all(np.isfinite(rotation).all() for rotation in segments.values()), name
    octants = {part: {tuple(way) for way in np.sign(np.array(w)).astype(int)} for part, w in ways.items()}
    assert len({o for o in octants["left_shoulder"] if 0 not in o}) >= 7
    assert len({o for o in octants["right_hip"] if 0 not in o}) >= 5
    high = np.mean(np.array(ways["left_shoulder"])[:, 2] > 0.2)
    assert 0.08 < high < 0.5  # arms overhead, but not all the time


def test_backdrops_fill_the_picture():
    for seed in range(12):
        made = backdrop(np.random.default_rng(seed), (64, 48), [PHOTO] if seed % 2 else [])
        assert made.shape == (48, 64, 3)
        assert made.dtype == np.uint8
        assert made.std() > 2


def test_photos_of_a_folder(tmp_path):
    red = np.zeros((20, 2400, 3), np.uint8)
    red[..., 2] = 250
    cv2.imwrite(str(tmp_path / "a.png"), red)
    (tmp_path / "notes.txt").write_text("no picture")
    (photo,) = read_photos(tmp_path)
    assert photo.shape[1] == 1000
    assert photo[..., 0].min() > 240
    assert photo[..., 2].max() == 0
    assert read_photos(None) == []
    (tmp_path / "b.jpg").write_text("no picture either")
    with pytest.raises(SourceError, match=r"b\.jpg"):
        read_photos(tmp_path)
    with pytest.raises(SourceError, match="holds no pictures"):
        read_photos(tmp_path / "nowhere")


def test_who_can_hardly_be_seen_is_nobody(taken, monkeypatch):
    monkeypatch.setattr(crowd, "LEAST", 10**6)
    first = next(snapshots(3, [PHOTO]))
    assert len(first.xy) == 0
    assert not first.owner.any()
    assert np.array_equal(first.rgb, taken[0].rgb)
    assert len(COCO_17) == first.xy.shape[1]
