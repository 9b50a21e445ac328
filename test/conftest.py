"""What all tests share: weights, and the real images beside the checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pose_ros import weights
from pose_ros.errors import WeightsError

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def weights_of():
    """name -> path of the weights, downloaded when they are not cached; skips where they cannot be had."""

    @cache
    def failure_of(name: str) -> str | None:
        try:
            weights.get(name, progress=False)
        except WeightsError as error:
            return str(error)
        return None

    def path(name: str) -> Path:
        if (failure := failure_of(name)) is not None:
            pytest.skip(failure)
        return weights.path_of(name)

    return path


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; skips where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is absent")
    return DATA
