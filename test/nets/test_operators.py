"""Every operator alone against LiteRT, in small files written here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from litert import Writer, as_file, relative_error, run_litert

from pose_ros.errors import GraphError
from pose_ros.nets.tflite import load_tflite
from pose_ros.nets.tflite.calls import TRANSLATIONS

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
# The sum of a few dozen products may round differently; nothing else may differ.
BOUND = 2e-6


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _convolution(padding, stride=1, dilation=1, activation=NONE, kernel=3, groups=1):
    def build(w: Writer, x: int) -> list[int]:
        weight = w.constant(_random(6, kernel, kernel, 4 // groups))
        options = dict(padding=padding, strideH=stride, strideW=stride, fusedActivationFunction=activation)
        options |= dict(dilationHFactor=dilation, dilationWFactor=dilation, table="Conv2DOptions")
        return [w.op("CONV_2D", [x, weight, w.constant(_random(6))], **options)]

    return build


def _depthwise(padding, stride=1, dilation=1, multiplier=1):
    def build(w: Writer, x: int) -> list[int]:
        weight = w.constant(_random(1, 3, 3, 4 * multiplier))
        options = dict(padding=padding, strideH=stride, strideW=stride, depthMultiplier=multiplier)
        options |= dict(dilationHFactor=dilation, dilationWFactor=dilation, table="DepthwiseConv2DOptions")
        return [w.op("DEPTHWISE_CONV_2D", [x, weight, w.constant(_random(4 * multiplier))], **options)]

    return build


def _transpose_conv(padding, size):
    def build(w: Writer, x: int) -> list[int]:
        inputs = [w.constant([1, *size, 5], "int32"), w.constant(_random(5, 3, 3, 4)), x]
        return [
            w.op(
                "TRANSPOSE_CONV", inputs, table="TransposeConvOptions", padding=padding, strideH=2, strideW=2
            )
        ]

    return build


def _pool(kind, padding, stride, size):
    options = dict(padding=padding, strideH=stride, strideW=stride, filterHeight=size, filterWidth=size)
    return lambda w, x: [w.op(kind, [x], table="Pool2DOptions", **options)]


def _resize(kind, size, align=False, half=False):
    table = "ResizeBilinearOptions" if kind == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"

    def build(w: Writer, x: int) -> list[int]:
        inputs = [x, w.constant(size, "int32")]
        return [w.op(kind, inputs, table=table, alignCorners=align, halfPixelCenters=half)]

    return build


def _with(kind, *constants, rank=4, dtypes=("float32",), first=True, **options):
    """One operator on the image and constants (values, dtype)."""

    def build(w: Writer, x: int) -> list[int]:
        inputs = [w.constant(values, dtype) for values, dtype in constants]
        made = w.op(kind, [x, *inputs] if first else [*inputs, x], rank, dtypes, **options)
        return made if isinstance(made, list) else [made]

    return build


def _floats(*values):
    return np.array(values, np.float32), "float32"


def _ints(*values):
    return np.array(values, np.int32), "int32"


def _indices(kind, **options):
    return _with(kind, ([[[0, 1, 2], [0, 6, 0]]], "int32"), rank=3, **options)


def _compared(kind):
    def build(w: Writer, x: int) -> list[int]:
        true = w.op(kind, [x, w.constant(np.float32(0.1))], dtypes=("bool",))
        both = w.op(
            "LOGICAL_AND",
            [true, w.op("GREATER", [x, w.constant(np.float32(-1))], dtypes=("bool",))],
            dtypes=("bool",),
            table="LogicalAndOptions",
        )
        return [w.op("CAST", [both], table="CastOptions", inDataType=6, outDataType=0)]

    return build


def _integers(w: Writer, x: int) -> list[int]:
    whole = w.op("CAST", [x], dtypes=("int32",), table="CastOptions", inDataType=0, outDataType=2)
    divided = w.op("FLOOR_DIV", [whole, w.constant(2, "int32")], dtypes=("int32",), table="FloorDivOptions")
    return [w.op("CAST", [divided], table="CastOptions", inDataType=2, outDataType=0)]


def _shapes(w: Writer, x: int) -> list[int]:
    """What MoveNet does to sizes: shape, slice, product, pack, range, fill, reshape to the result."""
    one = [w.constant([n], "int32") for n in (1, 3, 1)]
    size = w.op("SHAPE", [x], 1, ("int32",), table="ShapeOptions", outType=2)
    sides = w.op("STRIDED_SLICE", [size, *one], 1, ("int32",), table="StridedSliceOptions")
    count = w.op("REDUCE_PROD", [sides, w.constant([0], "int32")], 0, ("int32",), table="ReducerOptions")
    four = w.constant(4, "int32")
    wanted = w.op("PACK", [count, four], 1, ("int32",), table="PackOptions", valuesCount=2)
    flat = w.op("RESHAPE", [x, wanted], 2)
    zero, step = w.constant(0, "int32"), w.constant(1, "int32")
    order = w.op("RANGE", [zero, count, step], 1, ("int32",), table="RangeOptions")
    order = w.op("CAST", [order], 1, table="CastOptions", inDataType=2, outDataType=0)
    column = w.op("EXPAND_DIMS", [order, step], 2, table="ExpandDimsOptions")
    halves = w.op("FILL", [wanted, w.constant(np.float32(0.5))], 2, table="FillOptions")
    return [w.op("ADD", [w.op("MUL", [flat, column], 2, table="MulOptions"), halves], 2, table="AddOptions")]


def _chosen_rows(w: Writer, x: int) -> list[int]:
    rows = w.op("RESHAPE", [x, w.constant([42, 4], "int32")], 2)
    biggest = w.op("REDUCE_MAX", [rows, w.constant([1], "int32")], 1, table="ReducerOptions")
    good = w.op("GREATER", [biggest, w.constant(np.float32(0.5))], 1, ("bool",))
    none = w.op("ZEROS_LIKE", [rows], 2, table="ZerosLikeOptions")
    return [w.op("SELECT", [good, rows, none], 2, table="SelectOptions")]


def _gather_nd(w: Writer, x: int) -> list[int]:
    return [w.op("GATHER_ND", [x, w.constant([[0, 1, 2], [0, 6, 0]], "int32")], 2, table="GatherNdOptions")]


def _residual(activation):
    """What the CPU fuses: convolution + image, then an activation."""

    def build(w: Writer, x: int) -> list[int]:
        weight = w.constant(_random(4, 1, 1, 4))
        options = dict(padding=SAME, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
        made = w.op("CONV_2D", [x, weight, w.constant(_random(4))], table="Conv2DOptions", **options)
        return [w.op("ADD", [x, made], table="AddOptions", fusedActivationFunction=activation)]

    return build


def _padded_convolution(pads):
    def build(w: Writer, x: int) -> list[int]:
        return _convolution(VALID, 2)(w, w.op("PAD", [x, w.constant(pads, "int32")]))

    return build


def _half_weights(w: Writer, x: int) -> list[int]:
    weight = w.op("DEQUANTIZE", [w.constant(_random(4), "float16")], shape=(4,))
    return [w.op("MUL", [x, weight], table="MulOptions")]


IMAGE = (1, 7, 6, 4)
SLOPES = ([[[-0.5, 0.1, 0.0, 2.0]]], "float32")
BEGIN_END = [_ints(0, 1, 0, 1), _ints(1, 6, 6, 2), _ints(1, 2, 1, 1)]
CASES = {
    "conv same": _convolution(SAME),
    "conv same stride 2": _convolution(SAME, 2),
    "conv valid dilated": _convolution(VALID, dilation=2),
    "conv even kernel": _convolution(SAME, kernel=2, activation=RELU),
    "conv grouped": _convolution(SAME, groups=2, activation=RELU6),
    "conv clipped": _convolution(SAME, kernel=1, activation=RELU_N1_TO_1),
    "conv on pad": _padded_convolution([[0, 0], [1, 1], [2, 2], [0, 0]]),
    "conv on uneven pad": _padded_convolution([[0, 0], [0, 1], [1, 0], [0, 0]]),
    "conv and residual": _residual(NONE),
    "conv and residual relu": _residual(RELU),
    "conv and residual relu6": _residual(RELU6),
    "depthwise same": _depthwise(SAME),
    "depthwise same stride 2": _depthwise(SAME, 2),
    "depthwise dilated": _depthwise(SAME, dilation=2),
    "depthwise multiplied": _depthwise(VALID, multiplier=2),
    "transposed same": _transpose_conv(SAME, (14, 12)),
    "transposed valid": _transpose_conv(VALID, (15, 13)),
    "max pool same": _pool("MAX_POOL_2D", SAME, 2, 3),
    "max pool valid": _pool("MAX_POOL_2D", VALID, 2, 2),
    "average pool same": _pool("AVERAGE_POOL_2D", SAME, 2, 3),
    "average pool valid": _pool("AVERAGE_POOL_2D", VALID, 1, 2),
    "bilinear": _resize("RESIZE_BILINEAR", [14, 12]),
    "bilinear odd": _resize("RESIZE_BILINEAR", [9, 4]),
    "bilinear aligned": _resize("RESIZE_BILINEAR", [14, 12], align=True),
    "bilinear half pixel": _resize("RESIZE_BILINEAR", [14, 9], half=True),
    "bilinear half pixel down": _resize("RESIZE_BILINEAR", [3, 4], half=True),
    "nearest": _resize("RESIZE_NEAREST_NEIGHBOR", [10, 4]),
    "nearest aligned": _resize("RESIZE_NEAREST_NEIGHBOR", [10, 4], align=True),
    "nearest half pixel": _resize("RESIZE_NEAREST_NEIGHBOR", [10, 4], half=True),
    "depth to space": _with("DEPTH_TO_SPACE", table="DepthToSpaceOptions", blockSize=2),
    "pad": _with("PAD", ([[0, 0], [1, 2], [0, 3], [2, 0]], "int32")),
    "pad with value": _with("PADV2", ([[0, 0], [1, 2], [0, 3], [0, 0]], "int32"), _floats(1.5)),
    "prelu": _with("PRELU", SLOPES),
    "add": _with("ADD", _floats(1, -2, 3, 0), table="AddOptions", fusedActivationFunction=RELU),
    "sub from constant": _with("SUB", _floats(1, -2, 3, 0), first=False, table="SubOptions"),
    "mul": _with("MUL", ([[[[2.0]]]], "float32"), table="MulOptions"),
    "div": _with("DIV", _floats(2, 3, -1, 7), table="DivOptions"),
    "maximum": _with("MAXIMUM", _floats(0.3), table="MaximumMinimumOptions"),
    "minimum": _with("MINIMUM", _floats(0.3), table="MaximumMinimumOptions"),
    "relu": _with("RELU"),
    "relu6": _with("RELU6"),
    "logistic": _with("LOGISTIC"),
    "tanh": _with("TANH"),
    "hard swish": _with("HARD_SWISH"),
    "abs": _with("ABS"),
    "exp": _with("EXP"),
    "softmax": _with("SOFTMAX", table="SoftmaxOptions", beta=0.7),
    "mean": _with("MEAN", _ints(1, 2), table="ReducerOptions", keepDims=True),
    "sum": _with("SUM", _ints(-1), rank=3, table="ReducerOptions"),
    "reduce max": _with("REDUCE_MAX", _ints(1, 3), rank=2, table="ReducerOptions"),
    "less": _compared("LESS"),
    "greater equal": _compared("GREATER_EQUAL"),
    "equal": _compared("EQUAL"),
    "integers": _integers,
    "shapes": _shapes,
    "chosen rows": _chosen_rows,
    "half weights": _half_weights,
    "reshape": _with("RESHAPE", _ints(1, 14, 12), rank=3),
    "transpose": _with("TRANSPOSE", _ints(0, 3, 1, 2)),
    "squeeze": lambda w, x: [
        w.op(
            "SQUEEZE",
            [_pool("MAX_POOL_2D", VALID, 1, 6)(w, x)[0]],
            3,
            table="SqueezeOptions",
            squeezeDims=[2],
        )
    ],
    "tile": _with("TILE", _ints(1, 2, 1, 3)),
    "concatenation": lambda w, x: [w.op("CONCATENATION", [x, x], table="ConcatenationOptions", axis=-1)],
    "unpack": _with("UNPACK", rank=3, dtypes=("float32",) * 4, table="UnpackOptions", num=4, axis=3),
    "split": _with(
        "SPLIT", _ints(2), dtypes=("float32",) * 3, first=False, table="SplitOptions", numSplits=3
    ),
    "slice": _with("SLICE", _ints(0, 2, 1, 0), _ints(1, 3, -1, 2), shape=(1, 3, 5, 2)),
    "strided slice": _with("STRIDED_SLICE", *BEGIN_END, table="StridedSliceOptions", endMask=2),
    "shrunk slice": _with("STRIDED_SLICE", *BEGIN_END, rank=3, table="StridedSliceOptions", shrinkAxisMask=8),
    "gather": _with("GATHER", ([[3, 0], [1, 1]], "int32"), rank=5, table="GatherOptions", axis=2),
    "gather nd": _gather_nd,
    "top k": _with("TOPK_V2", (2, "int32"), dtypes=("float32", "int32"), table="TopKV2Options"),
    "arg max": _with("ARG_MAX", (3, "int32"), rank=3, dtypes=("int32",), table="ArgMaxOptions", outputType=2),
    "fully connected": _with(
        "FULLY_CONNECTED",
        (_random(3, 24), "float32"),
        _floats(1, 2, 3),
        rank=2,
        table="FullyConnectedOptions",
    ),
    "fully connected keeping": _with(
        "FULLY_CONNECTED", (_random(3, 4), "float32"), table="FullyConnectedOptions", keepNumDims=True
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_operator_equals_litert(case, tmp_path):
    writer = Writer(IMAGE)
    path = writer.save(tmp_path / "net.tflite", CASES[case](writer, writer.image))
    image = _random(*IMAGE)
    image[0, 2, 3] = image[0, 2, 2, 0]  # equal values, for the operators that sort
    theirs = run_litert(path, image)
    ours = load_tflite(path)(torch.from_numpy(image).permute(0, 3, 1, 2))
    for a, b in zip(ours, theirs, strict=True):
        assert relative_error(as_file(a), b) < BOUND


def test_every_translation_is_tried():
    by_networks = {"DENSIFY"}  # too long to write here; the detectors hold it
    kinds = set()

    class Noting(Writer):
        def op(self, kind, *args, **kwargs):
            kinds.add(kind)
            return super().op(kind, *args, **kwargs)

    for build in CASES.values():
        writer = Noting(IMAGE)
        build(writer, writer.image)
    assert kinds | by_networks == set(TRANSLATIONS)


@pytest.mark.parametrize("case", ["gather nd", "transpose", "chosen rows", "shapes", "conv same", "mean"])
def test_a_batch_equals_its_images(case, tmp_path):
    """Also where an operator mixes images or drops the batch: those go one by one."""
    writer = Writer(IMAGE)
    net = load_tflite(writer.save(tmp_path / "net.tflite", CASES[case](writer, writer.image)))
    images = torch.from_numpy(_random(3, 4, 7, 6))
    together = net(images)
    for results, whole in zip(zip(*(net(one[None]) for one in images), strict=True), together, strict=True):
        torch.testing.assert_close(whole, torch.cat(results), atol=1e-5, rtol=1e-5)


def test_an_unsupported_operator_is_named(tmp_path):
    writer = Writer(IMAGE)
    path = writer.save(tmp_path / "net.tflite", [writer.op("COS", [writer.image])])
    with pytest.raises(GraphError, match=r"net\.tflite.*COS"):
        load_tflite(path)


def test_an_unsupported_operator_that_is_not_needed_does_not_matter(tmp_path):
    writer = Writer(IMAGE)
    outputs = [writer.op("COS", [writer.image]), writer.op("ABS", [writer.image])]
    net = load_tflite(writer.save(tmp_path / "net.tflite", outputs), [1])
    image = torch.from_numpy(_random(1, 4, 7, 6))
    assert torch.equal(net(image)[0], image.abs())


def test_quantised_weights_are_refused(tmp_path):
    writer = Writer(IMAGE)
    made = writer.op("DEQUANTIZE", [writer.constant([1, 2, 3, 4], "int8")], 1)
    path = writer.save(tmp_path / "net.tflite", [writer.op("MUL", [writer.image, made], table="MulOptions")])
    with pytest.raises(GraphError, match="quantised"):
        load_tflite(path)


def test_an_option_that_is_not_supported_names_operator_and_file(tmp_path):
    writer = Writer(IMAGE)
    build = _with("STRIDED_SLICE", *BEGIN_END, table="StridedSliceOptions", newAxisMask=1)
    path = writer.save(tmp_path / "net.tflite", build(writer, writer.image))
    with pytest.raises(GraphError, match=r"net\.tflite: STRIDED_SLICE.*new axes"):
        load_tflite(path)
