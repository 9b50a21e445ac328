"""FoundationPose and MegaPose are called as their authors mean it: stand-ins for their modules check how."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from boxes import CAMERA, box_model, detections, drawn, matrix

from pose_ros.errors import BackendError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.backends import foundationpose, megapose
from pose_ros.objects.backends.backend import make_backend
from pose_ros.objects.backends.foundationpose import FoundationPoseBackend, FoundationPoseConfig
from pose_ros.objects.backends.megapose import MegaPoseBackend, MegaPoseConfig
from pose_ros.types import Detections2D, RGBDFrame

MODELS = {
    "box": box_model("box", (0.12, 0.09, 0.06), origin=(0.2, 0.0, -0.1)),  # its origin is far off its middle
    "cube": box_model("cube", (0.07, 0.07, 0.07)),
}
POSES = {
    "box": RigidTransform(rotation_exp(np.array([0.6, 0.4, 0.2])), np.array([-0.25, -0.08, 0.72])),
    "cube": RigidTransform(rotation_exp(np.array([0.3, -0.5, 0.1])), np.array([0.12, 0.05, 0.55])),
}


def scene(camera=CAMERA):
    frame, masks = drawn([(MODELS[name].mesh, POSES[name]) for name in ("box", "cube")], camera)
    depth = frame.depth.copy()
    depth[:3], depth[3:5] = np.nan, np.inf
    assert (masks.sum((1, 2)) > 300).all()
    return RGBDFrame(frame.rgb, depth, camera, 5, "camera"), masks


def size_of(vertices) -> str:
    """Which model has this size in metres; an estimator knows no labels."""
    extent = np.ptp(np.asarray(vertices), axis=0)
    return next(name for name, m in MODELS.items() if np.allclose(extent, np.ptp(m.mesh.bounds, axis=0)))


@pytest.fixture
def fake_foundationpose(monkeypatch):
    """Its modules, which keep what they are called with and answer with the truth."""
    calls: list[dict] = []

    class FoundationPose:
        def __init__(
            self, model_pts, model_normals, symmetry_tfs, mesh, scorer, refiner, glctx, debug, debug_dir
        ):
            assert model_pts.shape == model_normals.shape
            np.testing.assert_allclose(np.linalg.norm(model_normals, axis=1), 1, atol=1e-6)
            assert symmetry_tfs.shape == (1, 4, 4)
            assert symmetry_tfs.dtype == np.float32
            assert isinstance(scorer, ScorePredictor)
            assert isinstance(refiner, PoseRefinePredictor)
            assert glctx == "context"
            self.name = size_of(mesh.vertices)
            calls.append({"built": self.name, "colors": mesh.visual.vertex_colors})

        def register(self, K, rgb, depth, ob_mask, iteration):
            assert K.shape == (3, 3)
            assert rgb.dtype == np.uint8
            assert depth.dtype == np.float32
            assert np.isfinite(depth).all()
            assert ob_mask.dtype == bool
            assert 0.3 < np.median(depth[ob_mask]) < 1.0  # metres
            calls.append(
                {"registered": self.name, "K": K, "iteration": iteration, "none": (depth == 0).sum()}
            )
            return torch.from_numpy(matrix(POSES[self.name])).float()

    class ScorePredictor:
        pass

    class PoseRefinePredictor:
        pass

    estimater = ModuleType("estimater")
    for made in (FoundationPose, ScorePredictor, PoseRefinePredictor):
        setattr(estimater, made.__name__, made)
    rasterizer = ModuleType("nvdiffrast.torch")
    rasterizer.RasterizeCudaContext = lambda: "context"
    monkeypatch.setitem(sys.modules, "estimater", estimater)
    monkeypatch.setitem(sys.modules, "nvdiffrast", ModuleType("nvdiffrast"))
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", rasterizer)
    return calls


def assert_found(found, masks, labels=("box", "cube")):
    assert sorted(found.poses.label) == sorted(labels)
    for n, label in enumerate(found.poses.label):
        np.testing.assert_allclose(
            found.poses.camera_from_object.rotation[n], POSES[label].rotation, atol=1e-6
        )
        np.testing.assert_allclose(
            found.poses.camera_from_object.translation[n], POSES[label].translation, atol=1e-6
        )
        np.testing.assert_allclose(found.size[n], np.ptp(MODELS[label].mesh.bounds, axis=0))
        mask = masks[("box", "cube").index(label)]
        assert (found.poses.mask[n] & mask).sum() > 0.9 * mask.sum()
    assert found.poses.score.min() > 0.9


def test_foundationpose_with_labels(fake_foundationpose):
    frame, masks = scene()
    found = FoundationPoseBackend(FoundationPoseConfig(iterations=7))(
        frame, detections(masks, ["box", "cube"]), MODELS
    )
    assert_found(found, masks)
    registered = [call for call in fake_foundationpose if "registered" in call]
    assert [call["registered"] for call in registered] == ["box", "cube"]
    assert all(call["iteration"] == 7 for call in registered)
    assert all(call["none"] == 5 * CAMERA.width for call in registered)
    np.testing.assert_allclose(registered[0]["K"], CAMERA.matrix)
    built = [call for call in fake_foundationpose if "built" in call]
    assert (built[0]["colors"][:, :3] == [200, 30, 30]).all()


def test_foundationpose_without_labels_depth_tells_which(fake_foundationpose):
    frame, masks = scene()
    backend = FoundationPoseBackend()
    found = backend(frame, detections(masks), MODELS)
    assert_found(found, masks)
    again = backend(frame, detections(masks), MODELS, labels=["cube"])
    assert again.poses.label == ("cube",)
    built = [call["built"] for call in fake_foundationpose if "built" in call]
    assert sorted(built) == ["box", "cube"]  # once each, not once a frame


def test_foundationpose_says_why_not(fake_foundationpose):
    frame, masks = scene()
    backend = FoundationPoseBackend()
    none = backend(frame, Detections2D.empty(240, 320), MODELS)
    assert len(none.poses) == 0
    assert none.reasons == {"box": "no detection may be it", "cube": "no detection may be it"}
    blind = RGBDFrame(frame.rgb, np.full_like(frame.depth, np.nan), CAMERA, 0, "camera")
    assert "no depth" in backend(blind, detections(masks[:1], ["box"]), MODELS).reasons["box"]
    swapped = backend(frame, detections(masks, ["cube", "box"]), MODELS)  # its poses are elsewhere
    assert set(swapped.reasons) == {"box", "cube"}


def test_a_distorted_picture_is_straightened_first(fake_foundationpose):
    plain = (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, CAMERA.width, CAMERA.height)
    camera = PinholeCamera(*plain, "plumb_bob", (1.5, 0.0, 0.0, 0.0, 0.0))
    frame, masks = scene(camera)
    seen = []
    register = sys.modules["estimater"].FoundationPose.register

    def keep(self, **given):
        seen.append(given)
        return register(self, **given)

    sys.modules["estimater"].FoundationPose.register = keep
    found = FoundationPoseBackend()(frame, detections(masks, ["box", "cube"]), MODELS)
    assert_found(found, masks)
    straight, straight_masks = scene()
    for given, mask in zip(seen, straight_masks, strict=True):
        inside = given["ob_mask"] & mask
        assert inside.sum() > 0.95 * (given["ob_mask"] | mask).sum()
        assert (
            np.median(np.abs(given["depth"] - straight.depth)[inside]) < 2e-3
        )  # of the nearest pixel, on slanted sides
        between = (given["depth"] > 0.9) & (given["depth"] < 1.15)  # things end below, the wall is at 1.2
        assert not between.any()


class Frame(dict):
    """As much of a pandas.DataFrame as is used."""


class Collection:
    def __init__(self, infos, **tensors):
        self.infos, self.tensors, self.device = infos, tensors, None
        self.__dict__.update(tensors)

    def to(self, device):
        self.device = device
        return self


@pytest.fixture
def fake_happypose(monkeypatch):
    calls: list[dict] = []

    class RigidObject:
        def __init__(self, label, mesh_path, mesh_units):
            import trimesh

            self.label, self.units = label, mesh_units
            vertices = trimesh.load(mesh_path, process=False).vertices
            np.testing.assert_allclose(
                [np.min(vertices, axis=0), np.max(vertices, axis=0)], MODELS[label].mesh.bounds, atol=1e-6
            )

    class RigidObjectDataset:
        def __init__(self, objects):
            self.objects = objects

    class ObservationTensor:
        @staticmethod
        def from_numpy(rgb, depth, K):
            assert rgb.dtype == np.uint8
            assert K.shape == (3, 3)
            made = ObservationTensor()
            made.depth = depth
            return made

        def to(self, device):
            self.device = device
            return self

    class Estimator:
        def to(self, device):
            return self

        def run_inference_pipeline(self, observation, detections, n_refiner_iterations, n_pose_hypotheses):
            assert observation.device == detections.device == torch.device("cpu")
            assert detections.bboxes.dtype == torch.float32
            calls.append({"depth": observation.depth, "infos": detections.infos, "boxes": detections.bboxes})
            labels = detections.infos["label"][::-1]  # it sorts as it likes
            numbers = detections.infos["instance_id"][::-1]
            poses = torch.from_numpy(np.stack([matrix(POSES[label]) for label in labels])).float()
            return Collection(Frame(label=labels, instance_id=numbers), poses=poses), {}

    def load_named_model(name, dataset, n_workers):
        assert [thing.units for thing in dataset.objects] == ["m"] * len(dataset.objects)
        calls.append({"loaded": name, "labels": [thing.label for thing in dataset.objects]})
        return Estimator()

    parameters = {"n_refiner_iterations": 5, "n_pose_hypotheses": 5}
    names = {
        "happypose.toolbox.datasets.object_dataset": (RigidObject, RigidObjectDataset),
        "happypose.toolbox.inference.types": (ObservationTensor,),
        "happypose.toolbox.utils.load_model": (load_named_model,),
    }
    for module, members in names.items():
        made = ModuleType(module)
        for member in members:
            setattr(made, member.__name__, member)
        monkeypatch.setitem(sys.modules, module, made)
    sys.modules["happypose.toolbox.utils.load_model"].NAMED_MODELS = {
        variant: {"requires_depth": variant.endswith("RGBD"), "inference_parameters": parameters}
        for variant in megapose.VARIANTS
    }
    collection, pandas = ModuleType("tensor_collection"), ModuleType("pandas")
    collection.PandasTensorCollection, pandas.DataFrame = Collection, Frame
    monkeypatch.setitem(sys.modules, "happypose.toolbox.utils.tensor_collection", collection)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    for package in ("", ".toolbox", ".toolbox.datasets", ".toolbox.inference", ".toolbox.utils"):
        monkeypatch.setitem(sys.modules, f"happypose{package}", ModuleType(f"happypose{package}"))
    return calls


def test_megapose_with_and_without_labels(fake_happypose):
    frame, masks = scene()
    backend = MegaPoseBackend(device="cpu")
    assert_found(backend(frame, detections(masks, ["box", "cube"]), MODELS), masks)
    asked = fake_happypose[-1]
    assert asked["infos"] == {"label": ["box", "cube"], "batch_im_id": [0, 0], "instance_id": [0, 1]}
    np.testing.assert_allclose(asked["boxes"].numpy(), detections(masks).box_xyxy)
    assert asked["depth"] is None
    assert_found(backend(frame, detections(masks), MODELS), masks)
    assert len(fake_happypose[-1]["infos"]["label"]) == 4
    loaded = [call for call in fake_happypose if "loaded" in call]
    assert len(loaded) == 1
    assert loaded[0] == {"loaded": MegaPoseConfig().variant, "labels": ["box", "cube"]}


def test_megapose_with_depth_and_new_models(fake_happypose):
    frame, masks = scene()
    backend = MegaPoseBackend(MegaPoseConfig(variant="megapose-1.0-RGBD"), device="cpu")
    found = backend(frame, detections(masks), {"cube": MODELS["cube"]})
    assert found.poses.label == ("cube",)
    depth = fake_happypose[-1]["depth"]
    assert depth.dtype == np.float32
    assert (depth == 0).sum() == 5 * CAMERA.width
    assert 0.3 < np.median(depth[masks[1]]) < 1.0  # metres
    assert_found(backend(frame, detections(masks), MODELS), masks)
    assert [call["labels"] for call in fake_happypose if "loaded" in call] == [["cube"], ["box", "cube"]]
    none = backend(frame, Detections2D.empty(240, 320), MODELS)
    assert none.reasons == {"box": "no detection may be it", "cube": "no detection may be it"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("foundationpose", ("NVlabs/FoundationPose", "no commercial use")),
        ("megapose", ("agimus-project/happypose", "BSD-2-Clause")),
    ],
)
def test_absent_software_is_named_with_its_licence(name, words, monkeypatch):
    for module in ("estimater", "happypose"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    with pytest.raises(BackendError) as error:
        make_backend(name)
    assert all(word in str(error.value) for word in words)


def test_a_folder_that_is_no_clone(tmp_path):
    with pytest.raises(BackendError, match=r"no estimater\.py"):
        FoundationPoseBackend(FoundationPoseConfig(root=str(tmp_path)))


def test_the_clone_is_found_by_its_folder(tmp_path, fake_foundationpose, monkeypatch):
    estimater = sys.modules["estimater"]
    monkeypatch.delitem(sys.modules, "estimater")
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "estimater.py").write_text("FOUND = True\nScorePredictor = PoseRefinePredictor = object\n")
    backend = FoundationPoseBackend(FoundationPoseConfig(root=str(tmp_path)))
    assert backend._api.FOUND
    assert backend._api is not estimater
    assert "no commercial use" in foundationpose.LICENCE
