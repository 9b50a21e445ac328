"""Which pixels of an image belong to a posed object, and what fitting needs of them."""

from __future__ import annotations

import torch

from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import to_object
from pose_ros.objects.segments import HALVED, Outline, distance_to
from pose_ros.objects.verify import SIGMAS
from pose_ros.objects.view import View, depth_sigma

BORDER = 3  # px around the projected samples
RING = 0.02  # m beside an object where what it stands on is looked for
SUPPORTS = 2  # planes: a table and a wall
PLANES, LEAST_RING, LEAST_SUPPORT = 24, 40, 0.3  # tried; points beside; share of them on a plane
CORNERS = 128  # samples whose projection tells where in the image an object is


def claimed(
    bank: Bank, model: int, rotation: torch.Tensor, translation: torch.Tensor, view: View
) -> torch.Tensor:
    """(H,W) bool: pixels whose measured point lies on the surface at this pose (3,3), (3,)."""
    mask = torch.zeros_like(view.depth, dtype=torch.bool)
    box = _box(bank, model, rotation, translation, view, BORDER)
    if box is None:
        return mask
    left, top, right, bottom = box
    points, distance = _measured(bank, model, rotation, translation, view, box, 1)
    tolerance = SIGMAS * depth_sigma(points[..., 2]) + 0.3 * bank.voxel[model]
    mask[top:bottom, left:right] = (distance.abs() < tolerance) & (points[..., 2] > 0)
    return mask


def surroundings(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    view: View,
    reach: torch.Tensor,
    count: int,
) -> tuple[torch.Tensor, Outline, torch.Tensor]:
    """What is measured within `reach` (B,) m of the surfaces of posed objects, at half resolution.

    Points (B,count,3), their outline, and how many pixels there are (B,); where there are none, the points
    are those of the pose itself, so that it stays where it is.
    """
    clouds, maps, corners, found = [], [], [], []
    for number in range(len(model)):
        pose = (int(model[number]), rotation[number], translation[number])
        margin = float((reach[number] + RING) * view.focal[0] / translation[number, 2].clamp_min(0.1))
        box = _box(bank, *pose, view, margin)
        near = None
        if box is not None:
            points, distance = _measured(bank, *pose, view, box, HALVED)
            near = (distance.abs() < reach[number]) & (points[..., 2] > 0)
            around = points[(distance >= reach[number]) & (distance < reach[number] + 2 * RING)]
            own = bank.points[pose[0], :CORNERS] @ rotation[number].T + translation[number]
            for _ in range(SUPPORTS):
                support = _support(around, own)
                if support is None:
                    break
                tolerance = SIGMAS * depth_sigma(points[..., 2])
                near &= (points @ support[:3] - support[3]).abs() > tolerance
                around = around[
                    (around @ support[:3] - support[3]).abs() > SIGMAS * depth_sigma(around[:, 2])
                ]
        if near is None or not near.any():
            own = bank.points[pose[0], :count] @ rotation[number].T + translation[number]
            clouds.append(own[torch.arange(count, device=own.device) % len(own)])
            maps.append(torch.zeros(3, 3))
            corners.append(torch.zeros(2))
            found.append(0)
            continue
        chosen = points[near]
        found.append(len(chosen))
        # Evenly over the region, as it lies in rows: a step that is no divisor of a row's length.
        step = torch.arange(count, device=chosen.device) * max(len(chosen) / count, 1.0)
        clouds.append(chosen[step.long() % len(chosen)])
        maps.append(torch.as_tensor(distance_to(near.cpu().numpy(), step=1)))
        corners.append(torch.tensor([box[0], box[1]], dtype=torch.float32))
    height, width = max(len(m) for m in maps), max(m.shape[1] for m in maps)
    away = torch.stack([_padded(m, height, width) for m in maps]).to(bank.device)
    outline = Outline(away, torch.stack(corners).to(bank.device))
    return torch.stack(clouds), outline, torch.tensor(found, device=bank.device)


def _support(around: torch.Tensor, own: torch.Tensor) -> torch.Tensor | None:
    """The plane (4,): unit normal and offset, that an object stands on or leans at, if there is one.

    around (R,3): what is measured beside the object. A good part of it must lie in the plane, and the
    object (samples (S,3) of it) before the plane: a neighbour's top as high as the object's own is none.
    """
    around = around[around[:, 2] > 0]
    if len(around) < LEAST_RING:
        return None
    around = around[:: max(len(around) // 100, 1)]
    corners = around[torch.randint(len(around), (PLANES, 3), generator=torch.Generator().manual_seed(0))]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], dim=-1)
    normal = torch.nn.functional.normalize(normal, dim=-1)
    offset = (normal * corners[:, 0]).sum(-1, keepdim=True)
    normal, offset = torch.where(offset > 0, -normal, normal), -offset.abs()  # towards the camera
    tolerance = SIGMAS * depth_sigma(around[:, 2])
    on_plane = ((normal @ around.T - offset).abs() < tolerance).float().mean(1)
    before = ((normal @ own.T - offset) > -tolerance.mean()).float().mean(1) > 0.95
    best = (on_plane * before).argmax()
    if not before[best] or on_plane[best] < LEAST_SUPPORT:
        return None
    chosen = around[(normal[best] @ around.T - offset[best]).abs() < tolerance]
    middle = chosen.mean(0)
    spread = torch.linalg.eigh((chosen - middle).T @ (chosen - middle)).eigenvectors[:, 0]
    spread = spread if spread @ middle < 0 else -spread
    return torch.cat([spread, (spread @ middle)[None]])


def _padded(away: torch.Tensor, height: int, width: int) -> torch.Tensor:
    more = (0, width - away.shape[1], 0, height - away.shape[0])
    return torch.nn.functional.pad(away[None], more, mode="replicate")[0]


def _box(
    bank: Bank, model: int, rotation: torch.Tensor, translation: torch.Tensor, view: View, margin: float
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom px (the latter two beyond) of what a pose covers; None out of the image."""
    height, width = view.depth.shape
    points = bank.points[model, :CORNERS] @ rotation.T + translation
    pixel, _, _ = view.project(points)
    front = pixel[points[:, 2] > 0.01]
    if not len(front):
        return None
    (left, top), (right, bottom) = (front.amin(0) - margin).tolist(), (front.amax(0) + margin).tolist()
    box = max(int(left), 0), max(int(top), 0), min(int(right) + 2, width), min(int(bottom) + 2, height)
    return box if box[2] - box[0] > 2 * HALVED and box[3] - box[1] > 2 * HALVED else None


def _measured(
    bank: Bank,
    model: int,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    view: View,
    box: tuple[int, int, int, int],
    step: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (h,w,3) of every `step`th pixel of a box, and their distance (h,w) from the posed surface."""
    left, top, right, bottom = box
    depth = view.depth[top:bottom:step, left:right:step]
    columns = torch.arange(left, right, step, device=bank.device, dtype=torch.float32)
    rows = torch.arange(top, bottom, step, device=bank.device, dtype=torch.float32)
    x = (columns - view.center[0]) / view.focal[0]
    y = (rows - view.center[1]) / view.focal[1]
    points = torch.stack([x * depth, y[:, None] * depth, depth], -1)
    which = torch.tensor([model], device=bank.device)
    local = to_object(rotation[None], translation[None], points.reshape(1, -1, 3))
    return points, bank.distance(which, local)[0].reshape(depth.shape)
