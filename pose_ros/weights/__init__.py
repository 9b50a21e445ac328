"""Weights: name -> verified file in one cache. Only `get` downloads, and only when asked.

The cache is $POSE_ROS_WEIGHTS, else pose_ros in $XDG_CACHE_HOME or ~/.cache. For a file of your own, give its
path where a name is wanted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pose_ros.errors import WeightsError, unknown
from pose_ros.weights.registry import DEFAULT, GAZE, HANDS, WEIGHTS, Part, Weights
from pose_ros.weights.sources import Source, extract

SHIPPED = Path(__file__).parent / "files"  # networks of our own

__all__ = ["DEFAULT", "WEIGHTS", "Weights", "cache_dir", "get", "is_cached", "names_of", "path_of", "table"]


def cache_dir() -> Path:
    if os.environ.get("POSE_ROS_WEIGHTS"):
        return Path(os.environ["POSE_ROS_WEIGHTS"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pose_ros"


def path_of(name: str | Path) -> Path:
    """The verified file of a registered name, or a file of the user's own: a path, known by its slash or dot.

    Never downloads: WeightsError says what is wrong and how to mend it.
    """
    if isinstance(name, Path) or "/" in name or "." in name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise WeightsError(f"there is no weights file {path}")
        return path
    weights = _registered(name)
    path, *_ = files = _files(name)
    if not all(file.is_file() for file in files):
        mend = f"run `pose_ros weights get {name}`" if weights.sources else "install pose_ros again"
        raise WeightsError(f"the weights {name} are not in {path.parent}: {mend}")
    for file, of in files.items():
        _verify(name, file, of, bool(weights.sources))
    return path


def get(name: str, progress: bool = True) -> Path:
    """Downloads the weights unless they are cached, verifies them and returns their path.

    An archive is downloaded once and kept for all registered files in it.
    """
    weights = _registered(name)
    path, *_ = files = _files(name)
    if all(_is_whole(*file) for file in files.items()):
        return path
    if not weights.sources:
        return path_of(name)  # says what is wrong
    failures = []
    for source, _ in weights.sources:
        try:
            _fetch(source, progress)
            return path_of(name)
        except WeightsError as error:
            failures.append(str(error))
    raise WeightsError(f"the weights {name} could not be had: " + "; ".join(failures))


def is_cached(name: str) -> bool:
    """Whether files of the right size are there; `path_of` verifies them."""
    _registered(name)
    return all(path.is_file() and path.stat().st_size == of.size for path, of in _files(name).items())


def names_of(what: Iterable[str]) -> list[str]:
    """From a command line: names, "default" (what the default estimator needs), "hands", "gaze", "all"."""
    groups = {"all": tuple(WEIGHTS), "default": DEFAULT, "hands": HANDS, "gaze": GAZE}
    return list(
        dict.fromkeys(name for word in what for name in groups.get(word, (word,)) if _registered(name))
    )


def table() -> str:
    """One line for each of the weights: name, size, cached or not, licence, note."""
    lines = [f"{'name':<24}{'MB':>6}  {'cached':<8}{'licence':<23}note"]
    for name, w in WEIGHTS.items():
        cached = "yes" if is_cached(name) else "no"
        size = w.size + sum(part.size for part in w.parts)
        lines.append(f"{name:<20}{size / 1e6:>6.1f}  {cached:<8}{w.licence:<21}{w.note}")
    return "\n".join(lines)


def _registered(name: str) -> Weights:
    if name not in WEIGHTS:
        raise WeightsError(unknown("weights", name, WEIGHTS))
    return WEIGHTS[name]


def _files(name: str) -> dict[Path, Weights | Part]:
    """Where the files of registered weights lie, the one that names the others first."""
    weights = WEIGHTS[name]
    folder = cache_dir() if weights.sources else SHIPPED
    parts = {folder / PurePosixPath(part.member).name: part for part in weights.parts}
    return {folder / f"{name}{weights.suffix}": weights} | parts


def _fetch(source: Source, progress: bool) -> None:
    """Brings the source's archive and caches every registered file in it that is not cached yet."""
    folder = cache_dir() / "partial" / hashlib.sha256(str(source).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    archive = source.fetch(folder, progress)  # what came of a download that breaks off stays in the folder
    try:
        for name, weights in WEIGHTS.items():
            first = dict(weights.sources).get(source)
            if first is None:
                continue
            members = first, *(part.member for part in weights.parts)
            for (path, of), member in zip(_files(name).items(), members, strict=True):
                if _is_whole(path, of):
                    continue
                new = folder / path.name
                new.write_bytes(extract(archive, member))
                fault = _fault(new, of)
                if fault is not None:
                    raise WeightsError(f"{source} {member}: {fault}")
                os.replace(new, path)
    finally:
        shutil.rmtree(folder)


def _verify(name: str, path: Path, of: Weights | Part, can_be_had: bool) -> None:
    fault = _fault(path, of)
    if fault is not None:
        raise WeightsError(
            f"{path}: {fault}. "
            + (f"Run `pose_ros weights get {name}` to replace it" if can_be_had else "Install pose_ros again")
            + ", or give your own file's path"
        )


def _is_whole(path: Path, of: Weights | Part) -> bool:
    return path.is_file() and _fault(path, of) is None


def _fault(path: Path, of: Weights | Part) -> str | None:
    """What is wrong with the file, None if it is the one registered."""
    size = path.stat().st_size
    if size < of.size:
        return f"truncated: {size} of {of.size} bytes"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != of.sha256:
        return f"corrupt or another one: sha256 {digest}, expected {of.sha256}"
    return None
