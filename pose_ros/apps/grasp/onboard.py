"""From a CAD mesh to its grasps. Made once for an object and a gripper, then kept by content."""

from __future__ import annotations

import hashlib
import pickle
import zlib
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from pose_ros.apps.grasp.antipodal import Pairs, antipodal_pairs, thinned
from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper, inside_any
from pose_ros.apps.grasp.quality import quality_of, tries
from pose_ros.apps.grasp.skin import Rays, Skin, skin_of
from pose_ros.config import option
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Symmetries
from pose_ros.weights import cache_dir

FORMAT = 2  # of the cache; raise it when what is computed changes
STANDOFF = 0.10  # m of straight approach that must be free of the object itself
NEARER = 0.6  # of the tip: contacts this far beyond the pads' middle are tried, too
MORE, COARSE = 4, 700  # pairs that are looked at first, on so many points of the surface
CHUNK = 200  # grasps tried against the surface at once


@dataclass(frozen=True)
class OnboardConfig:
    """How grasps are sought on a mesh."""

    friction: float = option(0.5, "coefficient between pad and object", range=(0.05, 2.0))
    samples: int = option(1500, "points from which opposite contacts are sought", range=(50, 50000))
    pairs: int = option(450, "most contact pairs that are followed up", range=(10, 5000))
    approaches: int = option(12, "directions from which each pair is approached", range=(1, 72))
    grasps: int = option(500, "most grasps that are kept", range=(1, 5000))
    clearance: float = option(0.0015, "of hand and object on the way", unit="m", range=(0.0, 0.02))
    margin: float = option(0.006, "room at pads that cannot open fully", unit="m", range=(0.001, 0.05))
    seed: int = option(0, "of what is drawn by chance", range=(0, 2**31 - 1))


def onboard(
    mesh: Mesh,
    gripper: Gripper | None = None,
    symmetries: Symmetries | None = None,
    config: OnboardConfig | None = None,
    progress: bool = False,
) -> GraspSet:
    """The grasps of an object; the same for the same input. Without any, `funnel` tells why."""
    gripper, config = gripper or Gripper(), config or OnboardConfig()
    rng = np.random.default_rng(config.seed)
    cone = float(np.arctan(config.friction))
    rays = Rays(mesh)
    skin = skin_of(mesh, rays, rng)
    pairs = antipodal_pairs(skin, rays, cone, config.samples, rng)
    funnel = {"pairs of opposite contacts": len(pairs)}
    fits = (pairs.width < gripper.max_width - 2 * config.clearance) & (pairs.width > gripper.min_width)
    if len(pairs) and not fits.any():
        funnel[f"pairs at least {pairs.width.min():.3f} m wide"] = len(pairs)
    funnel[f"that {gripper.name} ({gripper.max_width:.3f} m) can span"] = int(fits.sum())
    pairs = _accessible(thinned(pairs.select(fits), MORE * config.pairs), skin, gripper, config)
    pairs = thinned(pairs, config.pairs)
    funnel["that a hand can come to, thinned"] = len(pairs)
    grasps = _approached(pairs, skin, gripper, config.approaches)
    funnel["ways to approach them"] = len(grasps)
    free, opening = _is_free(grasps, gripper, config, progress)
    grasps = replace(grasps, opening=opening).select(free)
    funnel["free of the object itself"] = len(grasps)
    moved = tries(config.seed)
    first = RigidTransform(moved.rotation[:1], moved.translation[:1])
    quality, width = quality_of(grasps, gripper, cone, first)
    grasps = replace(grasps, quality=quality, width=width).select(quality > 0)
    funnel["that hold"] = len(grasps)
    grasps = grasps.diverse(3 * config.grasps)
    quality, width = quality_of(grasps, gripper, cone, moved)
    grasps = replace(grasps, quality=quality)
    if symmetries is not None and (len(symmetries) > 1 or symmetries.is_continuous):
        grasps = grasps.select(np.argsort(-quality, kind="stable")[: config.grasps]).with_copies(symmetries)
    grasps = grasps.diverse(config.grasps)
    holds = quality_of(grasps, gripper, cone, first)[0] > 0  # copies meet other points of the surface
    grasps = grasps.select(holds)
    funnel["unlike each other"] = len(grasps)
    return replace(grasps, funnel=funnel)


def _approached(pairs: Pairs, skin: Skin, gripper: Gripper, approaches: int) -> GraspSet:
    """Every pair from `approaches` directions about its line, with the contacts in the pads' middle or nearer
    to the tips; the first direction is as near to down in the object's frame as can be."""
    axis = pairs.axis
    base = _across(np.array([0.0, 0, -1]), axis)
    lying = np.linalg.norm(base, axis=1) < 0.1  # their line is upright: any direction is as good
    base[lying] = _across(np.array([1.0, 0, 0]), axis[lying])
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    angle = np.arange(approaches)[:, None, None] * 2 * np.pi / approaches
    approach = np.cos(angle) * base + np.sin(angle) * np.cross(axis, base)  # (A,M,3)
    approach = np.concatenate([approach, approach])
    back = np.repeat([0.0, NEARER * gripper.tip], approaches)[:, None, None]
    closing = np.broadcast_to(axis, approach.shape)
    rotation = np.stack([np.cross(closing, approach), closing, approach], axis=-1)
    position = (pairs.first + pairs.second) / 2 - back * approach
    copies = len(approach)
    return GraspSet(
        RigidTransform(rotation.reshape(-1, 3, 3), position.reshape(-1, 3)),
        np.tile(pairs.width, copies),
        np.full(copies * len(pairs), gripper.max_width),
        np.zeros(copies * len(pairs)),
        np.tile(np.stack([pairs.first, pairs.second], axis=1), (copies, 1, 1)),
        skin,
    )


