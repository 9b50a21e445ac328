"""How a limb is turned about its own upper bone: seen where it is bent, held where it is straight.

A limb's hinge (elbow, knee) stands across the upper bone. What is known of it is one vector across that
bone: its direction is the hinge, its length the information 1/σ², σ the standard deviation of the angle
about the bone. A bent limb shows a hinge, with an error that follows from its bend and its joints'
covariances; seen and known are added as such vectors (the product of two von Mises densities: Mardia &
Jupp, "Directional Statistics", 3.5.4). So nothing jumps where a limb straightens: its plane loses weight, and
what was known is carried along with the bone, in the parent's frame, with growing σ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option

DOWN = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True)
class TwistConfig:
    joint_sigma: float = option(
        0.01, "error of a joint's centre that its covariance does not tell", unit="m", range=(0.0, 0.1)
    )
    hinge_sigma: float = option(
        5.0, "angle between a limb's hinge and the normal of its plane", unit="deg", range=(0.1, 45.0)
    )
    doubt: float = option(
        4.0, "variances that the squared sine of a bend must exceed to say anything", range=(0.0, 20.0)
    )
    correlation: float = option(
        0.3, "how long errors stay alike: frames in less time tell less each", unit="s", range=(0.0, 5.0)
    )
    turning: float = option(
        60.0, "how far a limb may turn about itself unseen in one second", unit="deg", range=(0.1, 1000.0)
    )
    rest_sigma: float = option(
        40.0, "how far twists are from that at rest before any was seen", unit="deg", range=(1.0, 180.0)
    )
    leg_sigma: float = option(
        15.0, "the same of legs, which hips turn little: it draws them always", unit="deg", range=(1.0, 180.0)
    )
    toe_out: float = option(5.0, "how far knees turn outward at rest", unit="deg", range=(-45.0, 45.0))
    hide: float = option(
        30.0,
        "twist is unobservable where what was seen tells it worse than this",
        unit="deg",
        range=(1.0, 180.0),
    )
    show: float = option(20.0, "and observable again below this", unit="deg", range=(1.0, 180.0))


@dataclass(frozen=True)
class Twist:
    """What is known of the limbs (…), in the parent's frame.

    bone (…,3): the upper one, unit vector. hinge (…,3): across it, its length 1/rad². seen (…,): how much of
    that length was seen of late. hidden (…,): whether the twist counts as unobservable.
    """

    bone: np.ndarray
    hinge: np.ndarray
    seen: np.ndarray
    hidden: np.ndarray

    @classmethod
    def at_rest(cls, rest: np.ndarray) -> Twist:
        """Limbs that hang down and of which nothing was seen yet, with these hinges (…,3)."""
        shape = rest.shape[:-1]
        return cls(np.broadcast_to(DOWN, rest.shape), rest, np.zeros(shape), np.ones(shape, bool))

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviation of the twist (…,) in rad."""
        return 1 / np.sqrt(length(self.hinge)[..., 0])


def follow(
    known: Twist,
    bone: np.ndarray,
    seen: np.ndarray,
    draw: np.ndarray,
    seconds: np.ndarray,
    config: TwistConfig,
) -> Twist:
    """The twists after `seconds` (…,) in which the bones went to `bone` (…,3), NaN = not seen.

    seen (…,3): hinges as `hinge_seen` gives them. draw (…,3): hinges at rest, of hanging limbs, that draw
    while nothing is seen; zero for none.
    """
    bone = np.where(np.isnan(bone), known.bone, bone)
    seconds = np.maximum(seconds, 1e-3)[..., None]
    drift = np.radians(config.turning) ** 2 * seconds
    hinge, information = carry(known.hinge, known.bone, bone), known.seen[..., None]
    hinge = hinge / (1 + length(hinge) * drift)
    # Errors last, so that the frames of a short while are one look and not many.
    seen = np.where(np.isnan(seen), 0.0, seen) * np.minimum(seconds / max(config.correlation, 1e-3), 1.0)
    information = information / (1 + information * drift) + length(seen)
    total = hinge + seen + carry(draw, np.broadcast_to(DOWN, bone.shape), bone) * np.minimum(seconds, 1.0)
    # Where opposites cancel, what was known stays, if hardly.
    hinge = np.where(length(total) > 1e-6, total, hinge * 1e-6)
    information = information[..., 0]
    limit = np.radians(np.where(known.hidden, config.show, config.hide))
    return Twist(bone, hinge, information, information * limit**2 < 1)


def hinge_seen(
    upper: np.ndarray, lower: np.ndarray, sign: np.ndarray, covariance: np.ndarray, config: TwistConfig
) -> np.ndarray:
    """Hinge (…,3) across the upper bone, as long as it is informative (1/rad²), from bones as vectors in m.

    upper, lower (…,3): from joint to joint. sign (…,): of the hinge along `upper x lower`. covariance
    (…,3,3,3): of upper, middle and end joint, m². Zero where the limb is as good as straight.
    """
    upper_length, lower_length = length(upper), length(lower)
    upper, lower = upper / upper_length, lower / lower_length
    across = sign[..., None] * cross(upper, lower)  # as long as the sine of the bend
    sine = length(across)
    normal = across / np.maximum(sine, 1e-9)
    # Errors along the normal turn the plane: those of the end joint against the upper bone's line.
    overhang = dot(upper, lower) * lower_length / upper_length
    share = np.concatenate([overhang, -1 - overhang, np.ones_like(overhang)], axis=-1)
    variance = np.einsum("...jab,...a,...b->...j", covariance, normal, normal) + config.joint_sigma**2
    variance = np.sum(share**2 * variance, axis=-1, keepdims=True) / lower_length**2
    # The noise lengthens `across` too; from a vector within the noise nothing follows.
    information = np.maximum(sine**2 - config.doubt * variance, 0.0) / variance
    return normal * information / (1 + information * np.radians(config.hinge_sigma) ** 2)


def carry(vector: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Vectors (…,3) across unit vectors `before`, moved by the least turn that takes these to `after`."""
    moved = vector - (before + after) * (dot(vector, after) / np.maximum(1 + dot(before, after), 1e-6))
    # Steps add up rounding errors, and of opposite directions no turn is the least.
    moved = moved - after * dot(moved, after)
    return moved * (length(vector) / np.maximum(length(moved), 1e-12))


def length(vector: np.ndarray) -> np.ndarray:
    """(…,1) of vectors (…,3)."""
    return np.sqrt(dot(vector, vector))


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(…,1) of (…,3) and (…,3)."""
    return np.einsum("...i,...i->...", a, b)[..., None]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross of (…,3) and (…,3) of one shape, at a third of its time for a few vectors."""
    out = np.empty(a.shape)
    ax, ay, az, bx, by, bz = a[..., 0], a[..., 1], a[..., 2], b[..., 0], b[..., 1], b[..., 2]
    out[..., 0], out[..., 1], out[..., 2] = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return out
