"""A simulated table before the real nodes: found, grasped, lifted. `pose_ros demo-grasp`, `make demo-grasp`.

object_pose and grasp run as processes over DDS; camera, robot and physics are here. While the arm moves the
camera stands still.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy

from pose_ros.errors import PoseError
from pose_ros.eval import report
from pose_ros.eval.grasp_tries import (
    LIFT,
    LOOKS,
    WAYS,
    Known,
    Seen,
    Try,
    by_lot,
    carry_out,
    cloud_of,
)
from pose_ros.eval.grasping import figures, table_of
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.compose import prepare_dds
from pose_ros.ros.objects_input import ObjectSighting
from pose_ros.ros.sim_process import check_alive, node_process
from pose_ros.ros.sim_table import WORLD, TableNode
from pose_ros.sim.camera import OutsideCamera
from pose_ros.sim.engine import connect
from pose_ros.sim.film import Still, Tape, titled, write_video
from pose_ros.sim.reach import Pick
from pose_ros.sim.table import Table, TableConfig, make_shelf
from pose_ros.sources.source import FIRST_STAMP_NS
from pose_ros.types import RGBDFrame

BASE_LINK = "panda_link0"
START = 300.0  # s for the nodes to be ready: each model takes some seconds the first time
DETECT, PLAN = 60.0, 120.0  # s
SETTLED = 2  # pictures in which all objects are found before anything is planned
FILMED = 6  # tables that the video shows
RATE = 15.0  # Hz of the video
SIZE = (480, 360)  # px of each of its halves
JOINTS_EVERY = 8  # steps of the physics between joint_states
MADE_HERE = ("shelf", "summary.json", "grasp.mp4", "grasp.jpg", "object_pose.log", "grasp.log")
GREEN, BLUE = (60, 220, 60), (70, 140, 255)


@dataclass(frozen=True)
class Clip:
    """What the video needs of one table."""

    table: Table
    tape: Tape
    seen: np.ndarray
    result: Try


def demo_grasp(out: Path, tables: int = 5, seed: int = 1, config: TableConfig | None = None) -> int:
    """Pick from `tables` tables; leaves grasp.mp4, grasp.jpg, summary.json and the nodes' logs in `out`."""
    connect().disconnect()  # says at once what is missing
    out.mkdir(parents=True, exist_ok=True)
    for name in MADE_HERE:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    config = config or TableConfig()
    print("making the models ready", flush=True)
    known = Known.of(make_shelf(seed, out / "shelf", config))
    prepare_dds()
    rclpy.init()
    node = TableNode(BASE_LINK)
    tries, clips = [], []
    try:
        with contextlib.ExitStack() as stack:
            nodes = {
                "object_pose": stack.enter_context(
                    node_process(
                        "object_pose_node", out / "object_pose.log",
                        {"models": str(known.shelf.model_folder), "target_frame": WORLD},
                    )
                ),
                "grasp": stack.enter_context(
                    node_process(
                        "grasp_node", out / "grasp.log",
                        {"base_frame": BASE_LINK, "most": WAYS, "plan.lift": LIFT, "publish_tf": False},
                    )
                ),
            }  # fmt: skip
            node.ready(START)
            for n in range(tables):
                check_alive(nodes, out)
                table = Table(known.shelf, (seed, n), config)
                clip = _pick_one(node, known, table)
                if clip is None:
                    print(f"{n:4d} nothing here can be held")
                    continue
                one = clip.result
                verdict = one.failure or "lifted"
                print(f"{n:4d} {one.name:24} {verdict:10} {one.error_mm:5.1f} mm off  {one.why}", flush=True)
                tries.append(one)
                clips.append(clip)
    finally:
        node.close()
        rclpy.try_shutdown()
    summary = figures(tries)
    print(f"\n{table_of(summary)}" if tries else "\nno table had anything to hold")
    report.write_json(out / "summary.json", summary | {"tries": [asdict(one) for one in tries]})
    print("making the video", flush=True)
    kept: list[np.ndarray] = []
    write_video(out / "grasp.mp4", _film(clips[:FILMED], kept), RATE)
    _write_sheet(out / "grasp.jpg", kept)
    for clip in clips:
        clip.table.close()
    print(f"\n{out}: grasp.mp4, grasp.jpg, summary.json, logs of the nodes")
    return 0


