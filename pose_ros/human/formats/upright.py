"""Worlds that stand upright. A camera alone does not know where up is: unless told, it counts as level."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.rigid import RigidTransform

# REP-103: x forward, y left, z up, for a level camera at the origin that looks along x.
LEVEL_CAMERA = RigidTransform(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))
# Animation software: y up, and who looks along the world's x looks along z.
ANIMATION_FROM_WORLD = RigidTransform(np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]), np.zeros(3))
