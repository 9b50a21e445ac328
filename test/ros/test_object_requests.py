"""How the answer of ~/detect is worded, and what it takes for found."""

from __future__ import annotations

import numpy as np
import pytest
from stand_in_objects import COVARIANCE

from pose_ros.errors import FrameError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.object_requests import DetectRequest, model_requests
from pose_ros.types import Objects, RGBDFrame, TrackedObject, TrackState

MODELS = ("box", "cup", "tin")


def objects(*states_and_labels, reasons=None) -> Objects:
    """Each owns ten columns of the label image, from the left."""
    label_image = np.zeros((40, 100), np.uint8)
    things = []
    for n, (state, label) in enumerate(states_and_labels, 1):
        label_image[:, 10 * n - 10 : 10 * n] = n
        pose = RigidTransform(np.eye(3), [0, 0, 1.0])
        things.append(TrackedObject(f"{label}_{n}", label, state, 2, 0.75, pose, COVARIANCE, 1.0, 1.0, False))
    return Objects(tuple(things), label_image, reasons or {}, 1, "camera")


TRACKED, TENTATIVE, LOST = TrackState.TRACKED, TrackState.TENTATIVE, TrackState.LOST


@pytest.mark.parametrize(
    ("seen", "labels", "roi", "expected"),
    [
        (
            [(TRACKED, "box"), (TRACKED, "box"), (TRACKED, "cup")],
            None,
            None,
            (True, "found box_1 (0.75), box_2 (0.75), cup_3 (0.75); no tin: too far"),
        ),
        ([(TRACKED, "box")], ("cup",), None, (False, "no cup: it is not in sight")),
        ([(TENTATIVE, "box")], ("box",), None, (False, "no box: seen, but not confirmed yet")),
        ([(LOST, "box")], ("box",), None, (False, "no box: it is not in sight")),
        ([(TRACKED, "box"), (TRACKED, "box")], ("box",), (10, 0, 50, 40), (True, "found box_2 (0.75)")),
        ([(TRACKED, "box")], ("box",), (-20, -5, 3, 3), (True, "found box_1 (0.75)")),
    ],
)
def test_the_answer_names_what_is_there_and_of_the_rest_why_not(seen, labels, roi, expected):
    request = DetectRequest(labels, roi)
    assert request.verdict(objects(*seen, reasons={"tin": "too far"}), MODELS) == expected


def test_a_region_is_cut_to_the_image_and_must_touch_it():
    camera = PinholeCamera(50.0, 50.0, 50.0, 20.0, 100, 40)
    frame = RGBDFrame(np.zeros((40, 100, 3), np.uint8), np.ones((40, 100), np.float32), camera, 1, "c")
    assert DetectRequest(roi=(90, -30, 200, 200)).roi_within(frame) == (90, 0, 100, 40)
    assert DetectRequest().roi_within(frame) is None
    with pytest.raises(FrameError, match="outside the image of 100x40"):
        DetectRequest(roi=(100, 0, 120, 20)).roi_within(frame)


def test_a_label_with_dots_is_no_option():
    wanted, refused = model_requests({"mug.v2": "/m.obj", "mug.v2.unit": "cm"})
    assert refused == {}
    (path, unit, up) = wanted["mug.v2"]
    assert (str(path), unit, up) == ("/m.obj", "cm", "z")
