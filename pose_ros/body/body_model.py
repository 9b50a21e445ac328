"""anny's body model (NAVER, Apache-2.0; its MakeHuman data CC0), loaded once and fast. No network needed."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pose_ros.skeleton import COCO_17
from pose_ros.weights import cache_dir

# anny's axes: x left, y backward, z up.
REP103_FROM_ANNY = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


class BodyModel:
    """anny's mesh, rig and key points, as far as they are the same for everybody."""

    def __init__(self) -> None:
        import anny

        self.anny = _load().float()
        self.keypoints = anny.KeypointsRegressor.coco(self.anny, labels=list(COCO_17.joints)).float()
        self.bones: list[str] = list(self.anny.bone_labels)

    @cached_property
    def triangles(self) -> np.ndarray:
        """(F,3) vertex indices, counter-clockwise seen from outside."""
        return self.anny.get_triangular_faces().numpy()

    @cached_property
    def rest_vertices(self) -> np.ndarray:
        """(V,3) m, REP-103 axes: the average body in its rest pose."""
        return rep103(self.anny.template_vertices)


@lru_cache(maxsize=1)
def body_model() -> BodyModel:
    """The one model, loaded at first use."""
    return BodyModel()


def rep103(xyz: torch.Tensor) -> np.ndarray:
    """anny's points (…,3) in our axes."""
    return (xyz @ torch.from_numpy(REP103_FROM_ANNY.T).to(xyz.dtype)).numpy()


def _load():
    """anny's model from its cache in ours; the first time on a machine it is prepared there (20 s, 50 MB)."""
    import anny
    import anny.paths

    cache = cache_dir() / "anny"
    cache.mkdir(parents=True, exist_ok=True)
    anny.paths.set_anny_cache_path(cache)
    with open(cache / "lock", "w") as lock, _fast_parser():
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two processes that start together the second waits
        model = anny.Anny(skinning_method="lbs")
        for step in cache.glob("v*/*"):  # 740 MB that only preparing needs
            if not step.name.startswith("build_compact"):
                step.unlink()
    return model


@contextlib.contextmanager
def _fast_parser() -> Iterator[None]:
    """While anny prepares its model: read blend shapes array-wise, and only those that make a phenotype.

    The model is the same to the last bit, in 15 s instead of two minutes, in which a newcomer's first demo
    would seem to hang. (anny drops the other shapes, its `local_changes`, after it has read them.)
    """
    import anny.models.full_model as full_model

    progress = tqdm(desc="preparing the body model, once", unit="shape", delay=1, mininterval=1)

    def load_blend_shape(filename, vertices_count, world_transformation, dtype):
        progress.update()
        offsets = torch.zeros((vertices_count, 3), dtype=dtype)
        if not {"macrodetails", "breast"} & set(Path(filename).parts):
            return offsets
        with gzip.open(filename, "rb") as archive:
            rows = np.fromstring(archive.read(), dtype=float, sep=" ").reshape(-1, 4)
        offsets[torch.from_numpy(rows[:, 0].astype(int))] = torch.from_numpy(rows[:, 1:]).to(dtype)
        return offsets @ world_transformation.linear[0].T

    original = full_model.load_blend_shape
    full_model.load_blend_shape = load_blend_shape
    try:
        yield
    finally:
        full_model.load_blend_shape = original
        progress.close()
