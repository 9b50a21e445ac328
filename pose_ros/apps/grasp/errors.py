"""What can be wrong with grasps."""

from pose_ros.errors import PoseError


class GraspError(PoseError, ValueError):
    """A request for grasps that cannot be met as it stands."""


class GraspFileError(GraspError):
    """A file of grasps that is missing, broken or of another gripper."""
