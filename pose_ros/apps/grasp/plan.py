"""From objects that are seen to grasps that can be done, best first; what was taken away, and why.

grasps = {"mug": load_grasps(mesh)}
(found,) = plan([Target("mug_1", "mug", root_from_object)], grasps, Scene(points, up=[0, 0, 1]))
found.grasps[0].root_from_pregrasp, found.grasps[0].root_from_link, found.reason
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree

from pose_ros.apps.grasp.chance import chances, without_symmetry
from pose_ros.apps.grasp.filters import (
    Placed,
    drawn_back,
    from_below,
    hits_plane,
    hits_scene,
    narrowed,
    out_of_reach,
)
from pose_ros.apps.grasp.grasp_set import GraspSet, spread_out
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.scene import Plane, Scene, support_plane
from pose_ros.config import option
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Symmetries

APART, APART_ANGLE = 0.04, np.deg2rad(40)  # grasps that differ less in both are much alike to an arm
AROUND = 0.6  # m about an object in which its support is sought
HALF_TURN = np.diag([-1.0, -1.0, 1.0])
Reach = Callable[[RigidTransform], np.ndarray]


@dataclass(frozen=True)
class PlanConfig:
    """Which grasps of a seen object may be done, and how they are ranked."""

    standoff: float = option(0.10, "straight way to the grasp", unit="m", range=(0.0, 0.5))
    lift: float = option(0.10, "way up after it", unit="m", range=(0.0, 1.0))
    approach_angle: float = option(
        100.0, "greatest angle of approach and down", unit="deg", range=(0.0, 180.0)
    )
    scene_clearance: float = option(0.004, "of the hand and what is seen", unit="m", range=(0.0, 0.1))
    plane_clearance: float = option(0.003, "of the hand and the support plane", unit="m", range=(0.0, 0.1))
    room: float = option(0.008, "at each pad where a wide hand is in the way", unit="m", range=(0.001, 0.1))
    own_margin: float = option(0.01, "points this near are the object's own", unit="m", range=(0.0, 0.1))
    reach_least: float = option(0.25, "least distance of TCP and base", unit="m", range=(0.0, 5.0))
    reach_most: float = option(0.80, "greatest distance of TCP and base", unit="m", range=(0.05, 10.0))
    friction: float = option(0.5, "coefficient between pad and object", range=(0.05, 2.0))
    ranked: int = option(60, "grasps, best by themselves, that the pose's covariance ranks", range=(1, 2000))
    draws: int = option(32, "poses drawn from the covariance", range=(2, 1000))
    least_chance: float = option(0.1, "grasps less probable than this are left out", range=(0.0, 1.0))


@dataclass(frozen=True)
class Target:
    """An object as it is seen. covariance (6,6): translation m, then rotation rad about the root's axes."""

    id: str
    label: str
    root_from_object: RigidTransform
    covariance: np.ndarray = field(default_factory=lambda: np.zeros((6, 6)))
    symmetries: Symmetries | None = None


@dataclass(frozen=True)
class PlannedGrasp:
    """One grasp of a seen object, in the root frame.

    root_from_tcp: the grasp frame (z approach, y closing). width, opening (m): between the contacts, and
    between the pads on the way. quality: of the grasp by itself; probability: that it works given how
    uncertain the pose is; score: their product, what it is ranked by. index: in the object's GraspSet.
    """

    root_from_tcp: RigidTransform
    root_from_pregrasp: RigidTransform
    root_from_lift: RigidTransform
    root_from_link: RigidTransform
    width: float
    opening: float
    quality: float
    probability: float
    score: float
    index: int


@dataclass(frozen=True)
class Plan:
    """Grasps of one object, best first. taken: how many each filter took. plane: what it stands on."""

    id: str
    label: str
    grasps: tuple[PlannedGrasp, ...]
    candidates: int
    taken: dict[str, int]
    reason: str
    plane: Plane | None = None


def plan(
    targets: Iterable[Target],
    grasps: Mapping[str, GraspSet],
    scene: Scene | None = None,
    gripper: Gripper | None = None,
    config: PlanConfig | None = None,
    root_from_base: RigidTransform | None = None,
    reach: Reach | None = None,
) -> list[Plan]:
    """A plan for each object, in their order; `reason` is a sentence, also where nothing is left.

    grasps: by label. root_from_base: of the robot; without, nothing is out of reach. reach(root_from_link
    (N,)) -> (N,) bool: what the arm can do, if somebody knows better than a distance.
    """
    gripper, config = gripper or Gripper(), config or PlanConfig()
    scene = (scene or Scene()).thinned()
    return [_plan(one, grasps, scene, gripper, config, root_from_base, reach) for one in targets]


