"""The physics engine: PyBullet, which is optional. Metres, kilograms, seconds; z up."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.errors import PoseError
from pose_ros.geometry.rigid import RigidTransform

RATE = 240.0  # Hz of the physics; what PyBullet is tuned for
GRAVITY = 9.81


class SimError(PoseError):
    """A simulation that cannot be: no physics engine, an unknown robot, a scene without room."""


def connect(gravity: bool = True) -> Any:
    """A physics world of its own, without a window; SimError says what to install where there is none."""
    try:
        with quiet():
            import pybullet
            from pybullet_utils.bullet_client import BulletClient
    except ImportError as error:
        raise SimError(
            "the simulator is missing: pip install 'pose_ros[sim]' (pybullet 3.2.7, whose wheels are for "
            f"Python 3.10 and 3.11; this is Python {sys.version_info[0]}.{sys.version_info[1]})"
        ) from error
    client = BulletClient(pybullet.DIRECT)
    client.setTimeStep(1 / RATE)
    client.setGravity(0, 0, -GRAVITY if gravity else 0)
    client.setPhysicsEngineParameter(numSolverIterations=150, enableConeFriction=1)
    return client


def data_folder() -> Path:
    """Where PyBullet's robots and meshes are; SimError where they are not."""
    try:
        import pybullet_data
    except ImportError as error:
        raise SimError(
            "robots and meshes come with pybullet, which is missing: pip install 'pose_ros[sim]'"
        ) from error
    return Path(pybullet_data.getDataPath())


def pose_of(position: Any, quaternion: Any) -> RigidTransform:
    return RigidTransform.from_quaternion(np.array(quaternion), np.array(position))


def parts_of(pose: RigidTransform) -> tuple[list[float], list[float]]:
    """Position and quaternion xyzw, as the engine takes them."""
    return pose.translation.tolist(), pose.quaternion.tolist()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The engine's C code prints a lot to stdout; not while this lasts."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
