"""Groups of a labelled set of meshes: how many motions, which axis, and that each maps the mesh on itself."""

import numpy as np
import pytest
import torch
from posed import BRIGHT, box_mesh

from pose_ros.geometry.mesh import Mesh
from pose_ros.objects.bank import Bank
from pose_ros.objects.field import distance_field
from pose_ros.objects.model import _Shape
from pose_ros.objects.surface import skin_of, surface_of
from pose_ros.objects.symmetry import SymmetryFinder, color_symmetries
from pose_ros.sources.synthetic.objects import shapes
from pose_ros.types import Symmetries

DRAWS = [*shapes.TEXTURED, *shapes.PLAIN, shapes.ball]


def found_in(mesh: Mesh) -> tuple[Symmetries, Symmetries]:
    """Of the shape, and of shape and colours."""
    field, skin = distance_field(mesh, skin_of(mesh, np.random.default_rng(0), 30_000))
    surface = surface_of(skin, mesh.diameter, 700)
    bank = Bank.of([_Shape(field, surface, mesh.diameter)], torch.device("cpu"))
    of_shape = SymmetryFinder(bank, surface).shape()
    return of_shape, color_symmetries(of_shape, surface) if mesh.has_color else of_shape


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_the_labelled_set(draw):
    rng = np.random.default_rng(11)
    shape = draw(rng)
    if DRAWS.index(draw) % 2:  # every other one has its origin far outside
        shape = shapes.off_centre(shape, rng)
    expected, (_, found) = shape.symmetries, found_in(shape.mesh)
    assert len(found) == len(expected)
    assert found.is_sphere == expected.is_sphere
    assert (found.axis is None) == (expected.axis is None)
    if found.axis is not None:
        assert abs(found.axis @ expected.axis) > np.cos(np.radians(1.0))
        across = found.center - expected.center
        across -= (across @ expected.axis) * expected.axis
        assert np.linalg.norm(across) < 0.01 * shape.mesh.diameter
    if not expected.is_continuous:
        for rotation in found.discrete.rotation:
            trace = np.einsum("nij,ij->n", expected.discrete.rotation, rotation)
            assert np.degrees(np.arccos((trace.max() - 1) / 2 * 0.999999)) < 2.0


def test_colours_take_symmetries_away():
    assert [len(group) for group in found_in(box_mesh((0.1, 0.08, 0.05)))] == [4, 4]
    assert [len(group) for group in found_in(box_mesh((0.1, 0.08, 0.05), BRIGHT))] == [4, 1]
    ends = (BRIGHT[0], BRIGHT[0], BRIGHT[1], BRIGHT[1], BRIGHT[2], BRIGHT[3])  # top unlike bottom
    assert [len(group) for group in found_in(box_mesh((0.1, 0.08, 0.05), ends))] == [4, 2]
