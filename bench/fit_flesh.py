"""Fit radii and offsets of human/flesh.py's knots to the clothed skins of synthetic people, and print them.

    python bench/fit_flesh.py [--people 40] [--steps 500]

What is where (chains, shares, frames) is read from flesh.py; only numbers are fitted. Left and right are one.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from pose_ros.body.body_model import body_model
from pose_ros.human.flesh import CHAINS, FITTED, mixes
from pose_ros.human.skin import bone_frames, trunk_frame
from pose_ros.sources.synthetic.cast import choose_cast
from pose_ros.sources.synthetic.wardrobe import atlas

FIRST_SEED, POSES = 5000, 6  # poses a person
SKIN_OF = {  # chains -> bones whose skin is theirs; {s}: L or R
    ("{side}_upper_arm", "{side}_forearm"): ("upperarm0", "lowerarm0"),
    ("{side}_hand",): ("wrist", "metacarpal", "finger"),
    ("{side}_thigh", "{side}_shank"): ("upperleg0", "lowerleg0"),
    ("{side}_foot",): ("foot", "toe"),
}
MIDDLE = {
    ("head", "face"): ("head",),
    ("neck",): ("neck",),
    ("left_side", "right_side", "left_collar", "right_collar"): (
        "root", "spine", "pelvis", "clavicle", "shoulder01",
    ),
}  # fmt: skip


def skins(people: int) -> tuple[np.ndarray, np.ndarray]:
    """Clothed skins (T,V,3) and joints (T,21,3) of so many people in POSES poses each."""
    times, vertices, joints = np.arange(300) / 30, [], []
    for seed in range(FIRST_SEED, FIRST_SEED + people):
        rng = np.random.default_rng(seed)
        (actor,) = choose_cast(rng, 1, "mixed", times)
        body, figures = actor.act(np.sort(rng.uniform(0, 10, POSES)))
        ends = {
            f"{side}_{tip}": body.vertices[:, skin_of(bones, s)].mean(1)
            for side, s in (("left", "L"), ("right", "R"))
            for tip, bones in (
                ("hand", ("finger2-1", "finger3-1", "finger4-1")), ("toe", ("toe1-2", "toe2-2")),
            )
        }  # fmt: skip
        known = {**body.joints, **ends}
        joints.append(np.stack([known[name] for name in FITTED.joints], axis=1))
        vertices.append(np.stack([figure.vertices for figure in figures]))
    return np.concatenate(vertices), np.concatenate(joints)


def skin_of(bones: tuple[str, ...], side: str = "") -> np.ndarray:
    """Vertices (V,) bool that follow bones whose names begin so, of one side ("L", "R") or of both."""
    names = body_model().bones
    chosen = [n for n, bone in enumerate(names) if bone.startswith(bones) and bone.endswith(side)]
    return np.isin(atlas().vertices.bone, chosen)


def groups() -> list[tuple[set[str], np.ndarray]]:
    """(chains, positions of the vertices that are theirs)."""
    found = [(set(parts), np.flatnonzero(skin_of(bones))) for parts, bones in MIDDLE.items()]
    for side, s in (("left", "L"), ("right", "R")):
        for parts, bones in SKIN_OF.items():
            found.append(({part.format(side=side) for part in parts}, np.flatnonzero(skin_of(bones, s))))
    return found


def fit(people: int, steps: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Radii (Q,), offsets (Q,3) of all knots, and the mean distance of skin from flesh, m."""
    vertices, joints = skins(people)
    knots = [knot for chain in CHAINS for knot in chain.knots]
    part = [chain.part for chain in CHAINS for _ in chain.knots]
    frame_of = [chain.frame for chain in CHAINS for _ in chain.knots]
    trunk = trunk_frame(joints)
    bones = list(dict.fromkeys(frame for frame in frame_of if frame != "trunk"))
    limbs = bone_frames(joints, np.array([FITTED.indices(*bone) for bone in bones]), trunk)
    frames = np.stack([trunk if f == "trunk" else limbs[:, bones.index(f)] for f in frame_of], axis=1)
    frames, middle = (
        torch.tensor(frames).float(),
        torch.tensor(mixes([k.mix for k in knots]) @ joints).float(),
    )
    skin = torch.from_numpy(vertices).float()
    order = {(p, part[:q].count(p)): q for q, p in enumerate(part)}
    twin = [order[p.replace("left", "~").replace("right", "left").replace("~", "right"), part[:q].count(p)]
            for q, p in enumerate(part)]  # fmt: skip
    # Along a limb's bone, and where nothing is off today, there is nothing to shift.
    free = torch.tensor([[any(k.offset), any(k.offset), f == "trunk" and any(k.offset)]
                         for k, f in zip(knots, frame_of, strict=True)]).float()  # fmt: skip
    size = torch.tensor([k.radius for k in knots]).log().requires_grad_()
    shift = torch.tensor([k.offset for k in knots]).float().requires_grad_()
    pieces = [q for q in range(len(knots) - 1) if part[q] == part[q + 1]]
    teams = [([q for q in pieces if part[q] in parts], torch.from_numpy(own)) for parts, own in groups()]
    mirror, random = torch.tensor([1.0, -1.0, 1.0]), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam([size, shift], lr=3e-3)
    for _step in range(steps):
        radius = ((size + size[twin]) / 2).exp()
        offset = free * (shift + shift[twin] * mirror) / 2
        points = middle + (frames @ offset[..., None])[..., 0]
        off = []
        for begin, own in teams:
            some = own[torch.randint(len(own), (120,), generator=random)]
            start, along = points[:, begin], points[:, [q + 1 for q in begin]] - points[:, begin]
            away = skin[:, some, None] - start[:, None]
            u = (away * along[:, None]).sum(-1) / ((along**2).sum(-1) + 1e-9)[:, None]
            u = u.clamp(0, 1)
            thick = radius[begin] * (1 - u) + radius[[q + 1 for q in begin]] * u
            off.append(((away - u[..., None] * along[:, None]).norm(dim=-1) - thick).amin(-1).abs())
        loss = sum(torch.nn.functional.smooth_l1_loss(o, torch.zeros_like(o), beta=0.02) for o in off)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mean = float(torch.stack([o.detach().mean() for o in off]).mean())
    return radius.detach().numpy(), offset.detach().numpy(), mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()
    radius, offset, mean = fit(arguments.people, arguments.steps)
    rows = iter(zip(radius, offset, strict=True))
    for chain in CHAINS:
        for number, _ in enumerate(chain.knots):
            thick, way = next(rows)
            if not chain.part.startswith("right"):
                off = np.round(way.astype(float), 3).tolist()
                print(f"{chain.part:16} {number}  radius {thick:.4f}  offset {off}")
    print(f"skin is {1e3 * mean:.1f} mm off on the mean of parts")


if __name__ == "__main__":
    main()