def _plan(
    target: Target,
    known: Mapping[str, GraspSet],
    scene: Scene,
    gripper: Gripper,
    config: PlanConfig,
    base: RigidTransform | None,
    reach: Reach | None,
) -> Plan:
    if target.label not in known:
        return _nothing(target, f"no grasps of {target.label!r} are known")
    grasps = known[target.label]
    if not len(grasps):
        why = grasps.why_few() or "its set of grasps is empty"
        return _nothing(target, f"{target.label} has no grasps: {why}")
    pose = target.root_from_object
    body = pose.apply(grasps.skin.points)
    around = scene.near(body.mean(0), AROUND + grasps.skin.extent)
    around = _without_own(around, target.id, body, config.own_margin)
    plane = scene.plane or support_plane(around.points, body, scene.up)
    up = scene.up if scene.up is not None else (plane.normal if plane else None)
    placed = Placed(np.arange(len(grasps)), pose @ grasps.object_from_grasp, grasps.opening)
    placed = _turned(placed, base)
    if plane is not None:
        ahead = grasps.object_from_grasp.inverse().apply(grasps.contacts.mean(1))[:, 2]
        placed = drawn_back(placed, ahead, plane, gripper, config)
    taken: dict[str, int] = {}

    def drop(what: str, bad: np.ndarray) -> None:
        nonlocal placed
        taken[what] = int(bad.sum())
        placed = placed.select(~bad)

    if up is not None:
        drop("approach from below", from_below(placed, up, np.deg2rad(config.approach_angle)))
    if base is not None:
        drop("are out of reach", out_of_reach(placed, base, config.reach_least, config.reach_most))
    if reach is not None:
        links = placed.pose @ gripper.link_from_tcp.inverse()
        drop("cannot be reached by the arm", ~np.asarray(reach(links), bool))
    if plane is not None:
        drop("meet what it stands on", hits_plane(placed, plane, gripper, config))
    hits = hits_scene(placed, around.points, plane, gripper, config)
    tight = narrowed(placed.select(hits), grasps.width, config.room)
    still = hits_scene(tight, around.points, plane, gripper, config)
    taken["meet something else"] = int(still.sum())
    placed = placed.select(~hits).joined(tight.select(~still))
    quality = grasps.quality[placed.index]
    best = _looked_at(placed, quality, config.ranked)
    taken["are left aside, being less good"] = len(placed) - len(best)
    placed, quality = placed.select(best), quality[best]
    # The hand as it is held now: turned by half, drawn back, less open.
    held = pose.inverse() @ placed.pose
    chosen = replace(grasps.select(placed.index), object_from_grasp=held, opening=placed.opening)
    covariance = without_symmetry(target.covariance, pose.rotation, target.symmetries)
    chance = chances(chosen, pose, covariance, gripper, np.arctan(config.friction), config.draws)
    low = chance < config.least_chance
    taken["would miss, as the pose is too uncertain"] = int(low.sum())
    score = quality * chance
    order = np.argsort(-score, kind="stable")
    order = order[~low[order]]
    found = tuple(
        _planned(placed, n, grasps, quality[n], chance[n], up, gripper, config) for n in order.tolist()
    )
    reason = _reason(target, grasps, taken, found, plane)
    return Plan(target.id, target.label, found, len(grasps), taken, reason, plane)


def _looked_at(placed: Placed, quality: np.ndarray, most: int) -> np.ndarray:
    """Positions of `most` grasps by quality: half are the best of all, half the best unlike each other.

    The best are often much alike, and an arm that cannot do one cannot do the next."""
    order = np.argsort(-quality, kind="stable")
    if len(order) <= most:
        return order
    unlike = spread_out(placed.pose, quality, most // 2, APART, APART_ANGLE)
    rest = order[~np.isin(order, unlike)][: most - len(unlike)]
    chosen = np.concatenate([unlike, rest])
    return chosen[np.argsort(-quality[chosen], kind="stable")]


def _nothing(target: Target, why: str) -> Plan:
    return Plan(target.id, target.label, (), 0, {}, f"{target.id}: {why}")


def _without_own(scene: Scene, id: str, body: np.ndarray, margin: float) -> Scene:
    """Less the object's own points: those said to be, and those of nobody that lie on its surface."""
    mine = scene.owner == id
    free = np.flatnonzero(scene.owner == "")
    if len(free):
        distance = cKDTree(body).query(scene.points[free], distance_upper_bound=margin)[0]
        mine[free] = np.isfinite(distance)
    return replace(scene, points=scene.points[~mine], owner=scene.owner[~mine])


def _turned(placed: Placed, base: RigidTransform | None) -> Placed:
    """Of the two ways to hold the hand the one whose x axis points away from the robot's base."""
    if base is None:
        return placed
    away = placed.pose.translation - base.translation
    wrong = (placed.pose.rotation[:, :, 0] * away).sum(1) < 0
    rotation = np.where(wrong[:, None, None], placed.pose.rotation @ HALF_TURN, placed.pose.rotation)
    return replace(placed, pose=RigidTransform(rotation, placed.pose.translation))


def _planned(
    placed: Placed,
    n: int,
    grasps: GraspSet,
    quality: float,
    chance: float,
    up: np.ndarray | None,
    gripper: Gripper,
    config: PlanConfig,
) -> PlannedGrasp:
    tcp = RigidTransform(placed.pose.rotation[n], placed.pose.translation[n])
    approach = tcp.rotation[:, 2]
    index = int(placed.index[n])
    return PlannedGrasp(
        tcp,
        _shifted(tcp, -config.standoff * approach),
        _shifted(tcp, config.lift * (-approach if up is None else up)),
        tcp @ gripper.link_from_tcp.inverse(),
        float(grasps.width[index]),
        float(placed.opening[n]),
        float(quality),
        float(chance),
        float(quality * chance),
        index,
    )


def _shifted(pose: RigidTransform, by: np.ndarray) -> RigidTransform:
    return RigidTransform(pose.rotation, pose.translation + by)


def _reason(
    target: Target, grasps: GraspSet, taken: dict[str, int], found: tuple, plane: Plane | None
) -> str:
    parts = [f"{count} {what}" for what, count in taken.items() if count]
    parts += [] if plane else ["what it stands on is not known"]
    told = f": {', '.join(parts)}" if parts else ""
    if found:
        best = found[0]
        return (
            f"{target.id}: {len(found)} of {len(grasps)} grasps can be done, the best with quality "
            f"{best.quality:.2f} and probability {best.probability:.2f}{told}"
        )
    return f"{target.id}: none of {len(grasps)} grasps can be done{told}"
