"""What lies between skin and bone: a person as chains of tapered capsules hung on joints.

Fitted by bench/fit_flesh.py to the clothed skins of 40 synthetic people (anny) in 240 poses, none of them in
any measurement of ours: skins are 10 mm off on the mean, from -5 to 5 mm a part. Lengths are theirs, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.skeleton import COCO_17, Skeleton

SIDES = ("left", "right")

# What is fitted: COCO's joints, the middle of the knuckles and the tip of the foot.
FITTED = Skeleton(
    "fitted_21",
    (*COCO_17.joints, "left_hand", "right_hand", "left_toe", "right_toe"),
    (
        *COCO_17.bones,
        *((f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in (("wrist", "hand"), ("ankle", "toe"))),
    ),
)


@dataclass(frozen=True)
class Knot:
    """A point within the flesh: a mix of joints {name: weight}, the flesh's radius there (m), and how far it
    lies off the mix, (3,) m in the frame of its chain."""

    mix: dict[str, float]
    radius: float
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Chain:
    """Capsules from knot to knot. frame: "trunk" (x forward, y left, z up), or the joints (upper, lower) of a
    bone: z along it, up, y as near to the trunk's as can be. ends: is each end of the chain round flesh?
    Where it is not, the next part goes on."""

    part: str
    knots: tuple[Knot, ...]
    frame: str | tuple[str, str] = "trunk"
    ends: tuple[bool, bool] = (False, False)

    @property
    def girth(self) -> str:
        """What is thick or thin together with it."""
        part = self.part.removeprefix("left_").removeprefix("right_")
        return {"upper_arm": "arms", "forearm": "arms", "hand": "arms", "thigh": "legs", "shank": "legs",
                "foot": "legs", "side": "trunk", "collar": "trunk"}.get(part, "head")  # fmt: skip


def _along(a: str, b: str, *knots: tuple) -> tuple[Knot, ...]:
    """Knots (share of the way from a to b, radius, forward, left) on a bone."""
    return tuple(
        Knot({a: 1 - share, b: share}, radius, (*(aside or (0.0, 0.0)), 0.0))
        for share, radius, *aside in knots
    )


def _of_side(side: str, other: str, out: float) -> list[Chain]:
    """`out`: 1 where outward is to the left, -1 on the right."""

    def trunk(down: float, outward: float) -> dict[str, float]:
        """`down` 0 at the shoulders, 1 at the hips; `outward` 0.5 in the middle, 1 at the side."""
        mix = {f"{side}_shoulder": (1 - down) * outward, f"{other}_shoulder": (1 - down) * (1 - outward)}
        return mix | {f"{side}_hip": down * outward, f"{other}_hip": down * (1 - outward)}

    shoulder, elbow, wrist, hand, hip, knee, ankle, toe = (
        f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toe")
    )
    return [
        Chain(
            f"{side}_upper_arm",
            _along(shoulder, elbow, (0, 0.0624), (0.35, 0.057), (0.7, 0.0454), (1, 0.0433)),
        ),
        Chain(
            f"{side}_forearm", _along(elbow, wrist, (0, 0.0388), (0.35, 0.0415), (0.7, 0.0329), (1, 0.0248))
        ),
        Chain(
            f"{side}_hand", _along(wrist, hand, (0, 0.0189), (0.75, 0.0476), (1.5, 0.0247)),
            ends=(False, True),
        ),
        Chain(
            f"{side}_thigh",
            _along(
                hip, knee, (0, 0.1057, -0.003, -0.010 * out), (0.35, 0.0902, 0.012, 0.001 * out),
                (0.7, 0.0768, 0.015, -0.007 * out), (1, 0.0604, 0.005, -0.008 * out),
            ),
            (hip, knee),
        ),
        Chain(
            f"{side}_shank",
            _along(
                knee, ankle, (0, 0.0568, -0.007, -0.004 * out), (0.3, 0.0677, -0.019, 0.003 * out),
                (0.6, 0.0525, -0.016, 0.006 * out), (1, 0.0411, -0.003, 0.002 * out),
            ),
            (knee, ankle),
        ),
        Chain(
            f"{side}_foot",
            _along(ankle, toe, (0, 0.0558, -0.044, 0.004 * out), (1, 0.0267, -0.008, 0.028 * out)),
            (ankle, toe), (True, True),
        ),
        Chain(
            f"{side}_side",
            (
                Knot(trunk(0, 0.7), 0.1131, (-0.007, -0.009 * out, -0.073)),
                Knot(trunk(0.4, 0.7), 0.1194, (0.010, -0.006 * out, 0.058)),
                Knot(trunk(0.7, 0.7), 0.1006, (0.016, -0.007 * out, 0.037)),
                Knot(trunk(1, 0.75), 0.1207, (-0.006, 0.016 * out, 0.026)),
            ),
        ),
        Chain(
            f"{side}_collar",
            (
                Knot(trunk(0, 0.9), 0.0796, (-0.027, -0.013 * out, -0.010)),
                Knot(trunk(0, 0.5), 0.0706, (-0.016, 0.001 * out, 0.031)),
            ),
            ends=(True, True),
        ),
    ]  # fmt: skip


def _crown(ears: float, nose: float) -> dict[str, float]:
    """A point above the ears, the way the neck points."""
    return {
        "left_ear": ears, "right_ear": ears, "nose": nose, "left_shoulder": -0.15, "right_shoulder": -0.15
    }  # fmt: skip


_EARS, _NECK = {"left_ear": 0.5, "right_ear": 0.5}, {"left_shoulder": 0.5, "right_shoulder": 0.5}
CHAINS = (
    *_of_side("left", "right", 1.0),
    *_of_side("right", "left", -1.0),
    Chain("head", (Knot(_EARS, 0.082), Knot(_crown(0.65, 0.0), 0.0877)), ends=(True, True)),
    Chain(
        "face",
        (Knot({"left_ear": 0.4, "right_ear": 0.4, "nose": 0.2}, 0.0845), Knot(_crown(0.4, 0.5), 0.0401)),
        ends=(True, True),
    ),
    Chain("neck", (Knot(_NECK, 0.0682), Knot(_EARS, 0.0592))),
)


@dataclass(frozen=True)
class Length:
    """The distance between two joints. sigma: how much it varies in one person as they move, m.

    family: lengths of one family are one unknown of a person, each in its proportion `mean`, m.
    """

    joints: tuple[str, str]
    family: str
    mean: float
    sigma: float


def _lengths() -> list[Length]:
    both = [
        ("shoulder", "elbow", "upper_arm", 0.272, 0.006), ("elbow", "wrist", "forearm", 0.241, 0.006),
        ("wrist", "hand", "forearm", 0.121, 0.01), ("hip", "knee", "thigh", 0.396, 0.006),
        ("knee", "ankle", "shank", 0.399, 0.006), ("ankle", "toe", "shank", 0.203, 0.012),
        ("shoulder", "hip", "trunk", 0.492, 0.015), ("ear", "shoulder", "trunk", 0.225, 0.015),
        ("nose", "eye", "head", 0.0493, 0.003), ("eye", "ear", "head", 0.0969, 0.003),
        ("nose", "ear", "head", 0.1302, 0.003), ("nose", "shoulder", "trunk", 0.284, 0.03),
    ]  # fmt: skip
    crossed = [
        ("shoulder", "hip", "trunk", 0.552, 0.015),
        ("eye", "ear", "head", 0.1355, 0.003),
        ("ear", "shoulder", "trunk", 0.3125, 0.015),
    ]
    lengths = [
        Length((f"{side}_{a}" if a != "nose" else a, f"{side}_{b}"), family, mean, sigma)
        for side in SIDES
        for a, b, family, mean, sigma in both
    ]
    lengths += [
        Length((f"{side}_{a}", f"{other}_{b}"), family, mean, sigma)
        for side, other in (SIDES, SIDES[::-1])
        for a, b, family, mean, sigma in crossed
    ]
    across = [
        ("shoulder", "shoulders", 0.322, 0.006),
        ("hip", "hips", 0.195, 0.004),
        ("eye", "head", 0.060, 0.003),
        ("ear", "head", 0.1496, 0.003),
    ]
    return lengths + [Length((f"left_{a}", f"right_{a}"), f, mean, sigma) for a, f, mean, sigma in across]


LENGTHS = tuple(_lengths())
FAMILIES = tuple(dict.fromkeys(length.family for length in LENGTHS))
SIZE_SIGMA, FAMILY_SIGMA = 0.09, 0.03  # of people's size, and of one family's proportion beside it
GIRTHS = ("arms", "legs", "trunk", "head")
GIRTH_SIGMA, SHAPE_SIGMA = 0.06, 0.06  # of how thick people are, clothes included


def mixes(points: list[dict[str, float]]) -> np.ndarray:
    """Weights (P,K) of FITTED's joints for points that are mixes of them."""
    weights = np.zeros((len(points), len(FITTED)))
    for row, mix in zip(weights, points, strict=True):
        for joint, weight in mix.items():
            row[FITTED.index(joint)] += weight
    return weights
