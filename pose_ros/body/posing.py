"""anny's body posed in torch, batched over people, with the derivatives that a Gauss-Newton fit needs.

The rig's 104 bones move as few rigid groups (rig.py). A point of the body is a sum over groups g,

    v = sum_g  R_g y_g + w_g p_g,

R_g the group's rotation away from rest, p_g where its head has gone, and y_g = w_g (x - h_g) for a vertex
x with skinning weights w (linear blend skinning). anny's key points are weighted means of vertices, so they
have the same form. Turning one group by a small omega (and with it all that it carries) moves the point by
omega x L with

    L_g = R_g y_g + sum_c  W_c (p_c - p_g)    over the groups c that g carries, W_c what hangs on c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pose_ros.body.body_model import BodyModel, body_model, rep103
from pose_ros.body.phenotype import AVERAGE, Coefficients
from pose_ros.body.rig import PARENTS, SEGMENTS, rest_frames, segments_of
from pose_ros.body.rotations import exp_rotation, left_jacobian, log_rotation
from pose_ros.skeleton import COCO_17


@dataclass(frozen=True)
class Rest:
    """N bodies at rest, m. vertices (N,P,3), heads (N,G,3), moments (N,17,G,3): the key points' y."""

    vertices: torch.Tensor
    heads: torch.Tensor
    moments: torch.Tensor

    def moved(self, slopes: Rest, change: torch.Tensor) -> Rest:
        """The bodies whose phenotype differs by so little, (N,6), by way of `rest_slopes`."""
        n, six = change.shape

        def along(values: torch.Tensor) -> torch.Tensor:
            return torch.einsum("ns,ns...->n...", change, values.view(n, six, *values.shape[1:]))

        return Rest(
            self.vertices + along(slopes.vertices),
            self.heads + along(slopes.heads),
            self.moments + along(slopes.moments),
        )


@dataclass(frozen=True)
class Posed:
    """N bodies, `rest`, in a pose: rotations (N,G,3,3) and heads (N,G,3) m of the groups.

    mixed (N,P,3,3): the points' own mean of rotations. vertices (N,P,3), normals (N,P,3), of length about 1,
    joints (N,17,3) in COCO's order.
    """

    rest: Rest
    rotations: torch.Tensor
    heads: torch.Tensor
    mixed: torch.Tensor
    vertices: torch.Tensor
    normals: torch.Tensor
    joints: torch.Tensor


