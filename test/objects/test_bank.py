import numpy as np
import pytest
import torch
from known import ASIDE, BOX, bank_of, known
from scipy.spatial.transform import Rotation

HALF = np.array(BOX) / 2


def box_distance(points: np.ndarray) -> np.ndarray:
    beyond = np.abs(points) - HALF
    return np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(-1), 0)


def distances(points: np.ndarray, *names: str, model: int = 0) -> tuple[np.ndarray, np.ndarray]:
    which = torch.tensor([model])
    distance, gradient = bank_of(*names).distance(which, torch.as_tensor(points[None], dtype=torch.float32))
    return distance[0].numpy(), gradient[0].numpy()


def test_distances_within_the_grid_are_those_of_the_box():
    points = np.random.default_rng(0).uniform(-1.1, 1.1, (4000, 3)) * HALF
    found, _ = distances(points, "box")
    error = np.abs(found - box_distance(points))
    voxel = float(bank_of("box").voxel[0])
    assert np.median(error) < 0.02 * voxel
    assert error.max() < voxel  # at edges, where the nearest side changes within a voxel


def test_beyond_the_grid_distances_go_on_and_stay_outside():
    direction = np.random.default_rng(1).normal(size=(2000, 3))
    points = (
        direction / np.linalg.norm(direction, axis=1, keepdims=True) * np.linspace(0.15, 0.5, 2000)[:, None]
    )
    found, gradient = distances(points, "box")
    expected = box_distance(points)
    assert (found > 0.5 * expected).all()
    assert (found < 1.01 * expected + 1e-3).all()
    towards = (gradient * points).sum(1)
    assert (towards > 0).all()


def test_every_model_answers_for_itself():
    """In a bank of three of different grid, each gives what it gives alone."""
    points = np.random.default_rng(2).uniform(-0.08, 0.08, (500, 3))
    names = ("bracket", "box", "ball")
    for number, name in enumerate(names):
        together, alone = distances(points, *names, model=number), distances(points, name)
        np.testing.assert_allclose(together[0], alone[0], atol=1e-6)
        np.testing.assert_allclose(together[1], alone[1], atol=1e-6)
    both = torch.tensor([2, 0])
    batch, _ = bank_of(*names).distance(both, torch.as_tensor(np.stack([points] * 2), dtype=torch.float32))
    np.testing.assert_allclose(batch[0], distances(points, "ball")[0], atol=1e-6)
    np.testing.assert_allclose(batch[1], distances(points, "bracket")[0], atol=1e-6)


@pytest.mark.parametrize("name", ["aside", "bracket"])
def test_to_mesh_undoes_from_mesh(name):
    bank, model = bank_of(name), torch.zeros(5, dtype=torch.long)
    rotation = torch.as_tensor(Rotation.random(5, random_state=0).as_matrix(), dtype=torch.float32)
    origin = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    middle = bank.from_mesh(model, rotation, origin)
    torch.testing.assert_close(bank.to_mesh(model, rotation, middle), origin, atol=1e-6, rtol=1e-5)
    expected = rotation.numpy() @ known(name).bounds.mean(0) + origin.numpy()
    np.testing.assert_allclose(middle, expected, atol=2e-3)


def test_a_mesh_far_off_its_origin_is_the_same_as_one_about_it():
    """But for where it was sampled and rounded: the same distances to the same places."""
    points = np.random.default_rng(3).uniform(-0.07, 0.07, (500, 3))
    centre = bank_of("bracket").center[0].numpy()
    np.testing.assert_allclose(bank_of("aside").center[0], centre + ASIDE, atol=1e-3)
    moved = centre + ASIDE - bank_of("aside").center[0].numpy()  # the middles differ by the sampling
    here, there = distances(points, "bracket"), distances(points + moved, "aside")
    voxel = float(bank_of("bracket").voxel[0])
    assert np.median(np.abs(here[0] - there[0])) < 0.02 * voxel
    assert np.abs(here[0] - there[0]).max() < voxel


def test_the_direction_of_sight_is_the_nearest_of_those_prepared():
    bank = bank_of("box")
    rotation = torch.as_tensor(Rotation.random(40, random_state=1).as_matrix(), dtype=torch.float32)
    place = torch.tensor([[0.1, -0.2, 0.7]]).expand(40, 3)
    chosen = bank.directions[bank.view_of(rotation, place)]
    ray = rotation.transpose(1, 2) @ torch.nn.functional.normalize(place, dim=1)[..., None]
    cosine = (chosen[:, None] @ ray)[:, 0, 0]
    assert (cosine > np.cos(np.radians(15))).all()
    assert (cosine >= (bank.directions @ ray)[..., 0].amax(1) - 1e-5).all()


def test_the_visible_centre_is_on_the_side_that_is_seen():
    bank = bank_of("box")
    towards = (bank.visible_center[0] * bank.directions).sum(1)
    assert (towards < -0.01).all()  # nearer to the viewer than the middle
