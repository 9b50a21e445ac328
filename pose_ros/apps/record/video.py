"""Pictures into mp4 that is whole up to its last fragment at any time, and joined without encoding anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pose_ros.apps.record.errors import RecordError, needed_for_recording
from pose_ros.config import option
from pose_ros.errors import unknown
from pose_ros.shapes import check_shape

with needed_for_recording():
    import av

# Every fragment starts with a key frame and is written when the next one comes.
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "fflags": "+flush_packets"}
WHOLE = {"movflags": "faststart"}
PIXELS = "yuv420p"
CODECS = ("libsvtav1", "mpeg4")
_NAMES = {"libsvtav1": "av1", "mpeg4": "mpeg4"}
_BROKEN = (av.error.FFmpegError, EOFError)


@dataclass(frozen=True)
class VideoConfig:
    codec: str = option(
        "libsvtav1", "AV1 as LeRobot's own sets have it, or the larger, cheaper MPEG-4", choices=CODECS
    )
    quality: int = option(
        30, "constant rate factor of AV1 (quantiser / 2 of MPEG-4): less is better", range=(1, 60)
    )
    preset: int = option(12, "effort of AV1: less is slower and smaller", range=(0, 13))
    key_every: int = option(
        5,
        "pictures from one key frame to the next: what a loader decodes at most for one picture, "
        "and what a killed process loses",
        range=(1, 300),
    )


class VideoWriter:
    """Pictures (H,W,3) uint8 at a fixed rate into a fragmented mp4."""

    def __init__(self, path: Path, height: int, width: int, fps: int, config: VideoConfig) -> None:
        if height % 2 or width % 2:
            raise RecordError(f"a video's height and width are even, got {height}x{width}")
        self.shape = (height, width, 3)
        self.frames = 0
        self._container = av.open(str(path), "w", format="mp4", options=FRAGMENTED)
        self._stream = self._container.add_stream(config.codec, rate=fps, options=_options(config))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, PIXELS
        self._stream.time_base = Fraction(1, fps)
        context = self._stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = config.key_every, 0, 1
        context.time_base = Fraction(1, fps)

    def add(self, rgb: np.ndarray) -> None:
        check_shape("picture", rgb, self.shape)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        picture.pts, picture.time_base = self.frames, self._stream.codec_context.time_base
        self._container.mux(self._stream.encode(picture))
        self.frames += 1

    def close(self) -> None:
        self._container.mux(self._stream.encode())
        self._container.close()


def _options(config: VideoConfig) -> dict[str, str]:
    if config.codec == "mpeg4":
        return {"qscale": str(max(config.quality // 2, 1)), "flags": "+qscale"}
    # One thread, no look-ahead, no reordering: what goes in comes out, the same every time.
    parameters = f"lp=1:pred-struct=1:lookahead=0:keyint={config.key_every}"
    return {"preset": str(config.preset), "crf": str(config.quality), "svtav1-params": parameters}


def about(feature_shape: tuple[int, ...], fps: int, config: VideoConfig) -> dict[str, object]:
    """What LeRobot's info.json tells of a video."""
    height, width, channels = feature_shape
    return {
        "video.height": height,
        "video.width": width,
        "video.channels": channels,
        "video.codec": _NAMES[config.codec],
        "video.pix_fmt": PIXELS,
        "video.is_depth_map": False,
        "video.fps": fps,
        "has_audio": False,
    }


def frames_of(path: Path) -> int:
    """How many pictures can be read: of a file that was cut off, those before the cut."""
    return sum(1 for _ in _packets(path, None))


def read_video(path: Path, limit: int | None = None) -> Iterator[np.ndarray]:
    """(H,W,3) uint8, in order."""
    context = None
    for packet in _packets(path, limit):  # decoders look ahead: give them nothing past the limit
        context = packet.stream.codec_context
        for frame in packet.decode():
            yield frame.to_ndarray(format="rgb24")
    for frame in context.decode(None) if context else ():
        yield frame.to_ndarray(format="rgb24")


def key_of(path: Path) -> tuple[object, ...]:
    """Only files of the same key can be joined."""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return context.name, context.width, context.height, context.pix_fmt, bytes(context.extradata or b"")


def join(parts: list[tuple[Path, int]], target: Path, fps: int) -> None:
    """Write `target` with the first so many pictures of each part, in order, without encoding them anew.

    `target` may be one of the parts: it is replaced when the new one is whole.
    """
    unfinished = target.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    shift = 0
    with av.open(str(unfinished), "w", format="mp4", options=WHOLE) as output:
        stream = None
        for path, frames in parts:
            if stream is None:
                with av.open(str(path)) as first:
                    stream = output.add_stream_from_template(first.streams.video[0], opaque=True)
            written = 0
            for packet in _packets(path, frames):
                packet.stream = stream
                packet.pts = packet.dts = shift + written
                packet.duration, packet.time_base = 1, Fraction(1, fps)
                output.mux(packet)
                written += 1
            if written < frames:
                raise RecordError(f"{path} has {written} pictures, expected {frames}")
            shift += frames
    unfinished.replace(target)


def _packets(path: Path, limit: int | None) -> Iterator[av.Packet]:
    """Packets in order; those of a file that was cut off end where it was."""
    count = 0
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.size == 0 or count == limit:
                    return
                if packet.is_corrupt:
                    return
                yield packet
                count += 1
    except _BROKEN:
        return


def check_codec(config: VideoConfig) -> None:
    """RecordError where this build of FFmpeg cannot write it."""
    if config.codec not in av.codecs_available:
        have = [codec for codec in CODECS if codec in av.codecs_available]
        raise RecordError(unknown("codec of this PyAV", config.codec, have))
