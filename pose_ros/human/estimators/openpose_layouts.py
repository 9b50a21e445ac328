"""How OpenPose's networks order their maps: joints, limbs, and the channels of each limb's affinity field.

Source: Cao et al., "OpenPose: Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", 2019, and
the parameters its authors publish with the networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from pose_ros.human.formats.skeletons import OPENPOSE_18, OPENPOSE_25
from pose_ros.skeleton import Skeleton


@dataclass(frozen=True)
class Layout:
    """Heat maps are the skeleton's joints and then the background.

    limbs: (from, to), more than the skeleton's bones: ears hang on shoulders too, for faces seen from behind.
    fields: for each limb, which pair of the affinity maps (x, y) is its own, counted in pairs.
    """

    skeleton: Skeleton
    limbs: tuple[tuple[int, int], ...]
    fields: tuple[int, ...]

    @property
    def heat_channels(self) -> int:
        return len(self.skeleton) + 1

    @property
    def field_channels(self) -> int:
        return 2 * len(self.limbs)


def _layout(skeleton: Skeleton, limbs: str, fields: str) -> Layout:
    pairs = (limb.split("-") for limb in limbs.split())
    return Layout(skeleton, tuple((int(a), int(b)) for a, b in pairs), tuple(map(int, fields.split())))


COCO = _layout(
    OPENPOSE_18.skeleton,
    "1-2 1-5 2-3 3-4 5-6 6-7 1-8 8-9 9-10 1-11 11-12 12-13 1-0 0-14 14-16 0-15 15-17 2-16 5-17",
    "6 10 7 8 11 12 0 1 2 3 4 5 14 15 17 16 18 9 13",
)
BODY_25 = _layout(
    OPENPOSE_25.skeleton,
    "1-8 1-2 1-5 2-3 3-4 5-6 6-7 8-9 9-10 10-11 8-12 12-13 13-14 1-0 0-15 15-17 0-16 16-18 2-17 5-18 "
    "14-19 19-20 14-21 11-22 22-23 11-24",
    "0 7 11 8 9 12 13 3 1 2 4 5 6 15 16 18 17 19 10 14 20 21 22 23 24 25",
)
