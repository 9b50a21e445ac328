"""Published weights into the networks: Caffe's .caffemodel, or a PyTorch state dict with the same names."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pose_ros.errors import WeightsError
from pose_ros.nets.checkpoint import fill, read_state
from pose_ros.nets.protobuf import fields, packed

BLOBS = ("weight", "bias")


def load_published(network: nn.Module, path: Path) -> nn.Module:
    """The network with the file's weights, ready to run.

    Raises WeightsError for a file that is broken or not this network's: every tensor must be there, in its
    shape, and no other one.
    """
    if path.suffix == ".caffemodel":
        published = read_caffemodel(path)
    else:
        published = {name.removeprefix("module."): tensor for name, tensor in read_state(path).items()}
    if isinstance(network, nn.ModuleDict):  # conversions put layers into blocks of names of their own
        published = {".".join(name.split(".")[-2:]): tensor for name, tensor in published.items()}
    return fill(network, published, path)


def read_caffemodel(path: Path) -> dict[str, Tensor]:
    """{layer.weight, layer.bias: tensor}. Field numbers are those of Caffe's caffe.proto."""
    found: dict[str, Tensor] = {}
    try:
        for number, body in fields(path.read_bytes()):
            if number not in (2, 100):  # layers of V1 and of today
                continue
            name_field, blob_field = (4, 6) if number == 2 else (1, 7)
            parts = list(fields(body))
            name = next(bytes(value).decode() for field, value in parts if field == name_field)
            blobs = [_blob(value) for field, value in parts if field == blob_field]
            for kind, blob in zip(BLOBS, blobs, strict=False):
                found[f"{name}.{kind}"] = blob
    except (
        OSError,
        ValueError,
        LookupError,
        StopIteration,
        struct.error,
        TypeError,
        AttributeError,
    ) as error:
        raise WeightsError(f"{path} is no Caffe model, or broken: {error}") from error
    return found


def _blob(body: memoryview) -> Tensor:
    old, shape, data = {1: 1, 2: 1, 3: 1, 4: 1}, None, b""
    for number, value in fields(body):
        if number in old:
            old[number] = value
        elif number == 5:
            data += bytes(value)
        elif number == 7:
            shape = [n for field, dims in fields(value) if field == 1 for n in _numbers(dims)]
    values = np.frombuffer(data, "<f4").copy()
    if shape is None:
        shape = list(old.values())
        while len(shape) > 1 and shape[0] == 1:  # a bias of old is (1,1,1,n)
            shape = shape[1:]
    return torch.from_numpy(values.reshape(shape))


def _numbers(value: int | memoryview) -> list[int]:
    return packed(value) if isinstance(value, memoryview) else [value]
