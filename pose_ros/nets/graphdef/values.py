"""TensorFlow's operators that are not about images: elementwise, shapes and indices."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from pose_ros.nets.graphdef.calls import Call, operator
from pose_ros.nets.layouts import Layout

IMAGE_AXES = (0, 2, 3, 1)  # where the file's axes lie in (N,C,H,W)


def _elementwise(functions: dict[str, Callable]) -> None:
    for names, function in functions.items():

        def translate(call: Call, *operands, function=function):
            return function(*operands)

        operator(*names.split(), layout=Layout.ALIKE)(translate)


_elementwise(
    {
        "Add AddV2": torch.add,
        "FloorDiv": torch.floor_divide,
        "Identity": lambda x: x,
        "Mul": torch.mul,
        "RealDiv": torch.div,
        "Relu": torch.relu,
        "Relu6": F.relu6,
        "Sigmoid": torch.sigmoid,
        "Sqrt": torch.sqrt,
        "SquaredDifference": lambda x, y: (x - y) ** 2,
        "Sub": torch.sub,
    }
)


@operator("Cast", layout=Layout.ALIKE)
def cast(call: Call, x):
    return x.to(call.dtype("DstT"))


@operator("ArgMax", mixes=True)
def arg_max(call: Call, x, axis):
    return x.argmax(int(axis)).to(call.dtype("output_type", 9))


@operator("Reshape")
def reshape(call: Call, x, shape):
    wanted = shape.tolist()
    if call.shapes[0][:1] == (1,) and wanted[:1] == [1]:  # the batch, so no other size may be left open
        rest = [math.prod(call.shapes[0]) // -math.prod(wanted) if n == -1 else n for n in wanted[1:]]
        wanted = [-1, *rest]
    return x.reshape(wanted)


@operator("Squeeze", mixes=True)
def squeeze(call: Call, x):
    shape = call.shapes[0]
    axes = [axis % len(shape) for axis in call.attribute("squeeze_dims", ())]
    return x.squeeze(axes or [axis for axis, n in enumerate(shape) if n == 1])


@operator("ExpandDims", mixes=True)
def expand_dims(call: Call, x, axis):
    return x.unsqueeze(int(axis))


@operator("Pack", mixes=True)
def pack(call: Call, *operands):
    return torch.stack(operands, call.attribute("axis", 0))


@operator("Unpack", mixes=True)
def unpack(call: Call, x):
    axis = call.attribute("axis", 0)
    return tuple(x.select(axis, i) for i in range(call.shapes[0][axis]))


@operator("ConcatV2", layout=Layout.ALIKE)
def concat(call: Call, *operands):
    *parts, axis = operands
    axis = int(axis) % len(call.shapes[0])
    return torch.cat(parts, IMAGE_AXES[axis] if call.image else axis)


@operator("GatherNd", mixes=True)
def gather_nd(call: Call, x, indices):
    return x[tuple(indices.select(-1, i) for i in range(call.shapes[1][-1]))]
