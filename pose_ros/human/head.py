"""Head pose (6D) from a face mesh and depth, and what becomes of it while the face is turned away.

The mesh is turned onto a rigid template of the face (absolute orientation: Kabsch 1976, Umeyama 1991), in
the axes of its viewing ray, as a face is seen from its own direction and not along the optical axis. What the
network gets wrong with the direction of view is put right; then depth at sixty points of the mesh bends the
rotation and says how far away the face is. Over time an estimate and its variance are kept: a look is added
to it by weight of both variances; between looks the head turns with the chest, and its variance grows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import rotation_exp, rotation_log
from pose_ros.human.face_template import INDICES, MESH_DEPTH, PITCH, ROLL, SKIN, SPREAD, TEMPLATE, YAW

OFFSET_SHARE, OFFSET_KEPT = 0.2, 1.0  # of a look in the mean of looks; s that the mean lasts
APART, OFF = 0.04, 0.015  # m, depths that far from the face's median are of something else, count half


@dataclass(frozen=True)
class HeadConfig:
    min_logit: float = option(2.0, "face meshes below this logit are not believed", range=(-20.0, 20.0))
    mesh_sigma: float = option(
        3.0, "error of how a mesh is turned, beside that of depth", unit="deg", range=(0.1, 90.0)
    )
    depth_sigma: float = option(
        0.01, "error of one of sixty depths of a face, faces' own shapes included", unit="m",
        range=(0.001, 1.0),
    )  # fmt: skip
    look_sigma: float = option(4.0, "error of one look at a face", unit="deg", range=(0.1, 90.0))
    turning: float = option(
        40.0, "how far a head may turn unseen in one second", unit="deg", range=(0.1, 1000.0)
    )
    rest_sigma: float = option(
        30.0, "how far heads usually are turned against the chest", unit="deg", range=(0.1, 180.0)
    )
    hide: float = option(
        25.0, "a head's turn is unobservable above this error", unit="deg", range=(1.0, 180.0)
    )
    show: float = option(15.0, "and observable again below this", unit="deg", range=(1.0, 180.0))


@dataclass(frozen=True)
class HeadLooks:
    """Heads seen in one frame, by their faces, for all N people; NaN where no face was seen.

    rotation (N,3,3): camera from head, axes as REP-155's human_description. position (N,3): between the ears,
    m in the optical frame; NaN where there is no depth. covariance (N,6,6): of position (m), then rotation
    about the camera's axes (rad).
    """

    rotation: np.ndarray
    position: np.ndarray
    covariance: np.ndarray

    @classmethod
    def none(cls, people: int) -> HeadLooks:
        return cls(
            np.full((people, 3, 3), np.nan), np.full((people, 3), np.nan), np.full((people, 6, 6), np.nan)
        )


def look_at_heads(
    people: int,
    person: np.ndarray,
    points: np.ndarray,
    logit: np.ndarray,
    depth: np.ndarray,
    camera: PinholeCamera,
    config: HeadConfig,
) -> HeadLooks:
    """Head poses of `people` from the meshes of some (person, points, logit as in FaceMesh).

    depth: (H,W) m, NaN = none.
    """
    looks = HeadLooks.none(people)
    faces = np.flatnonzero(logit >= config.min_logit)
    if not len(faces):
        return looks
    mesh = points[faces][:, INDICES]
    middle = mesh.mean(1)
    rays = camera.rays(middle[:, :2])
    mean = TEMPLATE.mean(0)
    flat = (mesh - middle[:, None]) * [1, 1, MESH_DEPTH]
    rotation = corrected(view_rotation(rays) @ turn_onto(TEMPLATE - mean, flat), rays)
    # Nearest pixels will do: where the skin is steep its neighbours are as wrong on the other side.
    u, v = np.rint(mesh[..., 0]).astype(int), np.rint(mesh[..., 1]).astype(int)
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    skin = np.where(inside, depth[v.clip(0, camera.height - 1), u.clip(0, camera.width - 1)], np.nan)
    rotation, distance, spread = _fit_depth(rotation, np.where(skin > 0, skin, np.nan), config)
    turned = np.einsum("nij,j->ni", rotation, mean)
    position = rays * (distance + turned[:, 2])[:, None] - turned
    looks.rotation[person[faces]] = rotation
    looks.position[person[faces]] = position
    lateral = 2.0 * distance / camera.fx  # two pixels
    variance = np.stack([lateral**2, lateral**2, spread**2], axis=-1)
    turn = np.full((len(faces), 3), np.radians(config.look_sigma) ** 2)
    looks.covariance[person[faces]] = np.concatenate([variance, turn], axis=-1)[:, :, None] * np.eye(6)
    return looks


@dataclass(frozen=True)
class HeadState:
    """What is known of heads (…), NaN where nothing is.

    rotation (…,3,3): camera from head. variance (…,): rad². hidden (…,): whether it counts as unobservable.
    chest (…,3,3): camera from chest at that time. offset (…,3): from the middle of the ears' key points to
    the head's origin, m in the head's axes.
    """

    rotation: np.ndarray
    variance: np.ndarray
    hidden: np.ndarray
    chest: np.ndarray
    offset: np.ndarray

    @classmethod
    def unknown(cls) -> HeadState:
        nothing = np.full((3, 3), np.nan)
        return cls(nothing, np.array(np.nan), np.array(True), nothing, np.full(3, np.nan))


def follow_heads(
    known: HeadState,
    chest: np.ndarray,
    ears: np.ndarray,
    looks: HeadLooks,
    seconds: np.ndarray,
    config: HeadConfig,
) -> HeadState:
    """Heads (N) after `seconds` (N,); chests (N,3,3), ears' middles (N,3) and looks are NaN where unknown."""
    seen = looks.rotation
    new = np.isnan(known.variance)
    carried = chest @ np.swapaxes(known.chest, -1, -2) @ known.rotation
    carried = np.where(np.isnan(carried), known.rotation, carried)
    # Of whom nothing is known the head is taken to look where the chest does.
    carried = np.where(new[:, None, None], chest, carried)
    rest = np.radians(config.rest_sigma) ** 2
    grown = known.variance + np.radians(config.turning) ** 2 * seconds
    grown = np.where(new, rest, np.minimum(grown, rest))
    looked = ~np.isnan(seen[:, 0, 0])
    before = np.where(np.isnan(carried), seen, carried)
    noise = np.radians(config.look_sigma) ** 2
    gain = np.where(looked, grown / (grown + noise), 0.0)
    rotation = before
    if looked.any():
        toward = np.swapaxes(before[looked], -1, -2) @ seen[looked]
        rotation = before.copy()
        rotation[looked] = before[looked] @ rotation_exp(gain[looked, None] * rotation_log(toward))
    variance = (1 - gain) * grown
    limit = np.radians(np.where(known.hidden, config.show, config.hide)) ** 2
    chest = np.where(np.isnan(chest), known.chest, chest)
    offset = _offset(known.offset, rotation, looks.position - ears, seconds)
    return HeadState(rotation, variance, ~(variance < limit), chest, offset)


