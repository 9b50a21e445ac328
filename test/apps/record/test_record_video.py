"""Pictures go in and come out, in order, also from files that were cut off or joined."""

import numpy as np
import pytest

av = pytest.importorskip("av")
from takes import CODEC_ERROR, FPS, HEIGHT, WIDTH, picture  # noqa: E402

from pose_ros.apps.record.errors import RecordError  # noqa: E402
from pose_ros.apps.record.video import (  # noqa: E402
    CODECS,
    VideoConfig,
    VideoWriter,
    frames_of,
    join,
    key_of,
    read_video,
)
from pose_ros.errors import ShapeError  # noqa: E402


def write(path, numbers, codec="libsvtav1", close=True):
    writer = VideoWriter(path, HEIGHT, WIDTH, FPS, VideoConfig(codec=codec))
    for number in numbers:
        writer.add(picture(number))
    if close:
        writer.close()
    return writer


def check(path, numbers):
    frames = list(read_video(path))
    assert len(frames) == len(numbers) == frames_of(path)
    for frame, number in zip(frames, numbers, strict=True):
        assert np.abs(frame.astype(int) - picture(number)).mean() < CODEC_ERROR


def times(path):
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", CODECS)
def test_what_goes_in_comes_out(tmp_path, codec):
    write(tmp_path / "a.mp4", range(23), codec)
    check(tmp_path / "a.mp4", range(23))
    np.testing.assert_allclose(times(tmp_path / "a.mp4"), np.arange(23) / FPS, atol=1e-6)


def test_a_file_that_is_still_written_can_be_read(tmp_path):
    writer = write(tmp_path / "a.mp4", range(23), close=False)
    assert 23 - 2 * VideoConfig().key_every <= frames_of(tmp_path / "a.mp4") <= 23
    check(tmp_path / "a.mp4", range(frames_of(tmp_path / "a.mp4")))
    writer.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_file_cut_off_anywhere_is_read_up_to_there(tmp_path, seed):
    write(tmp_path / "a.mp4", range(30))
    whole = (tmp_path / "a.mp4").read_bytes()
    cut = int(np.random.default_rng(seed).integers(len(whole) // 2, len(whole)))
    (tmp_path / "b.mp4").write_bytes(whole[:cut])
    frames = frames_of(tmp_path / "b.mp4")
    assert 0 < frames <= 30
    got = list(read_video(tmp_path / "b.mp4", frames))
    assert len(got) == frames
    for n, frame in enumerate(got):
        assert np.abs(frame.astype(int) - picture(n)).mean() < CODEC_ERROR


def test_files_are_joined_without_loss(tmp_path):
    a, b, whole = (tmp_path / f"{name}.mp4" for name in ("a", "b", "whole"))
    write(a, range(13))
    write(b, range(40, 51))
    assert key_of(a) == key_of(b)
    join([(a, 12), (b, 11)], whole, FPS)  # the last picture of `a` has no row
    check(whole, [*range(12), *range(40, 51)])
    join([(whole, 23), (a, 5)], whole, FPS)  # onto itself
    check(whole, [*range(12), *range(40, 51), *range(5)])
    np.testing.assert_allclose(times(whole), np.arange(28) / FPS, atol=1e-6)
    for n, frame in enumerate(read_video(a, 12)):
        np.testing.assert_array_equal(frame, list(read_video(whole))[n])


def test_encoding_is_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.mp4", range(20))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(RecordError, match="even"):
        VideoWriter(tmp_path / "a.mp4", 63, 96, FPS, VideoConfig())
    with pytest.raises(ShapeError, match="picture"):
        write(tmp_path / "b.mp4", range(2), close=False).add(np.zeros((8, 8, 3), np.uint8))
    write(tmp_path / "c.mp4", range(4))
    with pytest.raises(RecordError, match="4 pictures, expected 9"):
        join([(tmp_path / "c.mp4", 9)], tmp_path / "d.mp4", FPS)