def _pick_one(node: TableNode, known: Known, table: Table) -> Clip | None:
    """Look, ask, plan, pick; None where there is nothing to be held."""
    number = by_lot(known, table)
    if number is None:
        table.close()
        return None
    label = table.shelf.label(number)
    picture, rng = table.picture(), np.random.default_rng([*table.seed, 3])
    frames = [table.camera.frame(picture, rng, FIRST_STAMP_NS) for _ in range(LOOKS)]
    node.show(frames, table.camera.world_from_camera, table.arm.base)
    said = node.detect(DETECT).reason
    seen = _seen(node)
    picks, why = [], said
    if label in seen:
        answer = node.plan(label, PLAN)
        picks, why = _picks(node, label), answer.reason
        seen = _seen(node)  # the latest: what the grasps are of
    # That which is of no known object is told by the distance from those that were found.
    labels = np.zeros(frames[0].depth.shape, np.uint8)
    points, _, unknown = cloud_of(known, table, frames[-1], seen, labels)
    tape = Tape(table.arm, [body.number for body in table.bodies.values()], RATE)
    steps = 0

    def on_step() -> None:
        nonlocal steps
        tape()
        if steps % JOINTS_EVERY == 0:
            node.publish_joints(table.arm.kind.joints, table.arm.q)
        steps += 1

    table.on_step = on_step
    shown: list[Pick] = []
    result = carry_out(known, table, number, seen, picks, why, points[unknown], "estimated", shown.append)
    table.on_step = None
    return Clip(table, tape, draw_seen(frames[-1], table, known, seen, label, shown), result)


def _seen(node: TableNode) -> dict[str, Seen]:
    """The surest sighting of each label in the latest picture, once a few pictures were answered."""
    node.wait(lambda: len(node.detections) >= SETTLED, "objects/detections", DETECT)
    best: dict[str, ObjectSighting] = {}
    for one in node.detections[max(node.detections)]:
        if one.label not in best or one.score > best[one.label].score:
            best[one.label] = one
    return {label: Seen(one.root_from_object, one.covariance) for label, one in best.items()}


def _picks(node: TableNode, label: str) -> list[Pick]:
    """The latest grasps of an object, best first, from moveit_msgs/Grasp; none where none come."""
    with contextlib.suppress(PoseError):
        node.wait(lambda: latest_of(node.grasps, label), "grasp/grasps", 2.0)
    return [_pick_of(one) for one in latest_of(node.grasps, label)]


def latest_of(grasps: Sequence[Any], label: str) -> list[Any]:
    """Of grasps as they came, those of the object's latest stamp."""
    mine = [one for one in grasps if one.id.startswith(f"{label}_")]
    stamps = [(s := one.grasp_pose.header.stamp).sec * 10**9 + s.nanosec for one in mine]
    return [one for one, stamp in zip(mine, stamps, strict=True) if stamp == max(stamps)]


def _pick_of(message: Any) -> Pick:
    p, q = message.grasp_pose.pose.position, message.grasp_pose.pose.orientation
    grasp = RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])
    before = -_way(message.pre_grasp_approach)
    opening = 2 * message.pre_grasp_posture.points[0].positions[0]
    return Pick(
        RigidTransform(grasp.rotation, grasp.translation + before), grasp,
        RigidTransform(grasp.rotation, grasp.translation + _way(message.post_grasp_retreat)),
        opening, message.grasp_quality,
    )  # fmt: skip


