"""TensorFlow graphs: every operator against plain loops, and files that are broken.

The whole graph of openpose_mobilenet_thin was compared by hand with TensorFlow 2's own run of it (CPU, a
photo of 432x328): no value of the 57 maps differed.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from protowriter import attribute, body, constant, image, node, number

from pose_ros.errors import GraphError
from pose_ros.nets.graphdef import load_graphdef

RNG = np.random.default_rng(3)


@pytest.fixture
def load(tmp_path):
    def load(*nodes: bytes, outputs=None):
        path = tmp_path / "net.pb"
        path.write_bytes(b"".join(nodes))
        return load_graphdef(path, outputs)

    return load


def run(network, x):
    """x and the result (H,W,C)."""
    (y,) = network(torch.from_numpy(x).permute(2, 0, 1)[None].float())
    return y[0].permute(1, 2, 0).numpy()


def windows(x, kernel, stride, dilation, padding, fill):
    """(rows, columns, k, k, C): what each output sees, with SAME as TensorFlow's documentation has it."""
    out, begin = [], []
    for n, k, s, d in zip(x.shape, kernel, stride, dilation, strict=False):
        reach = (k - 1) * d + 1
        if padding == "SAME":
            out.append(int(np.ceil(n / s)))
            begin.append(-(max((out[-1] - 1) * s + reach - n, 0) // 2))
        else:
            out.append(int(np.ceil((n - reach + 1) / s)))
            begin.append(0)
    seen = np.full((*out, *kernel, x.shape[2]), fill, float)
    for i, j, a, b in itertools.product(range(out[0]), range(out[1]), range(kernel[0]), range(kernel[1])):
        row = begin[0] + i * stride[0] + a * dilation[0]
        column = begin[1] + j * stride[1] + b * dilation[1]
        if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
            seen[i, j, a, b] = x[row, column]
    return seen


@pytest.mark.parametrize("size", [(7, 10), (8, 9)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (2, 2, 1), (3, 1, 2), (1, 1, 1)]
)
def test_convolution(load, size, padding, kernel, stride, dilation):
    weight, bias = RNG.normal(size=(kernel, kernel, 3, 4)), RNG.normal(size=4)
    geometry = dict(strides=(1, stride, stride, 1), dilations=(1, dilation, dilation, 1), padding=padding)
    network = load(
        image(3),
        constant("w", weight),
        constant("b", bias),
        node("conv", "Conv2D", ["image", "w"], **geometry),
        node("biased", "BiasAdd", ["conv", "b"]),
        node("out", "Relu", ["biased"]),
    )
    x = RNG.normal(size=(*size, 3))
    seen = windows(x, (kernel,) * 2, (stride,) * 2, (dilation,) * 2, padding, 0)
    expected = np.maximum(np.einsum("ijabc,abcd->ijd", seen, weight) + bias, 0)
    np.testing.assert_allclose(run(network, x), expected, atol=1e-5)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("stride", "padding"), [(1, "SAME"), (2, "SAME"), (2, "VALID")])
def test_depthwise_convolution(load, times, stride, padding):
    weight = RNG.normal(size=(3, 3, 4, times))
    network = load(
        image(4),
        constant("w", weight),
        node("out", "DepthwiseConv2dNative", ["image", "w"], strides=(1, stride, stride, 1), padding=padding),
    )
    x = RNG.normal(size=(8, 11, 4))
    seen = windows(x, (3, 3), (stride,) * 2, (1, 1), padding, 0)
    expected = np.einsum("ijabc,abcm->ijcm", seen, weight)
    np.testing.assert_allclose(run(network, x), expected.reshape(*expected.shape[:2], -1), atol=1e-5)


@pytest.mark.parametrize(("size", "kernel"), [((7, 8), 2), ((8, 7), 3)])
def test_max_pool(load, size, kernel):
    pool = node(
        "out", "MaxPool", ["image"], ksize=(1, kernel, kernel, 1), strides=(1, 2, 2, 1), padding="SAME"
    )
    x = RNG.normal(size=(*size, 3)) - 5
    seen = windows(x, (kernel,) * 2, (2, 2), (1, 1), "SAME", -np.inf)
    np.testing.assert_allclose(run(load(image(3), pool), x), seen.max(axis=(2, 3)), atol=1e-6)


def test_batch_norm_of_a_frozen_graph(load):
    scale, offset, mean, variance = RNG.uniform(0.5, 2, (4, 3))
    parts = {"s": scale, "o": offset, "m": mean, "v": variance}
    norm = node("out", "FusedBatchNormV3", ["image", *parts], epsilon=0.01, is_training=False)
    network = load(image(3), *(constant(k, v) for k, v in parts.items()), norm)
    x = RNG.normal(size=(4, 5, 3))
    expected = (x - mean) / np.sqrt(variance + 0.01) * scale + offset
    np.testing.assert_allclose(run(network, x), expected, atol=1e-5)


def test_values_one_by_one_and_joined_channels(load):
    network = load(
        image(2),
        constant("axis", 3, np.int32),
        constant("two", 2.0),
        constant("each", [1.0, -1.0]),
        node("less", "Sub", ["image", "each"]),
        node("double", "Mul", ["less", "two"]),
        node("sum", "AddV2", ["double", "image"]),
        node("six", "Relu6", ["sum"]),
        node("s", "Sigmoid", ["image"]),
        node("same", "Identity", ["s"]),
        node("out", "ConcatV2", ["six", "same", "axis"]),
    )
    x = RNG.normal(size=(3, 4, 2)) * 3
    first = np.clip((x - (1, -1)) * 2 + x, 0, 6)
    np.testing.assert_allclose(run(network, x), np.concatenate([first, 1 / (1 + np.exp(-x))], -1), atol=1e-5)


def test_a_result_read_twice_keeps_its_sign(load):
    """A relu must not work in place where another operator reads its operand too."""
    network = load(
        image(1),
        constant("w", np.ones((1, 1, 1, 1))),
        node("conv", "Conv2D", ["image", "w"], strides=(1, 1, 1, 1), padding="SAME"),
        node("relu", "Relu", ["conv"]),
        node("out", "Add", ["relu", "conv"]),
    )
    x = RNG.normal(size=(3, 3, 1))
    np.testing.assert_allclose(run(network, x), np.maximum(x, 0) + x, atol=1e-6)


def test_nodes_may_come_in_any_order_and_batches_in_any_size(load):
    nodes = [node("out", "Relu", ["middle"]), node("middle", "Relu", ["image"]), image(2)]
    network = load(*nodes)
    for size in ((2, 3), (5, 4)):
        x = torch.randn(3, 2, *size)
        torch.testing.assert_close(network(x)[0], torch.relu(x))


def test_outputs_by_name(load):
    nodes = image(1), node("a", "Relu", ["image"]), node("b", "Sigmoid", ["a"])
    assert load(*nodes).outputs == ("b",)
    assert load(*nodes, outputs=("a",)).outputs == ("a",)
    with pytest.raises(GraphError, match="unknown output 'c'; valid: b"):
        load(*nodes, outputs=("c",))


# Files and graphs that cannot be.


def test_a_missing_file(tmp_path):
    with pytest.raises(GraphError, match=r"nothing\.pb"):
        load_graphdef(tmp_path / "nothing.pb")


@pytest.mark.parametrize(
    "data", [b"", b"TFL3", b"<html>404 not found</html>", bytes(1000), b"\x0a\xff\xff\x7f"]
)
def test_another_kind_of_file(load, data):
    with pytest.raises(GraphError, match=r"net\.pb"):
        load(data)


def test_any_cut_is_noticed_or_leaves_a_smaller_graph(load):
    whole = image(3) + constant("w", RNG.normal(size=(1, 1, 3, 1)))
    whole += node("out", "Conv2D", ["image", "w"], strides=(1, 1, 1, 1), padding="SAME")
    refused = []
    for end in range(len(whole)):
        try:
            load(whole[:end])
        except GraphError as error:
            refused.append(str(error))
    assert len(refused) > len(whole) / 2
    assert all("net.pb" in message for message in refused)


def test_altered_bytes_give_a_network_or_a_graph_error(load):
    whole = bytearray(image(3) + constant("w", RNG.normal(size=(1, 1, 3, 1))))
    whole += node("out", "Conv2D", ["image", "w"], strides=(1, 1, 1, 1), padding="SAME")
    rng, refused = np.random.default_rng(5), 0
    for _ in range(200):
        altered = bytearray(whole)
        altered[rng.integers(len(altered))] = rng.integers(256)
        try:
            load(bytes(altered))(torch.zeros(1, 3, 4, 4))
        except GraphError:
            refused += 1
    assert 50 < refused < 200


CONV = dict(strides=(1, 1, 1, 1), padding="SAME")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([image(1), node("out", "Fft", ["image"])], "not supported: Fft"),
        ([image(1), node("out", "Relu", ["gone"])], "lacks the nodes gone"),
        (
            [image(1), node("a", "Relu", ["b"]), node("b", "Relu", ["a"]), node("c", "Relu", ["a"])],
            "depends on",
        ),
        ([image(1), image(1)], "two of one name"),
        ([node("a", "Relu", ["image:1"]), image(1)], "only first outputs"),
        ([image(1), image(1, "other"), node("out", "Add", ["image", "other"])], "one image"),
        ([constant("a", 1.0), node("out", "Relu", ["a"])], "one image"),
    ],
)
def test_graphs_that_are_refused(load, nodes, message):
    with pytest.raises(GraphError, match=message):
        load(*nodes)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (CONV | {"padding": "EXPLICIT"}, "EXPLICIT"),
        (CONV | {"data_format": "NCHW"}, "NCHW"),
        (CONV | {"strides": (2, 1, 1, 1)}, "strides"),
        ({"padding": "SAME"}, "no attribute 'strides'"),
    ],
)
def test_options_that_are_refused(load, attributes, message):
    network = load(
        image(1), constant("w", np.ones((1, 1, 1, 1))), node("out", "Conv2D", ["image", "w"], **attributes)
    )
    with pytest.raises(GraphError, match=message):
        network(torch.zeros(1, 1, 4, 4))


