"""TensorFlow.js graph models: files written here, every way they can be wrong, and the published ones.

The whole graphs of movenet_lightning, movenet_thunder and posenet were compared by hand with TensorFlow.js
4's own run of them (CPU, a photo): no output differed by more than 2e-6.
"""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch

from pose_ros.errors import GraphError
from pose_ros.nets.tfjs import load_tfjs
from pose_ros.nets.tfjs.file import read_tfjs

RNG = np.random.default_rng(7)


def attribute(value):
    if isinstance(value, bool):
        return {"b": value}
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": value}
    if isinstance(value, str):
        return (
            {"type": value} if value.startswith("DT_") else {"s": base64.b64encode(value.encode()).decode()}
        )
    if isinstance(value[0], str):
        return {"list": {"s": [base64.b64encode(one.encode()).decode() for one in value]}}
    return {"list": {"i": [str(one) for one in value]}}


def node(name, op, inputs=(), **attributes):
    return {"name": name, "op": op, "input": list(inputs)} | (
        {"attr": {k: attribute(v) for k, v in attributes.items()}} if attributes else {}
    )


def image(*sizes):
    dims = [{"size": str(n)} for n in sizes]
    return {"name": "image", "op": "Placeholder", "attr": {"shape": {"shape": {"dim": dims}}}}


class Writer:
    """A model of some nodes; its constants go into shards of `shard_bytes`."""

    def __init__(self, folder, shard_bytes=None):
        self.folder, self.shard_bytes = folder, shard_bytes
        self.nodes, self.entries, self.data = [], [], b""

    def constant(self, name, values, dtype="float32", quantization=None, stored=None):
        values = np.asarray(values)
        kind = {"float32": "<f4", "int32": "<i4"}[dtype] if stored is None else stored
        self.entries.append({"name": name, "shape": list(values.shape), "dtype": dtype})
        if quantization:
            self.entries[-1]["quantization"] = quantization
        self.data += values.astype(kind).tobytes()
        self.nodes.append(node(name, "Const", dtype="DT_FLOAT"))

    def save(self, *nodes, **changes):
        size = self.shard_bytes or max(len(self.data), 1)
        names = []
        for at in range(0, max(len(self.data), 1), size):
            names.append(f"shard{len(names)}.bin")
            (self.folder / names[-1]).write_bytes(self.data[at : at + size])
        manifest = [{"paths": names, "weights": self.entries}]
        model = {"format": "graph-model", "modelTopology": {"node": [*nodes, *self.nodes]}}
        path = self.folder / "model.json"
        path.write_text(json.dumps(model | {"weightsManifest": manifest} | changes))
        return path


@pytest.fixture
def writer(tmp_path):
    return Writer(tmp_path)


def run(network, x):
    (y,) = network(torch.from_numpy(x).permute(2, 0, 1)[None].float())
    return y[0].permute(1, 2, 0).numpy()


# What is in the shards.


@pytest.mark.parametrize("shard_bytes", [None, 7, 64])
def test_weights_lie_one_after_the_other_over_shards(tmp_path, shard_bytes):
    writer = Writer(tmp_path, shard_bytes)
    a, b = RNG.normal(size=(2, 3)).astype(np.float32), np.array([1, -70000, 3])
    writer.constant("a", a)
    writer.constant("b", b, "int32")
    writer.constant("c", np.float32(4.5))
    file = read_tfjs(writer.save(image(1, -1, -1, 1)))
    np.testing.assert_array_equal(file.nodes["a"].attributes["value"], a)
    np.testing.assert_array_equal(file.nodes["b"].attributes["value"], b)
    assert file.nodes["b"].attributes["value"].dtype == np.int32
    assert file.nodes["c"].attributes["value"] == 4.5


@pytest.mark.parametrize(("kind", "stored", "steps"), [("uint8", "u1", 255), ("uint16", "<u2", 65535)])
def test_small_numbers_stand_for_scale_times_number_plus_min(writer, kind, stored, steps):
    values = RNG.uniform(-3, 5, (40, 3))
    low, scale = float(values.min()), float((values.max() - values.min()) / steps)
    quantised = np.round((values - low) / scale)
    writer.constant("a", quantised, quantization={"dtype": kind, "scale": scale, "min": low}, stored=stored)
    writer.constant("n", [0, 1, steps], "int32", {"dtype": kind, "scale": 2.0, "min": -7.0}, stored)
    file = read_tfjs(writer.save(image(1, -1, -1, 1)))
    found = file.nodes["a"].attributes["value"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values, atol=scale / 2 + 1e-6)
    np.testing.assert_array_equal(file.nodes["n"].attributes["value"], [-7, -5, 2 * steps - 7])


def test_half_floats(writer):
    values = RNG.normal(size=(5, 2)).astype(np.float16)
    writer.constant("a", values, quantization={"dtype": "float16", "original_dtype": "float32"}, stored="<f2")
    found = read_tfjs(writer.save(image(1, -1, -1, 1))).nodes["a"].attributes["value"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype(np.float32))


# What the nodes compute: the rest is in test_graphdef.py, for the operators are the same.


def fused(writer, op, activation, stride=1):
    weight = RNG.normal(size=(1, 1, 3, 1 if "Depthwise" in op else 4))
    bias = RNG.normal(size=3 if "Depthwise" in op else 4)
    writer.constant("w", weight)
    writer.constant("b", bias)
    names = ["BiasAdd", activation] if activation else ["BiasAdd"]
    out = node(
        "out", op, ["image", "w", "b"], strides=(1, stride, stride, 1), padding="SAME", fused_ops=names
    )
    return weight, bias, writer.save(image(1, -1, -1, 3), out)


