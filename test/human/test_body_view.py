"""The GPU's way to find the nearest skin is the CPU's."""

import numpy as np
import torch

from pose_ros.human.body_view import nearest_by_tree, nearest_of_all


def test_both_searches_find_the_same_vertex():
    generator = torch.Generator().manual_seed(0)
    vertices = torch.randn(3, 400, 3, generator=generator) * 0.4 + torch.tensor([0.0, 0.0, 3.0])
    points = torch.randn(3, 150, 3, generator=generator) * 0.4 + torch.tensor([0.0, 0.0, 3.0])
    usable = torch.rand(3, 400, generator=generator) < 0.5
    usable[2] = False
    tree, pairs = (search(points, vertices, usable) for search in (nearest_by_tree, nearest_of_all))
    np.testing.assert_array_equal(tree[:2], pairs[:2])
    assert usable[:2].gather(1, tree[:2]).all()
    assert (tree[2] == 0).all()  # nobody's skin faces the camera: any index will do