def _way(translation: Any) -> np.ndarray:
    v = translation.direction.vector
    return translation.desired_distance * np.array([v.x, v.y, v.z])


def draw_seen(
    frame: RGBDFrame, table: Table, known: Known, seen: dict[str, Seen], label: str, picks: list[Pick]
) -> np.ndarray:
    """The camera's picture (H,W,3) with boxes about what was found, and the hand where it will grasp."""
    picture = frame.rgb.copy()
    camera_from_world = table.camera.world_from_camera.inverse()

    def line(a: np.ndarray, b: np.ndarray, color: tuple[int, int, int], width: int) -> None:
        pixels = frame.camera.project(camera_from_world.apply(np.stack([a, b])))
        if np.isfinite(pixels).all():
            ends = [tuple(np.rint(p).astype(int).tolist()) for p in pixels]
            cv2.line(picture, *ends, color, width, cv2.LINE_AA)

    for name, one in seen.items():
        low, high = known.models[name].bounds
        corners = np.array([[(low, high)[k][i] for i, k in enumerate(bits)] for bits in np.ndindex(2, 2, 2)])
        corners = one.world_from_object.apply(corners)
        for a in range(8):
            for bit in (1, 2, 4):
                if not a & bit:
                    line(corners[a], corners[a | bit], GREEN if name == label else BLUE, 1)
    tcp = known.gripper.link_from_tcp
    for pick in picks:
        half = pick.opening / 2
        fork = [(0, 0, -0.09), (0, 0, -0.045), (0, -half, -0.045), (0, -half, 0.0),
                (0, half, -0.045), (0, half, 0.0)]  # fmt: skip
        points = (pick.grasp @ tcp).apply(np.array(fork))
        for a, b in ((0, 1), (2, 4), (2, 3), (4, 5)):
            line(points[a], points[b], (255, 60, 60), 3)
    return picture


def _film(clips: list[Clip], kept: list[np.ndarray]) -> Iterator[np.ndarray]:
    """What the camera saw beside the robot from outside. kept: a grasp and a lift of each go there, too."""
    for n, clip in enumerate(clips, 1):
        table, one = clip.table, clip.result
        camera = _outside(table)
        left = titled(cv2.resize(clip.seen, SIZE, interpolation=cv2.INTER_AREA), f"table {n}: what was found")
        stills = clip.tape.stills or [clip.tape.still(0.0)]
        lowest = int(np.argmin([_height(clip, still) for still in stills]))
        verdict = "lifted" if one.lifted else one.failure
        for k, still in enumerate(stills):
            clip.tape.show(still)
            rgb, _ = camera.shoot(table.client)
            done = k > len(stills) - 1.3 * RATE
            text = f"{one.name}{f': {verdict}' if done else ''}   {still.seconds:4.1f} s"
            picture = np.hstack([left, titled(rgb, text)])
            if k in (lowest, len(stills) - 1):
                kept.append(picture)
            yield picture


def _height(clip: Clip, still: Still) -> float:
    """m of the hand above the table."""
    clip.tape.show(still)
    return float(clip.table.arm.pose().translation[2])


def _outside(table: Table) -> OutsideCamera:
    """A view from aside on both the robot and the table."""
    base = table.arm.base.translation
    azimuth = np.arctan2(base[1], base[0]) + np.radians(80)
    return OutsideCamera.at((*(0.4 * base[:2]).tolist(), 0.25), azimuth, 0.45, 1.3, *SIZE)


def _write_sheet(file: Path, pictures: list[np.ndarray], tables: int = 3) -> None:
    """The grasp and the lift of some tables, small enough for a README."""
    if not pictures:
        return
    rows = [
        np.hstack([before, after[:, SIZE[0] :]])
        for before, after in zip(pictures[::2], pictures[1::2], strict=False)
    ]
    sheet = cv2.resize(np.vstack(rows[:tables]), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(file), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
