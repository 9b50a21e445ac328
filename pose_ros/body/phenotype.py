"""The six numbers of a body's shape, and what they make of anny's blend shapes."""

from __future__ import annotations

import torch

PHENOTYPE = ("gender", "age", "muscle", "weight", "height", "proportions")
AVERAGE = (0.5, 0.72, 0.5, 0.5, 0.47, 0.5)  # a young adult; as tall as most


class Coefficients:
    """Phenotype (N,6) to anny's blend shape coefficients (N,A), differentiable."""

    def __init__(self, anny, device: torch.device) -> None:
        self._labels = list(anny.phenotype_labels)
        self._order = [PHENOTYPE.index(label) for label in self._labels]
        self._anchors = {name: anny.anchors[name].to(device) for name in anny.anchors._buffers}
        self._mask = anny.stacked_phenotype_blend_shapes_mask.to(device)
        self._projection = anny.phenotype_blendshape_projection
        if self._projection is not None:
            self._projection = self._projection.to(device)

    def __call__(self, shape: torch.Tensor) -> torch.Tensor:
        from anny.models.phenotype import phenotype_blendshape_weights

        values = shape[:, self._order]
        weights = phenotype_blendshape_weights(values, self._labels, self._anchors, self._mask, False)
        return weights if self._projection is None else weights @ self._projection