class Poser:
    """Poses chosen vertices of anny (all, if None) and its 17 key points on one device, in float32."""

    def __init__(self, chosen: np.ndarray | None = None, device: str | torch.device = "cpu") -> None:
        model = body_model()
        self.device, self.model = torch.device(device), model
        groups, parents, group_of = _groups(model)
        anny = model.anny
        chosen = np.arange(len(anny.template_vertices)) if chosen is None else np.asarray(chosen)
        self.chosen = chosen
        count = len(groups)
        weights = np.zeros((len(anny.template_vertices), count))
        np.add.at(weights.T, group_of, anny.dense_vertex_bone_weights.numpy().T)
        first = [group_of.tolist().index(g) for g in range(count)]  # the group's head is its first bone's

        template, blend = anny.template_vertices.double(), anny.blendshapes.double()
        heads, heads_blend = anny.template_bone_heads.double(), anny.bone_heads_blendshapes.double()
        basis = rep103(torch.cat([template[None], blend]))  # (1 + A, V, 3): the average and its blend shapes
        basis_heads = rep103(torch.cat([heads[None], heads_blend]))[:, first]
        regressor = model.keypoints.regression_weights.double().numpy()
        joint_weights = regressor @ weights
        moments = np.stack([_moment(row, weights, basis) for row in regressor], axis=1)  # (1 + A, 17, G, 3)
        moments = moments - joint_weights[:, :, None] * basis_heads[:, None]

        self.vertex_weights, self.joint_weights = self._tensor(weights[chosen]), self._tensor(joint_weights)
        carried = np.eye(count)  # [g, c]: g carries c, or is it
        for child in range(count - 1, 0, -1):
            carried[parents[child]] += carried[child]
        self.vertex_loads = self._tensor(weights[chosen] @ carried.T)
        self.joint_loads = self._tensor(joint_weights @ carried.T)
        # The root is its own parent, from which it has no offset.
        self.parents = torch.tensor([max(parent, 0) for parent in parents], device=self.device)
        self._carriers = self._tensor(carried.T)  # [c, g]: c hangs on g, or is it
        self._basis = self._tensor(np.concatenate([
            basis[:, chosen].reshape(len(basis), -1), basis_heads.reshape(len(basis), -1),
            moments.reshape(len(basis), -1)], axis=1))  # fmt: skip
        self._sizes = (len(chosen), count)
        self._coefficients = Coefficients(anny, self.device)
        # Where clothes lie: not on the hands, hardly on the head.
        bare = np.array([{"hand": 0.0, "head": 0.4}.get(name.split("_")[-1], 1.0) for name in SEGMENTS])
        on_group = np.array([bare[SEGMENTS.index(second)] for _, second, _ in groups])
        self.clothed = self._tensor(weights[chosen] @ on_group)
        self.rest_normals = self._tensor(_normals(model)[chosen])
        self.first = torch.tensor([SEGMENTS.index(g[0]) for g in groups], device=self.device)
        self.second = torch.tensor([SEGMENTS.index(g[1]) for g in groups], device=self.device)
        self.fraction = self._tensor([g[2] for g in groups])
        # What turns with each segment: itself and all it carries.
        follows = np.eye(len(SEGMENTS))
        for child, parent in PARENTS.items():
            follows[SEGMENTS.index(child)] += follows[SEGMENTS.index(parent)]
        self.follows = self._tensor(follows)
        with torch.no_grad():
            rest = self.rest(self._tensor([AVERAGE]))
        self.rest_frames = self._tensor(self.frames_of(rest)[0])

    def rest(self, shape: torch.Tensor) -> Rest:
        """Bodies of these shapes (N,6), ordered as PHENOTYPE."""
        points, groups = self._sizes
        flat = self._basis[0] + self._coefficients(shape) @ self._basis[1:]
        vertices, heads, moments = flat.split(
            [3 * points, 3 * groups, flat.shape[1] - 3 * (points + groups)], 1
        )
        n = len(shape)
        return Rest(
            vertices.view(n, points, 3), heads.view(n, groups, 3), moments.view(n, len(COCO_17), groups, 3)
        )

    def rest_slopes(self, shape: torch.Tensor, step: float = 0.02) -> Rest:
        """Derivative of `rest` by each phenotype, (N*6, …): central differences, inside [0, 1]."""
        n, six = shape.shape
        steps = step * torch.eye(six, device=self.device).expand(n, six, six)
        high, low = (shape[:, None] + steps).clamp(0, 1), (shape[:, None] - steps).clamp(0, 1)
        width = (high - low).sum(-1).reshape(-1, 1, 1)
        a, b = self.rest(high.reshape(-1, six)), self.rest(low.reshape(-1, six))
        return Rest(
            (a.vertices - b.vertices) / width,
            (a.heads - b.heads) / width,
            (a.moments - b.moments) / width[..., None],
        )

    def frames_of(self, rest: Rest) -> np.ndarray:
        """Every segment's own frame in the rest pose (N,15,3,3)."""
        joints = (
            (rest.moments.sum(2) + torch.einsum("jg,ngc->njc", self.joint_weights, rest.heads)).cpu().numpy()
        )
        names = COCO_17.joints
        frames = [rest_frames(dict(zip(names, xyz.astype(float), strict=True))) for xyz in joints]
        return np.array([[frame[name] for name in SEGMENTS] for frame in frames])

    def pose(self, rest: Rest, turned: torch.Tensor, root: torch.Tensor) -> Posed:
        """turned (N,15,3,3): each segment's rotation away from rest. root (N,3) m: the pelvis bone's head."""
        a, b = turned[:, self.first], turned[:, self.second]
        between = log_rotation(a.transpose(-1, -2) @ b) * self.fraction[:, None]
        rotations = a @ exp_rotation(between)
        heads = self.heads_of(rotations, rest.heads, root)
        mixed = torch.einsum("pg,ngij->npij", self.vertex_weights, rotations)
        shifts = heads - (rotations @ rest.heads[..., None])[..., 0]
        vertices = (mixed @ rest.vertices[..., None])[..., 0] + self.vertex_weights @ shifts
        normals = (mixed @ self.rest_normals[:, :, None])[..., 0]
        joints = torch.einsum("ngab,njgb->nja", rotations, rest.moments) + self.joint_weights @ heads
        return Posed(rest, rotations, heads, mixed, vertices, normals, joints)

    def heads_of(self, rotations: torch.Tensor, rest_heads: torch.Tensor, root: torch.Tensor) -> torch.Tensor:
        offsets = rest_heads - rest_heads[:, self.parents]  # the root's own is 0
        arms = (rotations[:, self.parents] @ offsets[..., None])[..., 0]
        return root[:, None] + self._carriers @ arms

    def turns_of_groups(self, turned: torch.Tensor) -> torch.Tensor:
        """(N,G,3,15,3): small turn of each group by small turns of the *local* joints, in the world's axes.

        A group between two segments, A exp(f log(A'B)), turns by (1 - W) a + W b with
        W = f A J(f phi) J(phi)^-1 A', J the left Jacobian of SO(3), phi = log(A'B).
        """
        a, b = turned[:, self.first], turned[:, self.second]
        phi = log_rotation(a.transpose(-1, -2) @ b)
        share = left_jacobian(phi * self.fraction[:, None]) @ torch.linalg.inv(left_jacobian(phi))
        share = self.fraction[:, None, None] * (a @ share @ a.transpose(-1, -2))
        eye = torch.eye(3, device=self.device)
        of_first, of_second = self.follows[self.first], self.follows[self.second]  # (G,15)
        return torch.einsum("ngij,gs->ngisj", eye - share, of_first) + torch.einsum(
            "ngij,gs->ngisj", share, of_second
        )

    def levers(self, own: torch.Tensor, loads: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
        """L (N,P,G,3) of points. own (N,P,G,3): R_g y_g; loads (N,P,G): the weight that hangs on a group."""
        arms = heads - heads[:, self.parents]
        return own.index_add(2, self.parents, loads[..., None] * arms[:, None])

    def _tensor(self, values) -> torch.Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=self.device)


