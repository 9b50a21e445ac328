"""One object of a simulated table: what is seen of it, the grasp that is chosen, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.onboard import load_grasps
from pose_ros.apps.grasp.plan import Plan, PlanConfig, PlannedGrasp, Target, plan
from pose_ros.apps.grasp.scene import Plane, Scene
from pose_ros.eval.bop import corner_points, mssd
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.model import ObjectModel, load_models
from pose_ros.objects.pipeline import ObjectPipeline
from pose_ros.sim.camera import items_of
from pose_ros.sim.pick import HIGH, PUSHED, pick
from pose_ros.sim.reach import Pick, Reach
from pose_ros.sim.table import Table
from pose_ros.sim.things import Shelf
from pose_ros.sources.bop_models import number_of
from pose_ros.sources.source import FIRST_STAMP_NS
from pose_ros.sources.synthetic.render import Picture
from pose_ros.types import Objects, RGBDFrame, TrackState

LOOKS = 3  # pictures of a table; the pipeline searches the first, and confirms in the others
RIGHT = 0.1  # of the diameter: a pose is wrong whose farthest point is off by more
WAYS = 60  # of the best grasps for which a way of the arm is sought
LIFT = HIGH + 0.08  # m
ROBOT, OWN = 0.04, 0.015  # m from the robot's shape, or an object's, within which a point is taken to be its
SAMPLES = 800  # points that stand for a surface
FAILURES = ("not found", "wrong pose", "no grasp", "no way", "collision", "missed", "slipped")
UP = np.array([0, 0, 1.0])


@dataclass(frozen=True)
class Known:
    """What was made ready of the models of a shelf, by label."""

    shelf: Shelf
    models: dict[str, ObjectModel]
    grasps: dict[str, GraspSet]
    gripper: Gripper

    @classmethod
    def of(cls, shelf: Shelf, gripper: Gripper | None = None) -> Known:
        models, gripper = load_models(shelf.model_folder), gripper or Gripper()
        grasps = {label: load_grasps(one.mesh, symmetries=one.symmetries) for label, one in models.items()}
        return cls(shelf, models, grasps, gripper)


@dataclass(frozen=True)
class Seen:
    """An object where the robot believes it to be. covariance (6,6) about the world's axes."""

    world_from_object: RigidTransform
    covariance: np.ndarray


@dataclass(frozen=True)
class Try:
    """One grasp that was tried, or why it was not. failure: "" if lifted, else of FAILURES. error_mm: of the
    pose, its farthest point modulo symmetry, NaN if not found."""

    seed: tuple[int, ...]
    name: str
    poses: str
    lifted: bool
    failure: str
    why: str
    error_mm: float
    quality: float = float("nan")
    seconds: float = 0.0


def look(table: Table, picture: Picture, pipeline: ObjectPipeline) -> tuple[RGBDFrame, Objects]:
    """The latest frame of the table and what is found in it."""
    pipeline.reset()
    rng = np.random.default_rng([*table.seed, 3])
    frames = [table.camera.frame(picture, rng, FIRST_STAMP_NS + round(n * 1e9 / 15)) for n in range(LOOKS)]
    found = pipeline.detect(frames[0])
    for frame in frames[1:]:
        found = pipeline(frame)
    return frames[-1], found


def seen_of(objects: Objects, world_from_camera: RigidTransform) -> dict[str, Seen]:
    """The surest of each label."""
    best: dict[str, Any] = {}
    for one in objects:
        if one.state is TrackState.TRACKED and one.score > getattr(best.get(one.label), "score", 0.0):
            best[one.label] = one
    turn = np.kron(np.eye(2), world_from_camera.rotation)
    return {
        label: Seen(world_from_camera @ one.camera_from_object, turn @ one.covariance @ turn.T)
        for label, one in best.items()
    }


def truth_of(table: Table, picture: Picture) -> tuple[dict[str, Seen], np.ndarray]:
    """The pipeline's answer, were it perfect: what is seen, and labels (H,W)."""
    shown = {table.shelf.label(number): Seen(table.pose(number), 1e-8 * np.eye(6)) for number in table.known}
    order = {label: n for n, label in enumerate(shown, 1)}
    labels = np.zeros(picture.owner.shape, np.uint8)
    for index, item in enumerate(table.items()):
        if item.model:
            labels[picture.owner == index] = order[table.shelf.label(item.model)]
    return shown, labels


