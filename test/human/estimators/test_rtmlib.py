"""RTMPose and RTMO through rtmlib, with small networks written here; published weights are not run here."""

from __future__ import annotations

import sys
import warnings

import cv2
import numpy as np
import onnxwriter as onnx
import pytest
import torch
from red_spot import picture, several, somebody

from pose_ros.errors import ConfigError, GraphError, WeightsError
from pose_ros.human.estimators import rtmlib_tool
from pose_ros.human.estimators.rtmlib_rtmo import RTMO, RTMOConfig
from pose_ros.human.estimators.rtmlib_rtmpose import RTMPose, RTMPoseConfig
from pose_ros.human.estimators.rtmlib_tool import parameter_count

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rtmlib():
    pytest.importorskip("onnxruntime")
    return pytest.importorskip("rtmlib")


def rtmpose(folder, joints=17, height=64, width=48):
    """Along each axis, how high the first channel is there, for every joint alike; two classes a pixel."""
    rng = np.random.default_rng(0)

    def doubled(n):  # the left of a pixel's two classes counts a little more
        return np.kron(np.eye(n), [[1.0, 0.999]])

    nodes = [
        onnx.node("Gather", ["input", "first"], "red", axis=1),
        onnx.node("ReduceMax", ["red"], "columns", axes=[2], keepdims=0),
        onnx.node("ReduceMax", ["red"], "rows", axes=[3], keepdims=0),
        onnx.node("MatMul", ["columns", "x2"], "x"),
        onnx.node("MatMul", ["rows", "y2"], "y"),
        onnx.node("Mul", ["x", "weight"], "simcc_x"),
        onnx.node("Mul", ["y", "weight"], "simcc_y"),
    ]
    constants = {
        "first": np.array([0]),
        "x2": doubled(width),
        "y2": doubled(height),
        "weight": rng.uniform(0.2, 0.4, (joints, 1)),
    }
    outputs = {"simcc_x": ("batch", joints, 2 * width), "simcc_y": ("batch", joints, 2 * height)}
    return onnx.save(
        folder / "rtmpose.onnx", nodes, constants, {"input": ("batch", 3, height, width)}, outputs
    )


BOXES = np.array([[10, 20, 60, 100], [12, 22, 60, 100], [80, 30, 120, 110], [5, 5, 9, 9]])


def rtmo(folder, joints=17, channel=2, side=128):
    """Four boxes, two of one person and the last of nobody; only where that channel is bright."""
    rng = np.random.default_rng(1)
    points = np.concatenate(
        [rng.uniform(0, side, (1, 4, joints, 2)), rng.uniform(0.4, 1, (1, 4, joints, 1))], -1
    )
    nodes = [
        onnx.node("Gather", ["input", "which"], "bright", axis=1),
        onnx.node("ReduceMax", ["bright"], "most", axes=[1, 2, 3], keepdims=0),
        onnx.node("Mul", ["sure", "most"], "score"),
        onnx.node("Concat", ["boxes", "score"], "dets", axis=2),
        onnx.node("Identity", ["points"], "keypoints"),
    ]
    constants = {
        "which": np.array([channel]),
        "sure": np.array([0.9, 0.8, 0.7, 0.1])[None, :, None] / 255,
        "boxes": BOXES[None].astype(float),
        "points": points,
    }
    outputs = {"dets": (1, 4, 5), "keypoints": (1, 4, joints, 3)}
    path = onnx.save(folder / "rtmo.onnx", nodes, constants, {"input": (1, 3, side, side)}, outputs)
    return path, points[0]


@pytest.fixture
def red(rtmlib, default_weights, tmp_path, capsys):
    estimator = RTMPose(RTMPoseConfig(weights=str(rtmpose(tmp_path))), CPU)
    assert capsys.readouterr().out == ""  # rtmlib would tell what it loads
    return estimator


def test_rtmpose_finds_what_is_red_in_pixels_of_the_image(red):
    for seed in range(5):
        x, y = np.random.default_rng(seed).uniform((120, 80), (200, 160))
        seen = red.look(picture(x, y), several(somebody(160, 120), somebody(150, 110, 90, 90)))
        assert seen.xy.shape == (2, 17, 2)
        assert np.abs(seen.xy - (x, y)).max() < 3.5  # half a pixel of the crop
        assert ((seen.score >= 0) & (seen.score <= 1)).all()


def test_rtmpose_takes_blue_for_grey(red):
    there = red.look(picture(150, 110), somebody(160, 120)).score
    assert (red.look(picture(150, 110, (60, 60, 255)), somebody(160, 120)).score < there).all()


