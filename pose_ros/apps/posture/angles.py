"""Joint angles as movement science has them, from a Person's oriented frames.

Sources: Wu et al., J. Biomech. 35 (2002) and 38 (2005), the ISB's recommendations; Grood & Suntay, J.
Biomech. Eng. 105 (1983). Frames are REP-155's (x forward, y left, z up at rest): the ISB's X, Y, Z are our
x, z, -y. No camera sees landmarks on bones, so "ISB-like". All angles are 0 for somebody who stands with
hanging arms:

    hip_flexion, _abduction, _rotation    thigh in pelvis: flexion about its left-right axis, abduction
                                          about the floating one, rotation about the thigh (Grood & Suntay).
                                          + forward, outward, inward
    knee_flexion, elbow_flexion           about the hinge, + bent. Carrying angle and pronation: not seen
    ankle_dorsiflexion                    sole against shank, 0 at a right angle, + toes up
    shoulder_elevation, _plane            humerus in chest: how far it is raised (0 hanging, 180 up), in which
                                          upright plane: 0 sideways (abduction), 90 forward, -90 back
    shoulder_rotation                     + inward, counted from the arm swung there without twist: the ISB's
                                          axial rotation plus its plane, defined for a hanging arm, too
    shoulder_flexion, _abduction          the elevation as seen from the side, + forward, and from the front,
                                          + outward; unknown where the arm points at who looks
    spine_side_bend, _rotation            chest in pelvis, + right, left. How far a spine is bent forward hips
                                          and shoulders do not show: it counts as hip flexion
    neck_flexion, _side_bend, _rotation   head in chest, + forward, right, left
    trunk_lean, trunk_side_lean           mid-hip to mid-shoulder against up, + forward, right

Limbs are named with their side first: `left_knee_flexion`. Right and left have the same signs. Radians.
What is unknown, or turns about a bone where that cannot be seen (`twist_unobservable`), is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.posture.spread import SMALL, moved_frames
from pose_ros.errors import ConfigError
from pose_ros.human.orient import FRAMES
from pose_ros.types import Person

SIDES = ("left", "right")
LIMB_ANGLES = (
    "hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion", "ankle_dorsiflexion", "shoulder_flexion",
    "shoulder_abduction", "shoulder_elevation", "shoulder_plane", "shoulder_rotation", "elbow_flexion",
)  # fmt: skip
TRUNK_ANGLES = (
    "trunk_lean", "trunk_side_lean", "spine_side_bend", "spine_rotation", "neck_flexion", "neck_side_bend",
    "neck_rotation",
)  # fmt: skip
ANGLES = (*TRUNK_ANGLES, *(f"{side}_{angle}" for side in SIDES for angle in LIMB_ANGLES))
ROW = {name: n for n, name in enumerate(ANGLES)}
CAMERA_UP = np.array([0.0, -1, 0])  # of a level camera's optical frame: what counts as up unless told
# A bone that points so nearly along the axis an angle turns about says nothing of that angle.
LEAST_SINE = np.sin(np.radians(15.0))


@dataclass(frozen=True)
class JointAngles:
    """value (A,) rad in the order of ANGLES, NaN = unknown. sigma (A,) rad: standard deviation that follows
    from the joints' covariances, to first order; NaN of the neck, whose head is known by its face, too."""

    value: np.ndarray
    sigma: np.ndarray

    def __getitem__(self, name: str) -> float:
        return float(self.value[ROW[name]])

    def known(self) -> dict[str, float]:
        return {name: float(v) for name, v in zip(ANGLES, self.value, strict=True) if np.isfinite(v)}


def joint_angles(person: Person, up: np.ndarray | None = CAMERA_UP, spread: bool = True) -> JointAngles:
    """All angles of one person. up (3,): against gravity, in the frame of the person's joints; None where it
    is not known. spread: work out sigma, too (else it is NaN)."""
    rotation = np.full((len(FRAMES), 3, 3), np.nan)
    for n, name in enumerate(FRAMES):
        if name in person.camera_from_joint:
            rotation[n] = person.camera_from_joint[name].rotation
    lean, sole = _trunk_line(person), _soles(person)
    value = _angles(rotation[None], lean[None], sole[None], up)[0]
    hidden = [
        ROW[f"{frame}_rotation"]
        for frame in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
        if frame in person.twist_unobservable
    ]
    if "head" in person.twist_unobservable:
        hidden += [ROW[f"neck_{angle}"] for angle in ("flexion", "side_bend", "rotation")]
    value[hidden] = np.nan
    sigma = np.full(len(ANGLES), np.nan)
    if spread:
        with np.errstate(invalid="ignore", divide="ignore"):  # of joints that are unknown
            moved, line, soles = moved_frames(person, rotation)
        around = _angles(moved, lean + line, sole + soles, up)
        turned = np.angle(np.exp(1j * (around - value)))  # no jump of a whole turn
        sigma = np.sqrt(np.sum(turned**2, axis=0)) / SMALL
        sigma[[row for name, row in ROW.items() if name.startswith("neck")]] = np.nan
    return JointAngles(value, np.where(np.isfinite(value), sigma, np.nan))


def over_time(people: list[JointAngles]) -> tuple[np.ndarray, np.ndarray]:
    """Values and sigmas (T,A) rad of one person's frames, values without jumps of a whole turn."""
    if not people:
        return np.zeros((0, len(ANGLES))), np.zeros((0, len(ANGLES)))
    value = np.stack([one.value for one in people])
    for column in value.T:
        known = np.isfinite(column)
        column[known] = np.unwrap(column[known])
    return value, np.stack([one.sigma for one in people])