def cloud_of(
    known: Known, table: Table, frame: RGBDFrame, seen: Mapping[str, Seen], labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N,3) of a frame in the world, the number (N,) each has in `labels` (H,W), and whether it is of
    nothing known: neither said to be an object's nor within OWN of one.

    Without the robot's own, which knows where it is.
    """
    measured = np.isfinite(frame.depth)
    points = frame.camera.ray_grid[measured] * frame.depth[measured][:, None]
    points, of = table.camera.world_from_camera.apply(points), labels[measured]
    rng = np.random.default_rng(0)
    robot = np.concatenate([_surface(item.mesh, item.world_from_object, rng) for item in items_of(table.arm)])
    apart = ~_near(points, robot, ROBOT)
    points, of = points[apart], of[apart]
    things = [_surface(known.models[label].mesh, one.world_from_object, rng) for label, one in seen.items()]
    unknown = of == 0
    if things:
        unknown[unknown] = ~_near(points[unknown], np.concatenate(things), OWN)
    return points, of, unknown


def _surface(mesh: Mesh, pose: RigidTransform, rng: np.random.Generator) -> np.ndarray:
    return pose.apply(mesh.points(*mesh.sample(SAMPLES, rng)))


def _near(points: np.ndarray, others: np.ndarray, distance: float) -> np.ndarray:
    return np.isfinite(cKDTree(others).query(points, distance_upper_bound=distance)[0])


def plan_for(
    known: Known,
    label: str,
    seen: Mapping[str, Seen],
    points: np.ndarray,
    owner: np.ndarray,
    base: RigidTransform,
    config: PlanConfig,
) -> Plan:
    target = Target(
        label, label, seen[label].world_from_object, seen[label].covariance, known.models[label].symmetries
    )
    scene = Scene(points, owner, up=UP)
    (found,) = plan([target], known.grasps, scene, known.gripper, config, root_from_base=base)
    return found


def picks_of(grasps: Iterable[PlannedGrasp], gripper: Gripper) -> list[Pick]:
    tcp_from_link = gripper.link_from_tcp.inverse()
    return [
        Pick(
            one.root_from_pregrasp @ tcp_from_link, one.root_from_tcp @ tcp_from_link,
            one.root_from_lift @ tcp_from_link, one.opening, one.score,
        )
        for one in grasps
    ]  # fmt: skip


def try_one(
    known: Known,
    table: Table,
    number: int,
    frame: RGBDFrame,
    seen: Mapping[str, Seen],
    labels: np.ndarray,
    poses: str,
) -> Try:
    """Pick object `number` of the table by what is `seen`. labels (H,W): n = the n-th of `seen`."""
    label = table.shelf.label(number)
    points, of, unknown = cloud_of(known, table, frame, seen, labels)
    picks, why = [], ""
    if label in seen:
        names = np.array(["", *seen])
        config = PlanConfig(lift=LIFT)
        found = plan_for(known, label, seen, points, names[of], table.arm.base, config)
        picks, why = picks_of(found.grasps[:WAYS], known.gripper), found.reason
    return carry_out(known, table, number, seen, picks, why, points[unknown], poses)


def carry_out(
    known: Known,
    table: Table,
    number: int,
    seen: Mapping[str, Seen],
    picks: Sequence[Pick],
    why: str,
    others: np.ndarray,
    poses: str,
    chosen: Callable[[Pick], None] = lambda pick: None,
) -> Try:
    """Do the first of `picks` that the arm can do. why: what the planner said. others (N,3): points of things
    that nobody knows. chosen: told what will be done."""
    started, label, nan = time.perf_counter(), table.shelf.label(number), float("nan")
    model, error, score = known.models[label], nan, nan
    if label in seen:
        corners, pose = corner_points(model.mesh), seen[label].world_from_object
        error = 1e3 * mssd(pose, table.pose(number), corners, model.symmetries)
    wrong = error > 1e3 * RIGHT * model.diameter

    def result(failure: str, why: str) -> Try:
        name = table.shelf.models[number - 1].shape.name
        failure = "wrong pose" if failure and wrong else failure
        spent = time.perf_counter() - started
        return Try(table.seed, name, poses, not failure, failure, why, error, score, spent)

    if label not in seen:
        return result("not found", why)
    if not picks:
        return result("no grasp", why)
    numbers = {number_of(one): there.world_from_object for one, there in seen.items()}
    reach = Reach(table.shelf, table.arm.base, numbers, others, table.arm.name)
    found = reach.first(picks, table.arm.q, number)
    reach.close()
    if isinstance(found, str):
        return result("no way", found)
    way, pick_ = found
    score = pick_.score
    chosen(pick_)
    outcome = pick(table, number, way, pick_.opening)
    told = ", ".join(f"{key} {value:.3g}" for key, value in asdict(outcome).items())
    if outcome.held:
        return result("", told)
    if outcome.pushed > PUSHED or (outcome.disturbed > PUSHED and not outcome.gripped):
        return result("collision", told)
    return result("slipped" if outcome.gripped else "missed", told)


def relabelled(objects: Objects) -> np.ndarray:
    """label_image (H,W) with n = the n-th of `seen_of`, which keeps the surest of each label."""
    labels = np.zeros_like(objects.label_image)
    kept = {}
    for n, one in enumerate(objects, 1):
        if one.state is TrackState.TRACKED and one.score > kept.get(one.label, (0, -1.0))[1]:
            kept[one.label] = n, one.score
    for place, (n, _) in enumerate(kept.values(), 1):
        labels[objects.label_image == n] = place
    return labels


def by_lot(known: Known, table: Table) -> int | None:
    """The object to be grasped: a known one that the gripper can hold as it lies there; None if none.

    A box that is wider than the gripper opens and lies flat cannot be held by anybody. That is decided by the
    true pose and the plane it stands on, before anything is seen.
    """
    table_top, able = Plane(UP, 0.0), []
    for number in table.known:
        label = table.shelf.label(number)
        target = Target(label, label, table.pose(number), symmetries=known.models[label].symmetries)
        bare = Scene(up=UP, plane=table_top)
        (found,) = plan([target], known.grasps, bare, known.gripper, root_from_base=table.arm.base)
        if found.grasps:
            able.append(number)
    return int(np.random.default_rng([*table.seed, 4]).choice(able)) if able else None
