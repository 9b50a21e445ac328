"""A file that is missing, cut or altered ends in a GraphError that names it, whatever is wrong."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from litert import Writer

from pose_ros.errors import GraphError
from pose_ros.nets.tflite import load_tflite


@pytest.fixture(scope="module")
def file(weights_of) -> bytes:
    return weights_of("face_detector").read_bytes()


def _load(folder, data: bytes):
    path = folder / "broken.tflite"
    path.write_bytes(data)
    return load_tflite(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(GraphError, match=r"nothing\.tflite"):
        load_tflite(tmp_path / "nothing.tflite")


@pytest.mark.parametrize("data", [b"", b"TFL3", b"<html>404 not found</html>", bytes(1000)])
def test_another_kind_of_file(data, tmp_path):
    with pytest.raises(GraphError, match=r"broken\.tflite is no TFLite file"):
        _load(tmp_path, data)


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(part, file, tmp_path):
    with pytest.raises(GraphError, match=r"broken\.tflite"):
        _load(tmp_path, file[: int(part * len(file))])


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> bytes:
    """A file of a few hundred bytes, where an altered byte mostly matters."""
    writer = Writer((1, 6, 6, 4))
    padded = writer.op("PAD", [writer.image, writer.constant([[0, 0], [1, 1], [1, 1], [0, 0]], "int32")])
    weight, bias = writer.constant(np.ones((2, 3, 3, 4))), writer.constant([1, 2])
    steps = dict(padding=1, strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1)
    convolved = writer.op("CONV_2D", [padded, weight, bias], table="Conv2DOptions", **steps)
    flat = writer.op("RESHAPE", [convolved, writer.constant([1, -1], "int32")], rank=2)
    joined = writer.op("CONCATENATION", [flat, flat], rank=2, table="ConcatenationOptions", axis=1)
    return writer.save(tmp_path_factory.mktemp("small") / "small.tflite", [joined]).read_bytes()


def test_altered_bytes_give_a_network_or_a_graph_error(small, tmp_path):
    rng = np.random.default_rng(7)
    refusals = []
    for _ in range(100):
        data = bytearray(small)
        at = rng.integers(8, len(data), size=3)
        for position in at:
            data[position] = rng.integers(256)
        with contextlib.suppress(GraphError):
            _load(tmp_path, bytes(data))
            continue
        refusals.append(at)
    assert 30 < len(refusals) < 100


def test_an_unknown_output_lists_those_there_are(weights_of):
    with pytest.raises(GraphError, match="valid: regressors, classificators"):
        load_tflite(weights_of("face_detector"), ["boxes"])
    with pytest.raises(GraphError, match="valid: 0, 1"):
        load_tflite(weights_of("face_detector"), [2])


@pytest.mark.parametrize("shape", [(1, 3, 127, 128), (1, 1, 128, 128), (3, 128, 128)])
def test_an_image_of_another_shape(shape, weights_of):
    net = load_tflite(weights_of("face_detector"))
    with pytest.raises(GraphError, match=r"wants an image \(B,3,128,128\)"):
        net(torch.zeros(shape))