def row(name: str) -> int:
    """Position of an angle; ConfigError lists the valid names."""
    if name not in ROW:
        raise ConfigError(f"unknown joint angle {name!r}; valid: {', '.join(ANGLES)}")
    return ROW[name]


def _angles(rotation: np.ndarray, lean: np.ndarray, sole: np.ndarray, up: np.ndarray | None) -> np.ndarray:
    """(B,A) rad from frames (B,F,3,3), mid-hip to mid-shoulder (B,3) and soles (B,2,3), heel to toe."""
    frame = {name: rotation[:, n] for n, name in enumerate(FRAMES)}
    found = np.full((len(rotation), len(ANGLES)), np.nan)

    def put(name: str, *values: np.ndarray) -> None:
        for n, angle in enumerate(values):
            found[:, ROW[name] + n] = angle

    with np.errstate(invalid="ignore", divide="ignore"):
        if up is not None:
            put("trunk_lean", *_lean(frame["body"], lean, np.asarray(up, float)))
        put("spine_side_bend", *_yxz(_in(frame["body"], frame["neck"]))[1:])
        put("neck_flexion", *_yxz(_in(frame["neck"], frame["head"])))
        for n, (side, out) in enumerate(zip(SIDES, (1.0, -1.0), strict=True)):
            thigh = _in(frame["body"], frame[f"{side}_hip"])
            flexion, abduction, twist = _yxz(thigh)
            put(f"{side}_hip_flexion", -flexion, out * abduction, -out * twist)
            knee = _in(frame[f"{side}_hip"], frame[f"{side}_knee"])
            put(f"{side}_knee_flexion", np.arctan2(knee[:, 0, 2], knee[:, 2, 2]))
            put(f"{side}_ankle_dorsiflexion", _dorsiflexion(frame[f"{side}_ankle"], sole[:, n]))
            put(
                f"{side}_shoulder_flexion",
                *_shoulder(_in(frame["neck"], frame[f"{side}_shoulder"]), out),
            )
            elbow = _in(frame[f"{side}_shoulder"], frame[f"{side}_elbow"])
            put(f"{side}_elbow_flexion", -np.arctan2(elbow[:, 0, 2], elbow[:, 2, 2]))
    return found


def _shoulder(arm: np.ndarray, out: float) -> tuple[np.ndarray, ...]:
    """Flexion, abduction, elevation, plane and rotation (B,) of upper arms (B,3,3) in the chest."""
    forward, outward, down = -arm[:, 0, 2], -out * arm[:, 1, 2], arm[:, 2, 2]
    aside = np.hypot(forward, outward)
    flexion = np.where(np.hypot(forward, down) > LEAST_SINE, np.arctan2(forward, down), np.nan)
    abduction = np.where(np.hypot(outward, down) > LEAST_SINE, np.arctan2(outward, down), np.nan)
    elevation = np.arctan2(aside, down)
    plane = np.where(aside > LEAST_SINE, np.arctan2(forward, outward), np.nan)
    # Rotation is swing · twist with the twist about z: its angle follows from the trace's part about z.
    twist = 2 * np.arctan2(arm[:, 1, 0] - arm[:, 0, 1], 1 + arm[:, 0, 0] + arm[:, 1, 1] + arm[:, 2, 2])
    twist = np.angle(np.exp(1j * twist))
    seen = (aside > LEAST_SINE) | (down > 0)
    return flexion, abduction, elevation, plane, np.where(seen, -out * twist, np.nan)


def _lean(body: np.ndarray, line: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the trunk's line (B,3) leans forward and to the right of `up`, in the body's heading."""
    up = up / np.linalg.norm(up)
    left = body[:, :, 1] - (body[:, :, 1] @ up)[:, None] * up
    size = np.linalg.norm(left, axis=-1, keepdims=True)
    left = left / np.where(size > LEAST_SINE, size, np.nan)
    forward, height = np.cross(left, up), line @ up
    return (
        np.arctan2(np.sum(line * forward, axis=-1), height),
        np.arctan2(-np.sum(line * left, axis=-1), np.hypot(height, np.sum(line * forward, axis=-1))),
    )


def _dorsiflexion(ankle: np.ndarray, sole: np.ndarray) -> np.ndarray:
    local = np.einsum("bji,bj->bi", ankle, sole)
    return np.arctan2(local[:, 2], local[:, 0])


def _in(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Rotations (B,3,3) of the inner frames in the outer ones."""
    return np.swapaxes(outer, -1, -2) @ inner


def _yxz(r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a, b, c) with r = Ry(a) Rx(b) Rz(c)."""
    return (
        np.arctan2(r[:, 0, 2], r[:, 2, 2]),
        np.arcsin(np.clip(-r[:, 1, 2], -1, 1)),
        np.arctan2(r[:, 1, 0], r[:, 1, 1]),
    )


def _point(person: Person, name: str) -> np.ndarray:
    points = person.keypoints3d
    if name not in points.skeleton.joints:
        return np.full(3, np.nan)
    return points.xyz[0, points.skeleton.index(name)]


def _trunk_line(person: Person) -> np.ndarray:
    frames = person.camera_from_joint
    if "body" not in frames or "neck" not in frames:
        return np.full(3, np.nan)
    return frames["neck"].translation - frames["body"].translation


def _soles(person: Person) -> np.ndarray:
    """(2,3) m from heel to toe, left and right."""
    return np.stack([_point(person, f"{side}_foot_index") - _point(person, f"{side}_heel") for side in SIDES])
