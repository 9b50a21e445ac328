import cv2
import numpy as np
import pytest

from pose_ros.errors import SourceError
from pose_ros.sources.source import open_source


@pytest.fixture
def clip(tmp_path):
    """Ten frames of growing brightness, at 20 Hz."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for n in range(10):
        writer.write(np.full((48, 64, 3), (0, 10 * n, 20 * n), np.uint8))
    writer.release()
    return path


def test_frames_of_a_video(clip):
    source = open_source(str(clip))
    for _ in range(2):
        frames = list(source)
        assert len(frames) == len(source) == len(source.keys()) == 10
        for n, frame in enumerate(frames):
            np.testing.assert_allclose(frame.rgb.mean((0, 1)), (20 * n, 10 * n, 0), atol=6)
            assert np.isnan(frame.depth).all()
        np.testing.assert_allclose(np.diff([frame.stamp_ns for frame in frames]), 50_000_000, atol=1)


@pytest.mark.parametrize(("spec", "fov"), [("", 60), (":fov=90", 90)])
def test_camera_follows_from_the_field_of_view(clip, spec, fov):
    camera = open_source(f"{clip}{spec}").camera
    left, right = camera.rays(np.array([[-0.5, 24], [63.5, 24]]))[:, 0]
    assert np.degrees(np.arctan(right) - np.arctan(left)) == pytest.approx(fov)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_broken_video(tmp_path, content):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(SourceError, match="no frame"):
        open_source(str(tmp_path / "clip.mp4"))


def test_missing_video_and_webcam():
    with pytest.raises(SourceError, match="does not exist"):
        open_source("nowhere.mp4")
    with pytest.raises(SourceError, match="webcam 97"):
        open_source("97")
