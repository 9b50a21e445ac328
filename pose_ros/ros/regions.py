"""Label images and 2D boxes as regions of an image."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from pose_ros.errors import EncodingError, FrameError, unknown
from pose_ros.types import Detections2D, RGBDFrame

LABEL_ENCODINGS = {
    "mono8": np.uint8, "8UC1": np.uint8, "mono16": np.uint16, "16UC1": np.uint16, "32SC1": np.int32,
}  # fmt: skip
FEWEST_PIXELS = 30  # a smaller region has no shape
MOST_REGIONS = 100  # more are no segmentation: a grey picture, or a network's scores


def everywhere(frame: RGBDFrame) -> Detections2D:
    """One region: all that has depth."""
    return Detections2D.unnamed(np.isfinite(frame.depth)[None])


def from_mask(message: Image, frame: RGBDFrame) -> Detections2D:
    """A region for every value but 0; what it is nobody says."""
    labels = labels_from_message(message)
    if labels.shape != frame.depth.shape:
        raise FrameError(
            f"segments are {labels.shape[1]}x{labels.shape[0]}, the image is "
            f"{frame.camera.width}x{frame.camera.height}: a mask must have the image's own pixels"
        )
    values, counts = np.unique(labels, return_counts=True)
    values = values[(values != 0) & (counts >= FEWEST_PIXELS)]
    if len(values) > MOST_REGIONS:
        raise FrameError(
            f"segments has {len(values)} values, at most {MOST_REGIONS} are regions: it must hold one "
            "number for each object and 0 elsewhere"
        )
    return Detections2D.unnamed(labels == values[:, None, None])


def labels_from_message(message: Image) -> np.ndarray:
    """(H,W) integers of a label image."""
    if message.encoding not in LABEL_ENCODINGS:
        raise EncodingError(unknown("encoding of segments", message.encoding, LABEL_ENCODINGS))
    kind = np.dtype(LABEL_ENCODINGS[message.encoding]).newbyteorder(">" if message.is_bigendian else "<")
    data, step = np.frombuffer(message.data, np.uint8), message.width * kind.itemsize
    if message.step < step or len(data) < message.height * message.step:
        raise EncodingError(
            f"segments has {len(data)} bytes and a step of {message.step}, "
            f"{message.width}x{message.height} {message.encoding} needs {message.height} steps of {step}"
        )
    rows = data[: message.height * message.step].reshape(message.height, message.step)[:, :step]
    return np.ascontiguousarray(rows).view(kind)


def from_boxes(
    message: Detection2DArray, frame: RGBDFrame, labels: Collection[str], report: Callable[[str], None]
) -> Detections2D:
    """The boxes, upright or turned, where there is depth, named by their best hypothesis.

    An empty name may be any model. Boxes of what is no model are left out and told of.
    """
    rows, columns = np.indices(frame.depth.shape)
    masks, names, scores, strange = [], [], [], set()
    for detection in message.detections:
        best = max((r.hypothesis for r in detection.results), key=lambda h: h.score, default=None)
        name = best.class_id if best else ""
        if name and name not in labels:
            strange.add(name)
            continue
        box = detection.bbox
        across, down = columns - box.center.position.x, rows - box.center.position.y
        cos, sin = np.cos(box.center.theta), np.sin(box.center.theta)
        inside = np.abs(across * cos + down * sin) <= box.size_x / 2
        inside &= np.abs(down * cos - across * sin) <= box.size_y / 2
        inside &= np.isfinite(frame.depth)
        if inside.sum() >= FEWEST_PIXELS:
            masks.append(inside)
            names.append(name)
            scores.append(best.score if best else 1.0)
    if strange:
        report(
            f"boxes of {', '.join(sorted(strange))} are left out: that is no model; "
            f"models: {', '.join(labels) or 'none'} (an empty class_id may be any)"
        )
    if not masks:
        return Detections2D.empty(*frame.depth.shape)
    return Detections2D(np.stack(masks), tuple(names), np.array(scores))
