"""The simulated RGB-D camera, and plain pictures of the world from outside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh, load_mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sim.arm import Arm
from pose_ros.sim.engine import pose_of
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.sources.synthetic.objects.render import Item, Stage, draw
from pose_ros.sources.synthetic.objects.stage import look_at
from pose_ros.sources.synthetic.render import Picture, develop
from pose_ros.sources.synthetic.solids import View
from pose_ros.types import RGBDFrame

FRAME_ID = "camera_color_optical_frame"
NEAR, FAR = 0.05, 6.0  # m, of pictures from outside


@dataclass(frozen=True)
class DepthCamera:
    """A colour and depth camera at a fixed place. exposure: brightness of the mean pixel; grain: noise."""

    view: View
    sensor: DepthSensor
    exposure: float
    grain: float

    @classmethod
    def draw(cls, rng: np.random.Generator, view: View) -> DepthCamera:
        sensor = DepthSensor(view.camera.fx, rng.uniform(0.045, 0.06), near=0.2)
        return cls(view, sensor, rng.uniform(0.36, 0.5), rng.uniform(0.005, 0.015))

    @property
    def world_from_camera(self) -> RigidTransform:
        return self.view.world_from_camera

    def picture(self, stage: Stage, items: list[Item]) -> Picture:
        """Light, exact depth and owner of each pixel, without noise; takes about a second."""
        return draw(stage, items, self.view)

    def frame(self, picture: Picture, rng: np.random.Generator, stamp_ns: int) -> RGBDFrame:
        """One exposure of it, with the noise of a stereo depth sensor (sources.synthetic.noise)."""
        factor = self.exposure**2.2 / max(float(np.minimum(picture.linear, 3).mean()), 1e-6)
        rgb = develop(picture, rng, factor, self.grain)
        depth = self.sensor.measure(picture.depth, picture.cosine, picture.linear.mean(-1), rng)
        return RGBDFrame(rgb, depth, self.view.camera, stamp_ns, FRAME_ID)


def items_of(arm: Arm) -> list[Item]:
    """The robot as the camera sees it now: its links' shapes."""
    client, items = arm.client, []
    for shape in client.getVisualShapeData(arm.body):
        link, file, scale = shape[1], Path(shape[4].decode()), shape[3]
        if not file.suffix:
            continue
        if link < 0:
            world_from_link = arm.base
        else:
            state = client.getLinkState(arm.body, link, computeForwardKinematics=True)
            world_from_link = pose_of(state[4], state[5])
        mesh = _mesh_of(_coarse(file), tuple(scale))
        items.append(Item(mesh, world_from_link @ pose_of(shape[5], shape[6]), paint=np.array(shape[7][:3])))
    return items


def _coarse(file: Path) -> Path:
    """The shape for collisions where there is one: it looks much the same, and is drawn quickly."""
    coarse = file.parent.parent / "collision" / file.name
    return coarse if coarse.exists() else file


@lru_cache(maxsize=64)
def _mesh_of(file: Path, scale: tuple[float, ...]) -> Mesh:
    mesh = load_mesh(file)
    return Mesh.plain(mesh.vertices * np.array(scale), mesh.triangles)


class OutsideCamera:
    """Pictures by the engine's software renderer: plain, quick, without noise."""

    def __init__(self, camera: PinholeCamera, world_from_camera: RigidTransform) -> None:
        self.camera, self.world_from_camera = camera, world_from_camera
        self._view, self._projection = view_matrix(world_from_camera), projection_matrix(camera)

    @classmethod
    def at(
        cls, target: tuple[float, float, float], azimuth: float, elevation: float, distance: float,
        width: int = 640, height: int = 480,
    ) -> OutsideCamera:  # fmt: skip
        """Looking at a target (m) from azimuth and elevation (rad)."""
        focal = 0.9 * width
        camera = PinholeCamera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
        return cls(camera, look_at(np.array(target), azimuth, elevation, distance))

    def shoot(self, client: Any, shadow: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """rgb (H,W,3) uint8 and depth (H,W) m along the optical axis, NaN where there is nothing."""
        camera = self.camera
        _, _, rgba, buffer, _ = client.getCameraImage(
            camera.width, camera.height, self._view, self._projection, renderer=client.ER_TINY_RENDERER,
            shadow=int(shadow), lightDirection=[0.6, 0.4, 1.5], lightDistance=3.0,
            lightAmbientCoeff=0.55, lightDiffuseCoeff=0.45, lightSpecularCoeff=0.1,
        )  # fmt: skip
        shape = camera.height, camera.width
        buffer = np.reshape(buffer, shape).astype(float)
        depth = NEAR * FAR / (FAR - (FAR - NEAR) * buffer)
        rgb = np.reshape(rgba, (*shape, 4))[..., :3].astype(np.uint8)
        return rgb, np.where(buffer < 1.0, depth, np.nan)


def view_matrix(world_from_camera: RigidTransform) -> list[float]:
    """OpenGL's, column by column: there the camera looks along -z with y up."""
    camera_from_world = world_from_camera.inverse()
    flip = np.diag([1.0, -1.0, -1.0])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = flip @ camera_from_world.rotation, flip @ camera_from_world.translation
    return matrix.T.ravel().tolist()


def projection_matrix(camera: PinholeCamera) -> list[float]:
    """OpenGL's, column by column, of a pinhole camera whose pixel centres lie at integers."""
    w, h = camera.width, camera.height
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[0, 2] = 2 * camera.fx / w, 1 - 2 * (camera.cx + 0.5) / w
    matrix[1, 1], matrix[1, 2] = 2 * camera.fy / h, 2 * (camera.cy + 0.5) / h - 1
    matrix[2, 2], matrix[2, 3] = -(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
    matrix[3, 2] = -1.0
    return matrix.T.ravel().tolist()
