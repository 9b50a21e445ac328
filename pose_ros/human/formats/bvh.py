"""Biovision's BVH: a hierarchy of joints with offsets, and one line of numbers a frame.

The text itself says no unit, axis or rest pose. Ours are those of animation software: y up, and a T pose
at rest that looks along z, its left hand along x. Lengths are metres, or centimetres where asked for.
Rotations are degrees in the channels' order, Zrotation Xrotation Yrotation: R = Rz · Rx · Ry.
Source: Meredith & Maddock, "Motion Capture File Formats Explained", 2001.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.errors import ConfigError, PoseError, unknown
from pose_ros.human.formats.chain import Chain
from pose_ros.shapes import check_shape

UNITS = {"m": 1.0, "cm": 100.0}  # of them in a metre
ORDER = "ZXY"


@dataclass(frozen=True)
class Motion:
    """One person over T frames of J joints, all in metres, y up.

    local: (T,J,3,3) rotation of each joint in its parent. offset: (J,3) from the parent at rest. ends: where
    the bones of the last joints end, in these. root: (T,3) place of the root joint. frame_time: s.
    held: joint -> in how many frames its rotation was not known, and is therefore one of the moments before
    and after; the root's own also counts the frames where the person was not seen.
    """

    chain: Chain
    offset: np.ndarray
    ends: dict[str, np.ndarray]
    root: np.ndarray
    local: np.ndarray
    frame_time: float
    held: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        joints = len(self.chain.joints)
        check_shape("local", self.local, ("T", joints, 3, 3))
        check_shape("offset", self.offset, (joints, 3))
        check_shape("root", self.root, (len(self.local), 3))

    def __len__(self) -> int:
        return len(self.local)

    def positions(self) -> dict[str, np.ndarray]:
        """Joint -> where it is, (T,3) m; the ends of bones as `<joint> end`."""
        rotation, position = self.chain.forward(self.local, self.offset, self.root)
        places = {joint: position[:, n] for n, joint in enumerate(self.chain.joints)}
        for joint, end in self.ends.items():
            n = self.chain.joints.index(joint)
            places[f"{joint} end"] = position[:, n] + rotation[:, n] @ end
        return places


def write_bvh(motion: Motion, unit: str = "m") -> str:
    """The text of a BVH file. Raises ConfigError for a unit that is none of UNITS."""
    scale = _scale(unit)
    lines = ["HIERARCHY", *_joint(motion, motion.chain.parents.index(""), 0, scale), "MOTION"]
    lines += [f"Frames: {len(motion)}", f"Frame Time: {motion.frame_time:.7f}"]
    order = _depth_first(motion.chain)
    angles = [_angles(motion.local[:, n]) for n in order]
    lines += map(_numbers, np.concatenate([motion.root * scale, *angles], axis=1))
    return "\n".join(lines) + "\n"


def _joint(motion: Motion, n: int, depth: int, scale: float) -> list[str]:
    chain, indent = motion.chain, "\t" * depth
    name, is_root = chain.joints[n], depth == 0
    rotations = " ".join(f"{axis}rotation" for axis in ORDER)
    channels = f"6 Xposition Yposition Zposition {rotations}" if is_root else f"3 {rotations}"
    body = [f"\tOFFSET {_numbers(motion.offset[n] * scale)}", f"\tCHANNELS {channels}"]
    for child, parent in enumerate(chain.parent_indices):
        if parent == n:
            body += _joint(motion, child, 1, scale)
    if n not in chain.parent_indices:
        end = motion.ends.get(name, np.zeros(3))
        body += ["\tEnd Site", "\t{", f"\t\tOFFSET {_numbers(end * scale)}", "\t}"]
    lines = [f"{'ROOT' if is_root else 'JOINT'} {name}", "{", *body, "}"]
    return [indent + line for line in lines]


def _depth_first(chain: Chain) -> list[int]:
    """The joints in the order in which the hierarchy, and so every line of numbers, has them."""

    def below(n: int) -> list[int]:
        children = (child for child, parent in enumerate(chain.parent_indices) if parent == n)
        return [n, *(joint for child in children for joint in below(child))]

    return below(chain.parents.index(""))


def _angles(local: np.ndarray) -> np.ndarray:
    """(T,3) degrees, without jumps of a whole turn from one frame to the next."""
    return np.unwrap(Rotation.from_matrix(local).as_euler(ORDER, degrees=True), period=360, axis=0)


def _numbers(vector: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in (vector.round(6) + 0.0).tolist())  # + 0: no -0.000000


def read_bvh(text: str, unit: str = "m") -> Motion:
    """Any BVH of one root whose joints have rotations, in whatever order of channels; lengths become metres.

    A joint other than the root may have positions only if they repeat its offset. Raises PoseError naming
    what it does not understand, ConfigError for a unit that is none of UNITS.
    """
    scale = _scale(unit)
    words = text.split()
    if "MOTION" not in words or not words or words[0] != "HIERARCHY":
        raise PoseError("not a BVH file: it has no HIERARCHY or no MOTION")
    tree = _Tree(words[1 : words.index("MOTION")])
    head = re.match(
        r"\s*Frames:\s*(\d+)\s*Frame Time:\s*(\S+)\s*", text[text.index("MOTION") + len("MOTION") :]
    )
    if head is None:
        raise PoseError("MOTION of this BVH does not begin with Frames and Frame Time")
    frames, start = int(head[1]), text.index("MOTION") + len("MOTION") + head.end()
    values = np.array(text[start:].split(), float)
    width = sum(map(len, tree.channels))
    if len(values) != frames * width:
        raise PoseError(f"BVH of {frames} frames and {width} channels holds {len(values)} numbers")
    local, root, column = np.empty((frames, len(tree.joints), 3, 3)), np.zeros((frames, 3)), 0
    for n, channels in enumerate(tree.channels):
        block = values.reshape(frames, width)[:, column : column + len(channels)]
        column += len(channels)
        place = [channels.index(f"{axis}position") for axis in "XYZ" if f"{axis}position" in channels]
        turns = [k for k, channel in enumerate(channels) if channel.endswith("rotation")]
        axes = "".join(channels[k][0] for k in turns)
        local[:, n] = Rotation.from_euler(axes, block[:, turns], degrees=True).as_matrix()
        if len(place) == 3 and n == 0:
            root = block[:, place] / scale
        elif place and not np.allclose(block[:, place], tree.offsets[n], atol=1e-3 * scale):
            raise PoseError(f"{tree.joints[n]} of this BVH moves in its parent, which is not supported")
    chain = Chain(tuple(tree.joints), tuple(tree.parents))
    ends = {joint: end / scale for joint, end in tree.ends.items()}
    return Motion(chain, np.array(tree.offsets) / scale, ends, root, local, float(head[2]))


class _Tree:
    """The words of a HIERARCHY as lists by joint, in the order of the file."""

    def __init__(self, words: list[str]) -> None:
        self.joints: list[str] = []
        self.parents: list[str] = []
        self.offsets: list[np.ndarray] = []
        self.channels: list[list[str]] = []
        self.ends: dict[str, np.ndarray] = {}
        above: list[str] = []
        queue = iter(words)
        for word in queue:
            if word in ("ROOT", "JOINT"):
                self.joints.append(next(queue))
                self.parents.append(above[-1] if above else "")
                self.channels.append([])
            elif word == "End":
                next(queue)  # Site
                above.append("")
                next(queue)  # {
            elif word == "{":
                above.append(self.joints[-1])
            elif word == "}":
                above.pop()
            elif word == "OFFSET":
                offset = np.array([float(next(queue)) for _ in range(3)])
                if above[-1]:
                    self.offsets.append(offset)
                else:
                    self.ends[above[-2]] = offset
            elif word == "CHANNELS":
                self.channels[-1] = [next(queue) for _ in range(int(next(queue)))]
            else:
                raise PoseError(f"unexpected {word!r} in the HIERARCHY of this BVH")


def _scale(unit: str) -> float:
    if unit not in UNITS:
        raise ConfigError(unknown("unit of BVH", unit, UNITS))
    return UNITS[unit]
