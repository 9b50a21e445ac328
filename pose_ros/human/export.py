"""The pipeline over a whole source, without ROS: annotated pictures and poses as JSON."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from pose_ros.hand_shape import opening
from pose_ros.human.pipeline import HumanPipeline
from pose_ros.sources.source import Source
from pose_ros.types import Face, Hand, Keypoints2D, Keypoints3D, Origin, People, Person
from pose_ros.viz import draw_people


def export_people(
    source: Source, pipeline: HumanPipeline, out: Path, frames: int | None = None
) -> list[People]:
    """Write `out`/NNNNN.jpg and `out`/people.json; the JSON's joints are laid out as in truth.json.

    Returns the people of every frame.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        total = len(source)
    except TypeError:
        total = frames
    written: dict[str, Any] = {}
    everyone: list[People] = []
    for index, frame in enumerate(tqdm(itertools.islice(source, frames), total=total, unit="frame")):
        people = pipeline(frame)
        everyone.append(people)
        key = f"{index:05d}"
        cv2.imwrite(str(out / f"{key}.jpg"), draw_people(frame.rgb, people, frame.camera)[..., ::-1])
        written[key] = {
            "seconds": frame.stamp_ns * 1e-9,
            "people": [_describe(person) for person in people],
        }
    frame_id = everyone[-1].frame_id if everyone else ""
    (out / "people.json").write_text(json.dumps({"frame_id": frame_id, "frames": written}, indent=1))
    found = sum(len(frame["people"]) for frame in written.values())
    print(f"{out}: {len(written)} pictures and people.json, {found} people in all, on {pipeline.device_note}")
    return everyone


def _describe(person: Person) -> dict[str, Any]:
    told = _joints_of(person.keypoints2d, person.keypoints3d)
    told |= {
        "id": person.id,
        "state": person.state.name.lower(),
        "rotations": {
            name: pose.quaternion.round(5).tolist() for name, pose in person.camera_from_joint.items()
        },
        "twist_unobservable": sorted(person.twist_unobservable),
    }
    if person.hands:
        told["hands"] = {hand.side: _hand(hand) for hand in person.hands}
    if person.face is not None:
        told["face"] = _face(person.face)
    return told


def _face(face: Face) -> dict[str, Any]:
    """Angles in degrees: yaw to the person's left, pitch down, roll to the right shoulder are positive."""
    yaw, pitch, roll = face.yaw_pitch_roll.round(1).tolist()
    told: dict[str, Any] = {
        "score": round(face.score, 3),
        "yaw": yaw, "pitch": pitch, "roll": roll,
        "head_sigma": round(math.degrees(face.head_sigma), 1),
    }  # fmt: skip
    if face.camera_from_gaze is not None:
        told["gaze"] = face.camera_from_gaze.rotation[:, 2].round(4).tolist()
        told["gaze_from"] = face.camera_from_gaze.translation.round(4).tolist()
        told["gaze_sigma"] = round(math.degrees(face.gaze_sigma), 1)
    if face.is_seen:
        told["pixels"] = face.pixels.round(1).tolist()
        told["points"] = [None if math.isnan(p[0]) else p for p in face.xyz.round(4).tolist()]
        if np.isfinite(face.iris_pixels).all():
            told["irises"] = dict(zip(("left", "right"), face.iris_pixels.round(1).tolist(), strict=True))
    return told


def _hand(hand: Hand) -> dict[str, Any]:
    told = _joints_of(hand.keypoints2d, hand.keypoints3d)
    if hand.camera_from_palm is not None:
        told["palm"] = hand.camera_from_palm.translation.round(4).tolist()
        told["palm_rotation"] = hand.camera_from_palm.quaternion.round(5).tolist()
        told["opening"] = round(opening(hand), 3)
    return told


def _joints_of(flat: Keypoints2D, joints: Keypoints3D) -> dict[str, Any]:
    known = np.flatnonzero(joints.origin[0] != Origin.UNKNOWN)
    names = joints.skeleton.joints
    return {
        "joints": {names[k]: joints.xyz[0, k].round(4).tolist() for k in known},
        "score": {names[k]: round(float(joints.score[0, k]), 3) for k in known},
        "origin": {names[k]: Origin(joints.origin[0, k]).name.lower() for k in known},
        "pixels": dict(zip(names, flat.xy[0].round(1).tolist(), strict=True)),
    }
