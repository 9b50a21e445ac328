"""Objectron on real cups: boxes in metres around the thing; what it does not know is said."""

import json

import cv2
import numpy as np
import pytest
import torch
from boxes import detections

from pose_ros.errors import BackendError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.objects.backends.backend import make_backend
from pose_ros.objects.backends.objectron import CATEGORIES, Objectron, ObjectronConfig, category_of
from pose_ros.objects.segment import Segmenter
from pose_ros.types import Detections2D, RGBDFrame
from pose_ros.weights import WEIGHTS

DEMO_CAMERA = PinholeCamera(1066.778, 1067.487, 312.9869, 241.3109, 640, 480)


@pytest.fixture(scope="module")
def objectron(weights_of):
    for name in ("cup", "chair", "camera", "shoe", "detector"):
        weights_of(f"objectron_{name}")
    return make_backend("objectron")


def frame_of(color, depth, scale, camera) -> RGBDFrame:
    rgb = cv2.cvtColor(cv2.imread(str(color)), cv2.COLOR_BGR2RGB)
    metres = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED) * scale
    metres = np.where(metres > 0, metres, np.nan).astype(np.float32)
    return RGBDFrame(rgb, metres, camera, 0, "camera")


def mug(data, number):
    """A real frame, the mug's mask and its true place, m."""
    folder = data / "ycbv" / "test" / "000000"
    name = f"{number:06d}"
    color = next((folder / "rgb").glob(f"{name}.*"))
    frame = frame_of(color, folder / "depth" / f"{name}.png", 1e-4, DEMO_CAMERA)
    label = cv2.imread(str(folder / "label" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    poses = json.loads((folder / "scene_gt.json").read_text())[str(number)]
    place = next(pose["cam_t_m2c"] for pose in poses if pose["obj_id"] == 14)
    return frame, label == 14, np.array(place) / 1000


@pytest.mark.parametrize("number", range(1, 11))
def test_a_real_mug_named_by_its_detection(objectron, data, number):
    frame, mask, place = mug(data, number)
    found = objectron(frame, detections(mask[None], ["mug"]))
    assert found.poses.label == ("cup",)
    pose = found.poses.camera_from_object
    assert np.linalg.norm(pose.translation[0] - place) < 0.045  # a third of it is behind the brick
    assert found.size.min() > 0.04
    assert found.size.max() < 0.14
    # It stands on the desk: up, which for the camera is (0.06, -0.81, -0.57).
    assert pose.rotation[0, :, 1] @ [0.06, -0.81, -0.57] > np.cos(np.radians(30))
    assert found.poses.score[0] > 0.5
    assert (found.poses.mask[0] == mask).all()
    assert (np.linalg.eigvalsh(found.poses.covariance[0]) > 0).all()


def test_a_cup_found_without_any_name(objectron, data):
    folder = data / "ycbv" / "demo"
    frame = frame_of(folder / "000002-color.png", folder / "000002-depth.png", 1e-4, DEMO_CAMERA)
    found = objectron(frame, Segmenter()(frame), labels=["cup"])
    assert found.poses.label == ("cup",)
    middle = frame.camera.project(found.poses.camera_from_object.translation)[0]
    assert np.linalg.norm(middle - [543, 70]) < 30
    assert 0.05 < found.size[0, 1] < 0.16
    assert set(found.reasons) == {"cup"}


def test_of_two_boxes_of_one_thing_the_better_stays(objectron, data):
    frame, mask, _ = mug(data, 1)
    masks = np.stack([mask, mask & np.roll(mask, 10, axis=1)])
    found = objectron(frame, detections(masks, ["mug", "cup"]))
    assert len(found.poses) == 1


def test_nothing_comes_of_nothing_and_the_reason_is_told(objectron, data):
    frame, mask, _ = mug(data, 1)
    none = objectron(frame, Detections2D.empty(480, 640))
    assert len(none.poses) == 0
    assert none.poses.mask.shape == (0, 480, 640)
    assert set(none.reasons) == set(CATEGORIES)
    blind = RGBDFrame(frame.rgb, np.full_like(frame.depth, np.nan), frame.camera, 0, "camera")
    found = objectron(blind, detections(mask[None], ["cup"]))
    assert len(found.poses) == 0
    assert "no depth" in found.reasons["cup"]
    assert "empty" in objectron(frame, detections(np.zeros_like(mask)[None], ["cup"])).reasons["cup"]
    other = objectron(frame, detections(mask[None], ["gelatin box"]), labels=["shoe"])
    assert len(other.poses) == 0


def test_presence_decides(weights_of, data):
    weights_of("objectron_cup")
    frame, mask, _ = mug(data, 1)
    strict = Objectron(ObjectronConfig(margin=1.0))  # not how the network was trained
    found = strict(frame, detections(mask[None], ["cup"]))
    assert len(found.poses) == 0
    assert "sure" in found.reasons["cup"]


class Camera(torch.nn.Module):
    """Stands in for a network and keeps the picture it is shown."""

    def forward(self, image):
        self.image = image
        return torch.linspace(60, 160, 18)[None], torch.ones(1, 1)


def test_the_networks_are_shown_what_their_weights_say(objectron):
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[:, 100:] = (255, 255, 0)
    network = Camera()
    objectron._networks["shoe"] = network
    columns, rows = np.meshgrid(np.arange(60, 140), np.arange(30, 70))
    points, presence = objectron._points(rgb, (columns.ravel(), rows.ravel()), "shoe")
    del objectron._networks["shoe"]
    assert network.image.shape == (1, 3, 224, 224)
    assert (network.image.min(), network.image.max()) == WEIGHTS["objectron_shoe"].input_range
    assert network.image[0, :, 112, 200].tolist() == [1.0, 1.0, 0.0]
    assert presence == 1.0
    # The crop is 1.5 times 80 px wide about (99.5, 49.5): its middle is that, its border 60 px from it.
    np.testing.assert_allclose(
        points[0], (np.array([60, 60 + 100 / 17]) - 112) * (119.5 / 224) + (99.5, 49.5)
    )


def test_categories():
    assert category_of("mug") == category_of("cup") == "cup"
    assert category_of("boot") == "shoe"
    with pytest.raises(BackendError, match="cup, chair, camera, shoe"):
        category_of("spoon")
    with pytest.raises(BackendError, match="objectron, foundationpose, megapose"):
        make_backend("densefusion")