def _groups(model: BodyModel) -> tuple[list[tuple[str, str, float]], list[int], np.ndarray]:
    """The rigid groups (segments and fraction), the parent of each (-1: none), and the group of each bone."""
    groups, parents, group_of = [], [], []
    for bone, parent in zip(model.bones, model.anny.bone_parents, strict=True):
        first, second, fraction = segments_of(bone)
        if fraction in (0.0, 1.0):
            first = second = second if fraction else first
            fraction = 0.0
        key = first, second, fraction
        above = group_of[parent] if parent >= 0 else -1
        if above >= 0 and groups[above] == key:
            group_of.append(above)
            continue
        group_of.append(len(groups))
        groups.append(key)
        parents.append(above)
    return groups, parents, np.array(group_of)


def _moment(row: np.ndarray, weights: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(1 + A, G, 3): sum over the vertices of a key point's weight x skinning weight x place."""
    some = np.flatnonzero(row)
    groups = np.flatnonzero(weights[some].any(0))
    places = basis[:, some].transpose(1, 0, 2).reshape(len(some), -1)
    moment = np.zeros((weights.shape[1], places.shape[1]))
    moment[groups] = (weights[np.ix_(some, groups)] * row[some, None]).T @ places
    return moment.reshape(len(moment), -1, 3).transpose(1, 0, 2)


def _normals(model: BodyModel) -> np.ndarray:
    """(V,3) unit normals of the average body at rest."""
    xyz, faces = model.rest_vertices.astype(float), model.triangles
    a, b, c = (xyz[faces[:, k]] for k in range(3))
    summed = np.zeros_like(xyz)
    for k in range(3):
        np.add.at(summed, faces[:, k], np.cross(b - a, c - a))
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