def test_an_image_of_other_channels_is_refused(load):
    with pytest.raises(GraphError, match=r"\(B,2,H,W\)"):
        load(image(2), node("out", "Relu", ["image"]))(torch.zeros(1, 3, 4, 4))


def test_equal_values_may_be_written_once(load):
    filled = number(1, 1) + body(2, body(2, number(1, 3))) + body(5, np.float32(2.5).tobytes())
    bias = node("b", "Const", value=body(8, filled))
    assert attribute(True) == number(5, 1)
    network = load(image(3), bias, node("out", "BiasAdd", ["image", "b"]))
    np.testing.assert_allclose(run(network, np.zeros((2, 2, 3))), 2.5)


def test_the_published_graph(weights_of):
    network = load_graphdef(weights_of("openpose_mobilenet_thin"))
    assert network.outputs == ("Openpose/concat_stage7",)
    assert network.parameter_count == 1_930_872
    (maps,) = network(torch.zeros(1, 3, 72, 100))
    assert maps.shape == (1, 57, 9, 13)


# Operators that are not about images.


def test_indices_parts_and_wholes(load):
    """Where each channel is highest, and what the picture holds there, as plain loops have it."""
    network = load(
        image(2),
        constant("zero", 0, np.int32),
        constant("flat", (12, 2), np.int32),
        constant("wide", 4, np.int32),
        node("map", "Reshape", ["image", "flat"]),
        node("best", "ArgMax", ["map", "zero"], output_type=number(6, 3)),
        node("row", "FloorDiv", ["best", "wide"]),
        node("before", "Mul", ["row", "wide"]),
        node("column", "Sub", ["best", "before"]),
        node("rows", "Unpack", ["row"], axis=0, num=2),
        node("columns", "Unpack", ["column"], axis=0, num=2),
        node("picture", "Squeeze", ["image"], squeeze_dims=(0,)),
        node("where", "Pack", ["rows", "columns"], axis=0),
        node("there", "GatherNd", ["picture", "where"]),
        node("other", "Pack", ["rows:1", "columns:1"], axis=0),
        node("twice", "ExpandDims", ["other", "zero"]),
        node("real", "Cast", ["twice"], DstT=number(6, 1)),
        outputs=("there", "real"),
    )
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=(3, 4, 2)).astype(np.float32)
        there, other = network(torch.from_numpy(x).permute(2, 0, 1)[None])
        row, column = max(itertools.product(range(3), range(4)), key=lambda at: x[(*at, 0)])
        np.testing.assert_allclose(there, x[row, column], atol=1e-6)
        row, column = max(itertools.product(range(3), range(4)), key=lambda at: x[(*at, 1)])
        np.testing.assert_array_equal(other, [[row, column]])


