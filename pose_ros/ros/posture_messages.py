"""What people do as messages. numpy values become Python's before a message sees them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import JointState
from std_msgs.msg import ColorRGBA, Header, String
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.apps.posture.postures import POSTURES
from pose_ros.apps.posture.repetitions import Repetition
from pose_ros.apps.posture.watch import Watched
from pose_ros.ros.people_messages import MARKER_LIFETIME
from pose_ros.viz import color_of

try:  # REP-155 messages are not part of every ROS installation
    from hri_msgs.msg import BodyPosture

    HAVE_BODY_POSTURE = True
except ImportError:
    HAVE_BODY_POSTURE = False

# REP-155 knows fewer postures than we do: whoever bends is neither standing nor crouching.
REP_155 = {
    "standing": "STANDING", "sitting": "SITTING", "squatting": "CROUCHING", "kneeling": "CROUCHING",
    "lying": "LAYING",
}  # fmt: skip
ABOVE = 0.35  # m over the point between the ears


def body_posture(watched: Watched, header: Header) -> BodyPosture:
    name = REP_155.get(watched.posture.name, "OTHER")
    return BodyPosture(header=header, posture=int(getattr(BodyPosture, name)))


def angles_message(watched: Watched, header: Header) -> JointState:
    """Angles that are known, rad."""
    known = watched.angles.known()
    return JointState(header=header, name=list(known), position=[float(angle) for angle in known.values()])


def people_message(everyone: Iterable[Watched], header: Header) -> String:
    """All that is known of everyone but their angles, as JSON."""
    return String(data=json.dumps(_stamped(header) | {"people": [_told(watched) for watched in everyone]}))


def repetition_message(id: str, repetition: Repetition, header: Header) -> String:
    told = {
        "id": id,
        "exercise": repetition.exercise,
        "number": repetition.number,
        "seconds": round(repetition.end - repetition.start, 3),
        "down": round(repetition.down, 3),
        "up": round(repetition.up, 3),
        "deepest_deg": round(math.degrees(repetition.deepest), 1),
        "range_deg": round(math.degrees(repetition.range), 1),
    }
    return String(data=json.dumps(_stamped(header) | told))


def text_markers(everyone: Iterable[Watched], header: Header, up: np.ndarray) -> MarkerArray:
    """Posture, flags and counts over every head. up (3,): unit vector in the header's frame."""
    markers = []
    for watched in everyone:
        frames = watched.person.camera_from_joint
        head = next((frames[name] for name in ("head", "neck", "body") if name in frames), None)
        if head is None:
            continue
        marker = Marker(header=header, ns=f"posture_{watched.person.id}", type=Marker.TEXT_VIEW_FACING)
        x, y, z = (head.translation + ABOVE * up).tolist()
        marker.pose = Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=1.0))
        marker.scale = Vector3(z=0.12)
        red, green, blue = (value / 255 for value in color_of(watched.person.id))
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
        marker.text, marker.lifetime = text_of(watched), MARKER_LIFETIME
        markers.append(marker)
    return MarkerArray(markers=markers)


def delete_markers(ids: Iterable[str], header: Header) -> MarkerArray:
    return MarkerArray(
        markers=[Marker(header=header, ns=f"posture_{id}", action=Marker.DELETE) for id in sorted(ids)]
    )


def text_of(watched: Watched) -> str:
    posture = watched.posture
    lines = [f"{watched.person.id} {posture.name} {posture.probability:.0%}"]
    lines += [flag.replace("_", " ") for flag in sorted(posture.flagged)]
    lines += [f"{count} x {name.replace('_', ' ')}" for name, count in watched.counts.items() if count]
    return "\n".join(lines)


def _told(watched: Watched) -> dict[str, Any]:
    posture = watched.posture
    return {
        "id": watched.person.id,
        "posture": posture.name,
        "probability": round(posture.probability, 3),
        "probabilities": {
            name: round(float(p), 3) for name, p in zip(POSTURES, posture.probabilities, strict=True)
        },
        "flags": {name: round(p, 3) for name, p in posture.flags.items()},
        "flagged": sorted(posture.flagged),
        "repetitions": watched.counts,
        "partial": watched.partial,
        "depth": {name: round(d, 3) for name, d in watched.depths.items() if math.isfinite(d)},
    }


def _stamped(header: Header) -> dict[str, Any]:
    stamp = header.stamp
    return {"stamp": {"sec": stamp.sec, "nanosec": stamp.nanosec}, "frame_id": header.frame_id}
