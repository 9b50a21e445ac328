"""Peers behind the detector's interface, with a stand-in that answers the points it was sent."""

import sys

import numpy as np
import pytest
from object_scene import open_bop

from pose_ros.config import update
from pose_ros.errors import ConfigError, SourceError
from pose_ros.eval import object_peers
from pose_ros.eval.object_commands import run_eval_objects
from pose_ros.eval.object_peers import PeerDetector
from pose_ros.sources.bop_models import load_bop_models
from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, write_objects
from pose_ros.types import Detections2D

STAND_IN = """
import json, sys
import numpy as np
names = sorted(np.load(sys.argv[2]).files)
print(json.dumps({sys.argv[1]: str(len(names))}), flush=True)
while header := sys.stdin.buffer.readline():
    what = json.loads(header)
    size = int(np.prod(what["shape"])) * np.dtype(what["dtype"]).itemsize
    array = np.frombuffer(sys.stdin.buffer.read(size), what["dtype"]).reshape(what["shape"])
    pose = np.eye(4)
    pose[:3, 3] = array[1:].mean(0)
    answer = None if array[0, 0] == 1 else [pose.ravel().tolist(), 0.5 + float(array[0, 0])]
    print(json.dumps({"wall_ms": 1, "cpu_ms": 1, "result": answer}), flush=True)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    config = {"scene": "single", "frames": 1, "models": 3, "width": 240, "height": 180, "seed": 3}
    folder = tmp_path_factory.mktemp("peers")
    write_objects(folder, update(ObjectSceneConfig(), config), progress=False)
    return folder


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text(STAND_IN)
    monkeypatch.setattr(object_peers, "CHILD", tmp_path / "child.py")


def test_a_peer_gets_the_segments_points_and_its_pose_comes_back(root, stand_in):
    scene = open_bop(root)
    frame, mask = scene.frame("000000"), scene.masks("000000")
    models = load_bop_models(root / "models")
    with PeerDetector(sys.executable, "open3d", models) as peer:
        assert peer.device_note == "open3d 6", "points and normals of three models"
        for label, expected in (("obj_000001", 1), ("obj_000002", 0), ("obj_000003", 1)):
            objects = peer.detect(frame, Detections2D(mask, (label,), np.ones(1)))
            assert len(objects) == expected
            for one in objects:
                points = frame.camera.ray_grid[mask[0]] * frame.depth[mask[0]][:, None]
                middle = np.nanmean(points, axis=0)
                np.testing.assert_allclose(one.camera_from_object.translation, middle, atol=2e-3)
                assert one.label == label
                assert one.score <= 1


def test_a_peer_cannot_guess_what_a_mask_holds(root, stand_in):
    frame = open_bop(root).frame("000000")
    with PeerDetector(sys.executable, "open3d", load_bop_models(root / "models")) as peer:
        for detections in (None, Detections2D.unnamed(np.ones((1, 180, 240), bool))):
            with pytest.raises(SourceError, match="--masks given"):
                peer.detect(frame, detections)


@pytest.mark.parametrize("more", [{"masks": "own"}, {"masks": "given", "track": True}])
def test_peers_are_asked_for_given_masks_alone(more, root):
    with pytest.raises(ConfigError, match="--masks given"):
        run_eval_objects(root, root / "models", None, peer_python=sys.executable, **more)
