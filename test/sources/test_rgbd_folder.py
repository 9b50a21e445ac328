import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_ros.errors import ConfigError, SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.rgbd_folder import RGBDFolder, write_rgbd_folder
from pose_ros.sources.source import open_source, split_spec
from pose_ros.types import RGBDFrame

CAMERA = PinholeCamera(50, 51, 15.5, 11.5, 32, 24, "plumb_bob", (0.1, -0.2, 0, 0, 0.01))


def random_frames(count: int) -> list[RGBDFrame]:
    rng = np.random.default_rng(0)
    frames = []
    for n in range(count):
        rgb = cv2.resize(rng.integers(0, 256, (3, 4, 3), np.uint8), (32, 24))
        depth = rng.uniform(0.5, 6, (24, 32)).astype(np.float32)
        depth[:4] = np.nan
        frames.append(RGBDFrame(rgb, depth, CAMERA, 5_000_000_000 + n * 40_000_000, "camera"))
    return frames


@pytest.fixture
def folder(tmp_path) -> Path:
    write_rgbd_folder(tmp_path / "take", random_frames(3))
    return tmp_path / "take"


@pytest.mark.parametrize("scale", [1e-3, 2.5e-4])
def test_round_trip(tmp_path, scale):
    frames = random_frames(3)
    assert write_rgbd_folder(tmp_path, frames, depth_scale=scale) == ["00000", "00001", "00002"]
    source = open_source(str(tmp_path))
    assert (len(source), source.keys(), source.camera) == (3, ["00000", "00001", "00002"], CAMERA)
    for _ in range(2):  # it can be iterated again
        for want, have in zip(frames, source, strict=True):
            np.testing.assert_array_equal(have.rgb, want.rgb)
            np.testing.assert_allclose(have.depth, want.depth, atol=scale / 2 + 1e-6)
            assert have.stamp_ns == want.stamp_ns


def test_jpeg_is_read(tmp_path):
    write_rgbd_folder(tmp_path, random_frames(1), suffix=".jpg")
    (frame,) = RGBDFolder(tmp_path)
    assert np.abs(frame.rgb.astype(int) - random_frames(1)[0].rgb).mean() < 4


def test_without_times_frames_come_at_30_hz(folder):
    (folder / "times.json").unlink()
    stamps = [frame.stamp_ns for frame in RGBDFolder(folder)]
    assert stamps[0] > 0
    np.testing.assert_allclose(np.diff(stamps), 1e9 / 30, atol=1)


def edit_camera(folder: Path, **changes) -> None:
    document = json.loads((folder / "camera.json").read_text()) | changes
    kept = {name: value for name, value in document.items() if value is not None}
    (folder / "camera.json").write_text(json.dumps(kept))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def write_depth(folder: Path, depth: np.ndarray) -> None:
    cv2.imwrite(str(folder / "depth/00000.png"), depth)


BREAKS = {
    "no camera": (lambda f: (f / "camera.json").unlink(), r"camera\.json does not exist"),
    "broken camera": (lambda f: (f / "camera.json").write_text("{"), "cannot be read"),
    "camera is a list": (lambda f: (f / "camera.json").write_text("[]"), "object"),
    "no focal length": (lambda f: edit_camera(f, fx=None), "fx"),
    "zero focal length": (lambda f: edit_camera(f, fx=0), "focal length"),
    "no scale": (lambda f: edit_camera(f, depth_scale=None), "depth_scale"),
    "negative scale": (lambda f: edit_camera(f, depth_scale=-1), "depth_scale"),
    "millimetres for metres": (lambda f: edit_camera(f, depth_scale=1.0), "depth_scale"),
    "metres for millimetres": (lambda f: edit_camera(f, depth_scale=1e-6), "depth_scale"),
    "other size": (lambda f: edit_camera(f, width=64), "64x24"),
    "no colour": (lambda f: [file.unlink() for file in (f / "color").iterdir()], "no color"),
    "missing depth": (lambda f: (f / "depth/00001.png").unlink(), "1 of 3 .* 00001"),
    "truncated depth": (lambda f: truncate(f / "depth/00001.png"), "truncated"),
    "truncated colour": (lambda f: truncate(f / "color/00002.png"), "truncated"),
    "empty colour": (lambda f: (f / "color/00002.png").write_bytes(b""), "truncated"),
    "8-bit depth": (
        lambda f: write_depth(f, np.zeros((24, 32), np.uint8)),
        "16-bit",
    ),
    "small depth": (
        lambda f: write_depth(f, np.zeros((12, 16), np.uint16)),
        "registered",
    ),
    "times of other frames": (lambda f: (f / "times.json").write_text('{"7": 1}'), r"times\.json"),
    "broken truth": (lambda f: (f / "truth.json").write_text('{"frames": 3}'), r"truth\.json"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_folders_say_what_is_wrong(folder, name):
    breaks, message = BREAKS[name]
    breaks(folder)
    with pytest.raises(SourceError, match=message):
        list(RGBDFolder(folder))


def test_depth_with_nothing_in_it_is_a_frame(folder):
    write_depth(folder, np.zeros((24, 32), np.uint16))
    assert np.isnan(RGBDFolder(folder).frame("00000").depth).all()


@pytest.mark.parametrize("spec", ["nowhere", "no/where.txt", "/tmp"])
def test_unknown_source_lists_the_kinds(spec):
    with pytest.raises(SourceError, match=r"synthetic.*RGB-D folder.*rosbag2.*video.*webcam"):
        open_source(spec)


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("synthetic:seed=3,people=2", ("synthetic", "seed=3,people=2")),
        ("dir/a:b", ("dir/a:b", "")),
        ("C:/video.mp4", ("C:/video.mp4", "")),
        ("bag:image=/a/b", ("bag", "image=/a/b")),
    ],
)
def test_split_spec(spec, parts):
    assert split_spec(spec) == parts


@pytest.mark.parametrize("spec", ["clip.mp4:fow=60", "clip.mp4:fov=wide", "clip.mp4:fov=60,wide"])
def test_bad_options_list_the_valid_ones(spec):
    with pytest.raises(ConfigError, match="fov"):
        open_source(spec)


REAL = Path(__file__).parents[3] / "shared/data/human_rgbd"


@pytest.mark.skipif(not REAL.exists(), reason="recorded frames ../shared/data/human_rgbd are not here")
def test_recorded_folder():
    source = RGBDFolder(REAL)
    frame = next(iter(source))
    assert len(source) == 20
    assert 0.5 < np.nanmedian(frame.depth) < 10
