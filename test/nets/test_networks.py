"""The registered networks against LiteRT, on noise and on real pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from litert import as_file, relative_error, run_litert

from pose_ros.nets.tflite import load_tflite
from pose_ros.weights import WEIGHTS

# max |a - b| / max(1, max |b|). The masks are logits of hundreds, resized four times.
BOUND, MASK_BOUND = 1e-4, 1e-3
MASKS = {"Identity_2": MASK_BOUND}
PICTURES = ["coco", "human_rgbd/color"]


def _picture(folder, size: tuple[int, int]) -> np.ndarray:
    """(1,H,W,3) float 0..255 of a folder's first picture."""
    file = sorted(p for p in folder.iterdir() if p.suffix in (".jpg", ".png"))[0]
    rgb = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    return cv2.resize(rgb, size[::-1]).astype(np.float32)[None]


def _in_range(image: np.ndarray, name: str) -> np.ndarray:
    low, high = WEIGHTS[name].input_range
    return (image / 255 * (high - low) + low).astype(np.float32)


def _noise(count: int, size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, *size, 3)).astype(np.float32)


def _tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(0, 3, 1, 2)


def _size(net) -> tuple[int, int]:
    height, width = net.inputs[0].shape[1:3]
    return (height, width) if height > 1 else (256, 192)


@pytest.fixture(scope="module", params=[name for name, of in WEIGHTS.items() if of.suffix == ".tflite"])
def network(request, weights_of):
    """(name, path, module) of one of the weights, loaded once."""
    path = weights_of(request.param)
    return request.param, path, load_tflite(path)


def _assert_like_litert(network, image: np.ndarray) -> None:
    name, path, net = network
    theirs = run_litert(path, image)
    ours = net(_tensor(image))
    for port, a, b in zip(net.outputs, ours, theirs, strict=True):
        assert np.isfinite(b).all()
        bound = MASKS.get(port.name, BOUND) if name.startswith("blazepose_") else BOUND
        assert relative_error(as_file(a), b) < bound, f"{name} {port.name}"


def test_noise_gives_litert_s_numbers(network):
    _assert_like_litert(network, _in_range(_noise(1, _size(network[2])), network[0]))


@pytest.mark.parametrize("folder", PICTURES)
def test_a_picture_gives_litert_s_numbers(network, folder, data):
    _assert_like_litert(network, _in_range(_picture(data / folder, _size(network[2])), network[0]))


@pytest.mark.parametrize("size", [(256, 256), (192, 256), (384, 512)])
def test_movenet_takes_sizes_of_32s(size, weights_of, data):
    path = weights_of("movenet_multipose")
    _assert_like_litert(("movenet_multipose", path, load_tflite(path)), _picture(data / "coco", size))


def test_a_batch_equals_its_images(network):
    name, _, net = network
    images = _tensor(_in_range(_noise(3, _size(net)), name))
    singles = zip(*(net(one[None]) for one in images), strict=True)
    for whole, parts in zip(net(images), singles, strict=True):
        assert whole.shape[0] == 3
        assert relative_error(whole.numpy(), torch.cat(parts).numpy()) < BOUND


def test_a_pruned_output_equals_that_of_the_whole(network):
    name, path, net = network
    image = _tensor(_in_range(_noise(1, _size(net)), name))
    pruned = load_tflite(path, [net.outputs[-1].name])
    assert pruned.outputs == net.outputs[-1:]
    assert relative_error(pruned(image)[0].numpy(), net(image)[-1].numpy()) < BOUND


def test_pruning_drops_what_is_not_needed(weights_of):
    path = weights_of("blazepose_lite")
    whole, landmarks = (load_tflite(path, o) for o in (None, ["Identity"]))

    def length(net) -> int:
        return len(net._recording(_size(net)).network.graph.nodes)

    assert length(landmarks) < 0.8 * length(whole)


def test_the_order_of_outputs_is_the_one_asked_for(weights_of):
    net = load_tflite(weights_of("face_detector"), ["classificators", 0])
    assert [port.name for port in net.outputs] == ["classificators", "regressors"]
    assert [tuple(o.shape) for o in net(torch.zeros(1, 3, 128, 128))] == [(1, 896, 1), (1, 896, 16)]


def test_the_same_image_gives_the_same_numbers(weights_of):
    net = load_tflite(weights_of("face_detector"))
    image = _tensor(_in_range(_noise(2, (128, 128)), "face_detector"))
    for a, b in zip(net(image), net(image), strict=True):
        assert torch.equal(a, b)
