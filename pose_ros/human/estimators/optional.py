"""Packages that only some estimators need: asked for when one is made, never before."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from pose_ros.errors import ConfigError


def needed(module: str, estimator: str) -> ModuleType:
    """The module; ConfigError says how to install what the estimator needs."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"the estimator {estimator} needs {module}: pip install 'pose_ros[{estimator}]' ({error})"
        ) from error
