"""What is done to a picture before it is learnt from: pure functions of picture and, where random, rng.

Joints, masks and pixels always move together. What leaves the picture is no longer labelled; what something
covers is no longer visible.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.human.training.pictures import TrainingPicture, is_inside
from pose_ros.skeleton import COCO_17


@dataclass(frozen=True)
class AugmentConfig:
    flip: float = option(0.5, "chance of a mirror image", range=(0, 1))
    colour: float = option(0.8, "chance of other light and colours", range=(0, 1))
    blur: float = option(0.25, "chance of blur", range=(0, 1))
    noise: float = option(0.4, "chance of grain", range=(0, 1))
    occluder: float = option(0.3, "chance of patches in front", range=(0, 1))
    compress: float = option(0.4, "chance of the blocks of a strongly compressed JPEG", range=(0, 1))


def augmented(
    picture: TrainingPicture, rng: np.random.Generator, config: AugmentConfig = AugmentConfig()
) -> TrainingPicture:
    """Everything but `warped`, each by its chance; costs about 3 ms for 320 x 240."""
    if rng.random() < config.flip:
        picture = flipped(picture)
    steps = (
        (config.occluder, occluded), (config.colour, recoloured), (config.blur, blurred),
        (config.noise, grained), (config.compress, compressed),
    )  # fmt: skip
    for chance, step in steps:
        if rng.random() < chance:
            picture = step(picture, rng)
    return picture


MIRRORED = np.arange(len(COCO_17))
for _left, _right in COCO_17.mirror_pairs:
    MIRRORED[COCO_17.indices(_left, _right)] = COCO_17.indices(_right, _left)


def flipped(picture: TrainingPicture) -> TrainingPicture:
    """The mirror image; what was a left arm is now a right one."""
    xy = picture.xy[:, MIRRORED].copy()
    xy[..., 0] = picture.owner.shape[1] - 1 - xy[..., 0]
    known = (picture.labelled[:, MIRRORED], picture.visible[:, MIRRORED])
    return TrainingPicture(
        np.ascontiguousarray(picture.rgb[:, ::-1]), xy, *known, np.ascontiguousarray(picture.owner[:, ::-1])
    )


def warped(
    picture: TrainingPicture,
    matrix: np.ndarray,
    size: tuple[int, int],
    fill: tuple[int, int, int] = (0, 0, 0),
) -> TrainingPicture:
    """Through an affine `matrix` (2,3) px -> px into `size` (width, height); `fill` beyond the picture."""
    matrix = np.asarray(matrix, float)
    # A picture that shrinks is averaged over areas first, or thin limbs would break up into dots.
    source, lens = picture.rgb, matrix
    shrink = int(1 / max(np.sqrt(abs(np.linalg.det(matrix[:, :2]))), 1e-6))
    if shrink >= 2:
        small = (-(-source.shape[1] // shrink), -(-source.shape[0] // shrink))
        padded = cv2.copyMakeBorder(
            source, 0, small[1] * shrink - source.shape[0], 0, small[0] * shrink - source.shape[1],
            cv2.BORDER_REPLICATE,
        )  # fmt: skip
        source = cv2.resize(padded, small, interpolation=cv2.INTER_AREA)
        lens = np.column_stack([matrix[:, :2] * shrink, matrix @ [(shrink - 1) / 2, (shrink - 1) / 2, 1]])
    rgb = cv2.warpAffine(source, lens, size, flags=cv2.INTER_LINEAR, borderValue=fill)
    owner = cv2.warpAffine(picture.owner, matrix, size, flags=cv2.INTER_NEAREST)
    xy = picture.xy @ matrix[:, :2].T + matrix[:, 2]
    inside = is_inside(xy, owner.shape) & picture.labelled
    return TrainingPicture(rgb, xy, inside, picture.visible & inside, owner)


def recoloured(picture: TrainingPicture, rng: np.random.Generator) -> TrainingPicture:
    """Another light: gamma, brightness, contrast, tint and saturation; now and then grey."""
    steps = np.arange(256) / 255
    tables = []
    gamma, contrast, bright = np.exp(rng.normal(0, 0.3)), np.exp(rng.normal(0, 0.25)), rng.normal(0, 0.08)
    for tint in np.exp(rng.normal(0, 0.1, 3)):
        tables.append(np.clip(((steps**gamma - 0.5) * contrast + 0.5) * tint + bright, 0, 1) * 255)
    rgb = cv2.LUT(picture.rgb, np.stack(tables, -1).astype(np.uint8)[None])
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    colourful = 0.0 if rng.random() < 0.06 else rng.uniform(0.4, 1.5)
    return picture.repainted(cv2.addWeighted(rgb, colourful, grey, 1 - colourful, 0))


def blurred(picture: TrainingPicture, rng: np.random.Generator) -> TrainingPicture:
    """Out of focus, moved, or enlarged from fewer pixels."""
    rgb, kind = picture.rgb, rng.integers(3)
    if kind == 0:
        return picture.repainted(cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.5, 1.8)))
    if kind == 1:
        length, angle = int(rng.integers(3, 10)), rng.uniform(0, np.pi)
        kernel = np.zeros((length, length), np.float32)
        middle, way = (length - 1) / 2, np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
        ends = [tuple(round(v) for v in middle + sign * way) for sign in (-1, 1)]
        cv2.line(kernel, *ends, 1.0)
        return picture.repainted(cv2.filter2D(rgb, -1, kernel / kernel.sum()))
    height, width = rgb.shape[:2]
    share = rng.uniform(0.35, 0.8)
    small = cv2.resize(rgb, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
    return picture.repainted(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def grained(picture: TrainingPicture, rng: np.random.Generator) -> TrainingPicture:
    """Noise of a sensor, of each colour or of all alike, fine or a little coarse."""
    height, width = picture.owner.shape
    noise = rng.standard_normal((height, width, int(rng.choice([1, 3]))), dtype=np.float32)
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(height, width, -1) * 2
    sum_ = picture.rgb + noise * np.float32(rng.uniform(2, 14))
    return picture.repainted(np.clip(sum_, 0, 255).astype(np.uint8))


def compressed(picture: TrainingPicture, rng: np.random.Generator) -> TrainingPicture:
    """What a JPEG of poor quality leaves of it."""
    code = cv2.imencode(".jpg", picture.rgb, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))))[1]
    return picture.repainted(cv2.imdecode(code, cv2.IMREAD_COLOR))


def occluded(picture: TrainingPicture, rng: np.random.Generator) -> TrainingPicture:
    """One to three patches in front of people: smooth ones, striped ones, pieces of the picture itself."""
    height, width = picture.owner.shape
    rgb, cover = picture.rgb.copy(), np.zeros((height, width), np.uint8)
    people = picture.box_xyxy
    people = people[np.isfinite(people).all(1)]
    for _ in range(int(rng.integers(1, 4))):
        x0, y0, x1, y1 = people[rng.integers(len(people))] if len(people) else (0, 0, width - 1, height - 1)
        centre = rng.uniform((x0, y0), (x1 + 1, y1 + 1))
        # A patch covers a part of a person, never most of it.
        half = np.maximum(rng.uniform(0.05, 0.25, 2) * np.sqrt((x1 - x0 + 1) * (y1 - y0 + 1)), 1.5)
        mine = np.zeros_like(cover)
        outline = _outline(rng, centre, half)
        cv2.fillPoly(mine, [outline], 1)
        rgb = np.where(mine[..., None] > 0, _surface(rng, picture.rgb), rgb)
        cover |= mine
    at = np.rint(picture.xy).clip(0, (width - 1, height - 1))
    at = np.where(np.isfinite(at), at, 0).astype(int)
    hidden = cover[at[..., 1], at[..., 0]] > 0
    return replace(
        picture, rgb=rgb, visible=picture.visible & ~hidden, owner=np.where(cover > 0, 0, picture.owner)
    )


def _outline(rng: np.random.Generator, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Corners (M,2) int of a box, an ellipse or something ragged, turned anyhow."""
    kind, turn = rng.integers(3), rng.uniform(0, np.pi)
    if kind == 0:
        points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    else:
        angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        points = np.stack([np.cos(angles), np.sin(angles)], -1)
        if kind == 2:
            points *= rng.uniform(0.5, 1.2, (16, 1))
    cos, sin = np.cos(turn), np.sin(turn)
    return np.rint(centre + (points * half) @ [[cos, sin], [-sin, cos]]).astype(np.int32)


def _surface(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """Colours (H,W,3) uint8 for a patch."""
    height, width = rgb.shape[:2]
    kind = rng.integers(3)
    if kind == 0:
        shift = (int(rng.integers(height)), int(rng.integers(width)))
        return np.roll(rgb, shift, axis=(0, 1))
    cells = (2, 2) if kind == 1 else tuple(int(n) for n in rng.integers(2, 40, 2))
    coarse = rng.integers(0, 256, (*cells, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