def _accessible(pairs: Pairs, skin: Skin, gripper: Gripper, config: OnboardConfig) -> Pairs:
    """Those with an approach at which few points of the object are not in the way: most of the inside of a
    cup, say, no hand can come to."""
    if not len(pairs):
        return pairs
    some = slice(None, None, len(skin) // COARSE + 1)
    coarse = replace(skin, points=skin.points[some], normals=skin.normals[some])
    grasps = _approached(pairs, coarse, gripper, config.approaches)
    free = _is_free(grasps, gripper, replace(config, clearance=0.0))[0]
    return pairs.select(free.reshape(-1, len(pairs)).any(0))


def _across(direction: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The part of a direction (3,) at right angles to each axis (M,3)."""
    return direction - (axis @ direction)[:, None] * axis


def _is_free(
    grasps: GraspSet, gripper: Gripper, config: OnboardConfig, progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) whether the object is not in the way; (N,) m: the hand open as far as can be, else just enough."""
    just = np.minimum(grasps.width + 2 * config.margin, gripper.max_width)
    opening = np.full(len(grasps), gripper.max_width)
    hits = collides(grasps.object_from_grasp, opening, grasps.skin, gripper, config.clearance, progress)
    again = np.flatnonzero(hits & (just < gripper.max_width))
    pose = grasps.object_from_grasp
    part = RigidTransform(pose.rotation[again], pose.translation[again])
    opening[again] = just[again]
    hits[again] = collides(part, just[again], grasps.skin, gripper, config.clearance, progress)
    return ~hits, opening


def collides(
    object_from_grasp: RigidTransform,
    opening: np.ndarray,
    skin: Skin,
    gripper: Gripper,
    clearance: float,
    progress: bool = False,
) -> np.ndarray:
    """(N,) whether the open hand, or its straight way to the grasp, comes nearer to the object than that."""
    boxes = gripper.boxes(opening, STANDOFF, clearance)
    points = np.random.default_rng(0).permutation(skin.points).astype(np.float32).T
    hits = np.zeros(len(opening), bool)
    starts = range(0, len(opening), CHUNK)
    for start in tqdm(starts, desc="hand against object", unit="chunk", disable=not progress, delay=1):
        left = np.arange(start, min(start + CHUNK, len(opening)))
        for part in np.split(points, [COARSE], axis=1):  # most are found by the first few points
            rotation = object_from_grasp.rotation[left].transpose(0, 2, 1)
            offset = rotation @ object_from_grasp.translation[left, :, None]
            moved = rotation.astype(np.float32) @ part - offset.astype(np.float32)
            hits[left] = inside_any(moved.transpose(0, 2, 1), boxes[left]).any(1)
            left = left[~hits[left]]
    return hits


def load_grasps(
    mesh: Mesh,
    gripper: Gripper | None = None,
    symmetries: Symmetries | None = None,
    config: OnboardConfig | None = None,
    progress: bool = False,
) -> GraspSet:
    """As `onboard`, from the cache if nothing that matters has changed."""
    gripper, config = gripper or Gripper(), config or OnboardConfig()
    digest = hashlib.sha256(pickle.dumps((FORMAT, astuple(gripper), astuple(config))))
    for array in (mesh.vertices, mesh.triangles, *_plain(symmetries)):
        digest.update(np.ascontiguousarray(array).tobytes())
    file = cache_dir() / "grasps" / f"{digest.hexdigest()[:32]}.npz"
    grasps = _kept(file)
    if grasps is None:
        grasps = onboard(mesh, gripper, symmetries, config, progress)
        with suppress(OSError):  # where nothing can be kept, it is computed again next time
            _keep(file, grasps)
    return grasps


def _plain(symmetries: Symmetries | None) -> list[np.ndarray]:
    if symmetries is None:
        return []
    axis = np.zeros(3) if symmetries.axis is None else symmetries.axis
    motions = symmetries.discrete
    return [motions.rotation, motions.translation, axis, [float(symmetries.is_sphere)], symmetries.center]


def _keep(file: Path, grasps: GraspSet) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part.npz")
    pose, skin = grasps.object_from_grasp, grasps.skin
    np.savez_compressed(
        half,
        rotation=pose.rotation,
        translation=pose.translation,
        **{name: getattr(grasps, name) for name in ("width", "opening", "quality", "contacts")},
        **{f"skin.{name}": value for name, value in vars(skin).items()},
        steps=np.array(list(grasps.funnel)),
        counts=np.array(list(grasps.funnel.values())),
    )
    half.replace(file)


def _kept(file: Path) -> GraspSet | None:
    """The grasps kept in a file; None where there is none or it is broken."""
    try:
        with np.load(file) as kept:
            values = dict(kept)
        skin = Skin(*(values[f"skin.{name}"] for name in ("points", "normals", "area", "center")))
        return GraspSet(
            RigidTransform(values["rotation"], values["translation"]),
            *(values[name] for name in ("width", "opening", "quality", "contacts")),
            skin,
            {str(step): int(count) for step, count in zip(values["steps"], values["counts"], strict=True)},
        )
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error):
        return None