def test_arithmetic_of_two(load):
    network = load(
        image(2),
        constant("y", [[[2.0, -3.0]]]),
        node("apart", "SquaredDifference", ["image", "y"]),
        node("root", "Sqrt", ["apart"]),
        node("out", "RealDiv", ["root", "y"]),
    )
    x = RNG.normal(size=(3, 4, 2))
    np.testing.assert_allclose(run(network, x), np.abs(x - (2, -3)) / (2, -3), rtol=1e-5)


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_any_axis_can_be_joined(load, axis):
    network = load(
        image(2),
        constant("axis", axis, np.int32),
        node("s", "Sigmoid", ["image"]),
        node("out", "ConcatV2", ["image", "s", "axis"]),
    )
    x = RNG.normal(size=(3, 4, 2))
    expected = np.concatenate([x, 1 / (1 + np.exp(-x))], axis - 1 if axis > 0 else axis)
    np.testing.assert_allclose(run(network, x), expected, atol=1e-6)


def test_resize_between_pixel_centres(load):
    network = load(
        image(1),
        constant("size", (6, 8), np.int32),
        node("out", "ResizeBilinear", ["image", "size"], half_pixel_centers=True, align_corners=False),
    )
    x = RNG.normal(size=(3, 4, 1))
    expected = np.zeros((6, 8))
    for i, j in itertools.product(range(6), range(8)):
        y, u = (np.clip((k + 0.5) / 2 - 0.5, 0, n - 1) for k, n in ((i, 3), (j, 4)))
        for a, b in itertools.product(range(3), range(4)):
            expected[i, j] += max(1 - abs(y - a), 0) * max(1 - abs(u - b), 0) * x[a, b, 0]
    np.testing.assert_allclose(run(network, x)[..., 0], expected, atol=1e-5)


def test_a_resize_by_corners_of_pixels_is_refused(load):
    network = load(
        image(1), constant("size", (6, 8), np.int32), node("out", "ResizeBilinear", ["image", "size"])
    )
    with pytest.raises(GraphError, match="half_pixel_centers"):
        network(torch.zeros(1, 1, 3, 4))
