"""The nouns that travel down the street: frozen, shapes checked on construction, empty() for nothing."""

from pose_ros.types.frame import RGBDFrame
from pose_ros.types.keypoints import Keypoints2D, Keypoints3D, Origin
from pose_ros.types.objects import Detections2D, ObjectPoses, Objects, Symmetries, TrackedObject
from pose_ros.types.people import Face, Hand, People, Person
from pose_ros.types.track_state import TrackState

__all__ = [
    "Detections2D",
    "Face",
    "Hand",
    "Keypoints2D",
    "Keypoints3D",
    "ObjectPoses",
    "Objects",
    "Origin",
    "People",
    "Person",
    "RGBDFrame",
    "Symmetries",
    "TrackState",
    "TrackedObject",
]