LIMITS = {"": (-np.inf, np.inf), "Relu": (0, np.inf), "Relu6": (0, 6)}


@pytest.mark.parametrize("activation", LIMITS)
@pytest.mark.parametrize("op", ["_FusedConv2D", "FusedDepthwiseConv2dNative"])
def test_convolutions_with_bias_and_activation_in_one(writer, op, activation):
    weight, bias, path = fused(writer, op, activation, stride=2)
    x = RNG.normal(size=(5, 6, 3)) * 5
    seen = x[::2, ::2]
    plain = seen @ weight[0, 0] if op == "_FusedConv2D" else seen * weight[0, 0, :, 0]
    np.testing.assert_allclose(run(load_tfjs(path), x), np.clip(plain + bias, *LIMITS[activation]), atol=1e-4)


def test_a_start_in_the_middle_takes_batches_of_any_size(writer):
    """What pulls one picture apart and together again is left out."""
    writer.constant("zero", 0, "int32")
    parts = [
        node("parts", "Unpack", ["image"], axis=0, num=1),
        node("whole", "ExpandDims", ["parts", "zero"]),
        node("out", "Sigmoid", ["whole"]),
    ]
    path = writer.save(image(1, 4, 4, 2), *parts)
    x = torch.randn(3, 2, 4, 4)
    torch.testing.assert_close(load_tfjs(path)(x)[0], torch.sigmoid(x))  # one by one
    later = load_tfjs(path, start=("whole", 2))
    x = torch.randn(3, 2, 5, 7)
    torch.testing.assert_close(later(x)[0], torch.sigmoid(x))
    with pytest.raises(GraphError, match="no node 'nowhere'"):
        load_tfjs(path, start=("nowhere", 2))


# Files that cannot be.


def test_missing_files_are_named(writer, tmp_path):
    with pytest.raises(GraphError, match=r"nothing\.json"):
        load_tfjs(tmp_path / "nothing.json")
    *_, path = fused(writer, "_FusedConv2D", "")
    (tmp_path / "shard0.bin").unlink()
    with pytest.raises(GraphError, match=r"shard0\.bin cannot be read"):
        load_tfjs(path)


@pytest.mark.parametrize("cut", [0, 1, 4, 47])
def test_a_truncated_shard_is_noticed(writer, tmp_path, cut):
    *_, path = fused(writer, "_FusedConv2D", "")
    shard = tmp_path / "shard0.bin"
    shard.write_bytes(shard.read_bytes()[:cut])
    with pytest.raises(GraphError, match=rf"truncated: {cut} bytes"):
        load_tfjs(path)


def test_a_shard_of_another_model_is_noticed(writer, tmp_path):
    *_, path = fused(writer, "_FusedConv2D", "")
    shard = tmp_path / "shard0.bin"
    shard.write_bytes(shard.read_bytes() + b"more")
    with pytest.raises(GraphError, match="not of this model"):
        load_tfjs(path)


def test_any_cut_of_the_model_is_noticed(writer):
    *_, path = fused(writer, "_FusedConv2D", "Relu")
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 5):
        path.write_bytes(whole[:end])
        with pytest.raises(GraphError, match=r"model\.json"):
            load_tfjs(path)


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '"text"', '{"modelTopology": 3}', '{"modelTopology": {"node": [{}]}, "weightsManifest": []}',
     '{"modelTopology": {"node": []}, "weightsManifest": []}',
     '{"modelTopology": {"node": [{"name": "c", "op": "Const"}]}, "weightsManifest": []}'],
)  # fmt: skip
def test_another_kind_of_json(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(GraphError, match=r"model\.json"):
        load_tfjs(tmp_path / "model.json")


def test_layers_models_are_refused_by_name(writer):
    with pytest.raises(GraphError, match="layers model"):
        load_tfjs(writer.save(image(1, -1, -1, 1), format="layers-model"))


def test_unknown_operators_are_listed(writer):
    nodes = node("a", "Fft", ["image"]), node("b", "Warp", ["a"])
    with pytest.raises(GraphError, match="not supported: Fft, Warp"):
        load_tfjs(writer.save(image(1, -1, -1, 1), *nodes))


def test_unknown_activations_and_types_list_the_known(writer):
    *_, path = fused(writer, "_FusedConv2D", "Elu")
    with pytest.raises(GraphError, match="unknown fused operator 'Elu'; valid: BiasAdd, Relu, Relu6"):
        load_tfjs(path)(torch.zeros(1, 3, 4, 4))
    writer.entries[0]["quantization"] = {"dtype": "uint4"}
    with pytest.raises(GraphError, match="unknown type of weights 'uint4'; valid: uint8, uint16, float16"):
        load_tfjs(writer.save(image(1, -1, -1, 3)))


# The published files.


@pytest.mark.parametrize(
    ("name", "side", "parameters"),
    [("movenet_lightning", 192, 2_324_896), ("movenet_thunder", 256, 6_238_344)],
)
def test_the_published_movenets(weights_of, name, side, parameters):
    network = load_tfjs(weights_of(name))
    assert network.parameter_count == parameters
    (people,) = network(torch.zeros(2, 3, side, side))  # it takes one at a time, and the module knows
    assert people.shape == (2, 3, 1, 17)


def test_the_published_posenet_takes_any_size(weights_of):
    network = load_tfjs(weights_of("posenet"))
    assert network.parameter_count == 1_258_195
    heat, *_ = network(torch.zeros(2, 3, 65, 97))
    assert heat.shape == (2, 17, 5, 7)
