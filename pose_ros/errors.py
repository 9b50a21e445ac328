"""Every error this package raises on purpose inherits from PoseError."""

from collections.abc import Iterable


class PoseError(Exception):
    """Base of all errors of pose_ros."""


class ShapeError(PoseError, ValueError):
    """An array has another shape or type than its docstring says."""


class CameraError(PoseError, ValueError):
    """A camera model that cannot project: no focal length, no size, unknown distortion."""


class FrameError(PoseError, ValueError):
    """An RGB-D frame that cannot be used: empty, sizes that differ, wrong units."""


class EncodingError(PoseError, ValueError):
    """An image encoding that is unknown, or whose bytes do not fill the image."""


class ConfigError(PoseError, ValueError):
    """A configuration key or value that does not exist or is out of range."""


class SourceError(PoseError):
    """A source of frames that is missing, broken or of an unknown kind."""


class WeightsError(PoseError):
    """A weights file that is missing, truncated, corrupt or not the one expected."""


class GraphError(PoseError):
    """A network file that cannot be read or holds an operator that is not supported."""


class TransformError(PoseError):
    """A transform between two frames that is not known at the time asked for."""


class MeshError(PoseError):
    """A mesh file that cannot be read, or whose triangles or size cannot be an object."""


class BackendError(PoseError):
    """A pose backend whose own software or weights are missing, or that failed."""


def unknown(kind: str, name: object, valid: Iterable[object]) -> str:
    """Message for a name that does not exist, listing those that do."""
    return f"unknown {kind} {name!r}; valid: {', '.join(str(v) for v in valid)}"