def test_rtmpose_runs_the_whole_way(rtmlib, default_weights, data, tmp_path):
    rgb = cv2.imread(str(data / "human_rgbd" / "color" / "00024.png"))[..., ::-1].copy()
    path = str(rtmpose(tmp_path, joints=26))  # as Halpe's, whose first 17 are COCO's
    estimator = RTMPose(RTMPoseConfig(weights=path, min_score=0.0, same_person=1.0), CPU)
    people = estimator.estimate(rgb, 0)
    assert people.xy.shape == (2, 17, 2)
    assert np.isfinite(people.xy).all()
    assert estimator.parameter_count() - estimator._detector.parameter_count() == 1 + 2 * (48**2 + 64**2) + 26


def test_rtmo_gives_the_people_of_its_boxes(rtmlib, tmp_path, capsys):
    path, points = rtmo(tmp_path)
    estimator = RTMO(RTMOConfig(weights=str(path)), CPU)
    assert capsys.readouterr().out == ""
    people = estimator.estimate(picture(100, 60, width=256, height=192), 0)  # a bright red spot
    assert len(people) == 2
    np.testing.assert_allclose(people.xy, points[[0, 2], :, :2] * 2, rtol=1e-5)
    np.testing.assert_allclose(people.score, points[[0, 2], :, 2], rtol=1e-5)
    assert len(estimator.estimate(picture(100, 60, (30, 30, 255), 256, 192), 0)) == 0
    assert estimator.parameter_count() == 1 + 4 + 16 + 4 * 17 * 3


def test_rtmo_reports_fewer_where_it_is_asked_to(rtmlib, tmp_path):
    path, _ = rtmo(tmp_path)
    rgb = picture(100, 60, width=256, height=192)
    assert len(RTMO(RTMOConfig(weights=str(path), min_score=0.75), CPU).estimate(rgb, 0)) == 1
    assert len(RTMO(RTMOConfig(weights=str(path), min_score=0.0), CPU).estimate(rgb, 0)) == 3


# What cannot be.

KINDS = [("rtmpose", RTMPose, RTMPoseConfig), ("rtmo", RTMO, RTMOConfig)]


@pytest.mark.parametrize(("name", "kind", "config"), KINDS)
def test_a_missing_package_says_how_to_get_it(name, kind, config, default_weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(ConfigError, match=rf"pip install 'pose_ros\[{name}\]'"):
        kind(config(weights="net.onnx"), CPU)


@pytest.mark.parametrize(("name", "kind", "config"), KINDS)
def test_missing_and_broken_files_download_nothing(
    name, kind, config, rtmlib, default_weights, monkeypatch, tmp_path
):
    def download(*args):
        raise AssertionError("rtmlib wants to download")

    monkeypatch.setattr("rtmlib.tools.base.download_checkpoint", download)
    with pytest.raises(ConfigError, match=rf"needs {name}\.weights, the path of an ONNX file"):
        kind(config(), CPU)
    for missing in ("https://nowhere/net.onnx", "net", str(tmp_path / "net.onnx")):
        with pytest.raises(WeightsError, match="no weights file"):
            kind(config(weights=missing), CPU)
    (tmp_path / "net.onnx").write_bytes(b"no network")
    with pytest.raises(GraphError, match=r"net\.onnx"):
        kind(config(weights=str(tmp_path / "net.onnx")), CPU)


def test_networks_of_another_kind(rtmlib, default_weights, tmp_path):
    pose, (boxes, _) = str(rtmpose(tmp_path)), rtmo(tmp_path)
    with pytest.raises(GraphError, match="not joints along x"):
        RTMPose(RTMPoseConfig(weights=str(boxes)), CPU)
    with pytest.raises(GraphError, match="not boxes and joints"):
        RTMO(RTMOConfig(weights=pose), CPU)
    (tmp_path / "hand").mkdir()
    few = RTMPose(RTMPoseConfig(weights=str(rtmpose(tmp_path / "hand", joints=5))), CPU)
    with pytest.raises(GraphError, match="5 joints"):
        few.look(picture(150, 110), somebody(160, 120))
    crowd, _ = rtmo(tmp_path / "hand", joints=14)
    with pytest.raises(GraphError, match="14 joints"):
        RTMO(RTMOConfig(weights=str(crowd)), CPU).estimate(picture(100, 60), 0)


def test_the_cpu_in_place_of_cuda_is_said_aloud(rtmlib, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    path, _ = rtmo(tmp_path)
    with pytest.warns(RuntimeWarning, match="rtmo runs on the CPU"):
        rtmlib_tool.load_tool("rtmo", "RTMO", str(path), torch.device("cuda"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rtmlib_tool.load_tool("rtmo", "RTMO", str(path), CPU)


def test_parameters_are_those_of_the_file(tmp_path):
    path, _ = rtmo(tmp_path)
    assert parameter_count(path) == 1 + 4 + 16 + 4 * 17 * 3
