"""Networks of `rtmlib` from files of this machine: nothing is downloaded or printed, no fallback unsaid."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from pathlib import Path

import torch

from pose_ros.errors import ConfigError, GraphError
from pose_ros.human.estimators.optional import needed
from pose_ros.nets.protobuf import fields, packed
from pose_ros.weights import path_of

PUBLISHED = "its authors publish them as ONNX: mmpose, projects/{}"


def load_tool(estimator: str, kind: str, weights: str, device: torch.device, **options: object) -> object:
    """rtmlib's tool of that kind (RTMPose, RTMO) for an ONNX file, its input's size read from the file.

    ConfigError where no file is named or rtmlib or onnxruntime is missing, WeightsError where the file is,
    GraphError where it cannot be run. It has as many threads as torch. It warns where it falls to the CPU.
    """
    rtmlib, runtime = (needed(module, estimator) for module in ("rtmlib", "onnxruntime"))
    if not weights:
        where = PUBLISHED.format("rtmpose" if kind == "RTMPose" else "rtmo")
        raise ConfigError(f"{estimator} needs {estimator}.weights, the path of an ONNX file; {where}")
    path = str(path_of(weights if "/" in weights or "." in weights else f"./{weights}"))
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    wanted = [name for name in wanted if name in runtime.get_available_providers()]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            tool = getattr(rtmlib, kind)(path, backend="onnxruntime", device="cpu", **options)
        # rtmlib gives no say in threads, and takes the CPU without a word.
        tool.session = runtime.InferenceSession(path, settings, providers=[*wanted, "CPUExecutionProvider"])
    except Exception as error:  # the runtime has errors of many kinds
        raise GraphError(f"{path} is no network that onnxruntime can run, or broken: {error}") from error
    if device.type == "cuda" and "CUDAExecutionProvider" not in tool.session.get_providers():
        warnings.warn(
            f"{estimator} runs on the CPU: this onnxruntime has no CUDA (pip install onnxruntime-gpu)",
            RuntimeWarning,
            stacklevel=2,
        )
    shape = tool.session.get_inputs()[0].shape
    if len(shape) != 4 or shape[1] != 3:
        raise GraphError(f"{path} takes {shape}, not images (N,3,H,W)")
    if all(isinstance(side, int) for side in shape[2:]):
        height, width = shape[2:]
        # RTMPose's size is width, height; RTMO's is height, width.
        tool.model_input_size = (width, height) if kind == "RTMPose" else (height, width)
    return tool


def parameter_count(path: Path) -> int:
    """Numbers in an ONNX file's initialisers. Fields of onnx.proto: graph 7, initializer 5, dims 1."""
    count = 0
    for graph in (body for number, body in fields(path.read_bytes()) if number == 7):
        for tensor in (body for number, body in fields(graph) if number == 5):
            dims: list[int] = []
            for _, value in (field for field in fields(tensor) if field[0] == 1):
                dims.extend(packed(value) if isinstance(value, memoryview) else [value])
            count += math.prod(dims)
    return count


def check_outputs(tool: object, path: str, ranks: tuple[int, ...], what: str) -> None:
    """GraphError where a network's outputs are not of these ranks."""
    shapes = [output.shape for output in tool.session.get_outputs()]
    if [len(shape) for shape in shapes] != list(ranks):
        raise GraphError(f"{path} gives {shapes}, not {what}")
