"""What can be wrong with a robot or with what is asked of it."""

from pose_ros.errors import PoseError


class RobotError(PoseError, ValueError):
    """A robot description that cannot be used: no such link, no chain, no limits, another shape."""


class SolverError(PoseError):
    """Inverse kinematics whose packages are missing or that does not fit the arm."""