def _offset(known: np.ndarray, rotation: np.ndarray, seen: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Offsets (N,3) of HeadState after `seconds`, with those just seen (N,3) in the camera's axes.

    Key points come with every frame and looks do not: so that the origin does not hop between the two, looks
    are averaged, and unconfirmed they are forgotten.
    """
    seen = np.einsum("nji,nj->ni", rotation, seen)
    looked = ~np.isnan(seen[:, :1])
    known = np.where(np.isnan(known), seen, known)
    share = np.where(looked, OFFSET_SHARE, 0.0)
    fading = np.where(looked, 1.0, np.exp(-seconds / OFFSET_KEPT)[:, None])
    return known * fading + share * np.where(looked, seen - known, 0.0)


def view_rotation(rays: np.ndarray) -> np.ndarray:
    """Rotations (N,3,3) whose z axis is the ray (N,3), with the image's x axis as level as it was."""
    z = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    x = np.stack([z[:, 2], np.zeros(len(z)), -z[:, 0]], axis=-1)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def turn_onto(shape: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Rotations (N,3,3) that best turn centred points (K,3) onto centred ones (N,K,3) of any size."""
    left, _, right = np.linalg.svd(np.einsum("nki,kj->nij", seen, shape))
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    return left @ right


def corrected(rotation: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Rotations (N,3,3) of meshes seen along rays (N,3), without what the network does to unusual views."""
    aside, above = direction_of_camera(rotation, rays)
    roll, yaw = ((a * aside + b * aside * above) for a, b in (ROLL, YAW))
    pitch = PITCH[0] + PITCH[1] * above + PITCH[2] * aside**2
    return rotation @ rotation_exp(np.stack([roll, pitch, yaw], axis=-1))


def direction_of_camera(rotation: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far to its left (N,) and above it (N,), rad, a head that is turned so (N,3,3) has the camera."""
    toward = -np.einsum("nji,nj->ni", rotation, rays / np.linalg.norm(rays, axis=-1, keepdims=True))
    return np.arctan2(toward[:, 1], toward[:, 0]), np.arcsin(np.clip(toward[:, 2], -1, 1))


def _fit_depth(
    rotation: np.ndarray, skin: np.ndarray, config: HeadConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (N,3,3) bent to what depth (N,K) says, distance (N,) of the heads and its error (N,), m.

    Least squares in distance and two small turns about the camera's x and y, which the mesh's rotation holds
    by `mesh_sigma`; depths off the face lose weight (Cauchy). Where too few are on it the mesh's rotation
    stays and the distance is NaN.
    """
    tilt, prior = np.zeros((len(rotation), 2)), 1 / np.radians(config.mesh_sigma) ** 2
    start, hold = rotation, np.diag([1e-9, prior, prior])
    sigma = config.depth_sigma * SPREAD / np.median(SPREAD)
    for _ in range(3):
        arm = SKIN @ np.swapaxes(rotation, -1, -2)
        residual = skin - arm[..., 2]
        distance, near, error = _robust_mean(residual)
        off = np.nan_to_num(residual - distance[:, None])
        weight = near / (1 + (off / OFF) ** 2) / sigma**2
        rows = np.stack([np.ones_like(off), arm[..., 1], -arm[..., 0]], axis=-1)
        weighed = np.swapaxes(rows * weight[..., None], -1, -2)
        right = weighed @ off[..., None]
        right[:, 1:, 0] -= prior * tilt
        tilt = tilt + np.linalg.solve(weighed @ rows + hold, right)[:, 1:, 0]
        tilt = np.where(np.isnan(distance)[:, None], 0.0, tilt)
        rotation = rotation_exp(np.concatenate([tilt, np.zeros((len(tilt), 1))], axis=-1)) @ start
    return rotation, distance, error


def _robust_mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (N,) of values (N,K) without those far from their median, which are left (N,K), its error (N,).

    Errors of neighbouring pixels are alike: ten of them count as one. NaN where less than a quarter is left.
    """
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.isfinite(values).sum(-1)
    median = ordered[np.arange(len(values)), np.maximum(count - 1, 0) // 2]
    near = np.abs(values - median[:, None]) < APART
    many = np.maximum(near.sum(-1), 1)
    mean = np.where(near, values, 0.0).sum(-1) / many
    spread = np.sqrt(np.where(near, (values - mean[:, None]) ** 2, 0.0).sum(-1) / many)
    enough = near.sum(-1) >= values.shape[1] // 4
    return np.where(enough, mean, np.nan), near, spread / np.sqrt(np.maximum(many / 10, 1)) + 0.003
