"""What recording refuses to do, or cannot."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pose_ros.errors import PoseError


class RecordError(PoseError):
    """A recording that cannot be started, written or read; the message says where and why."""


def cannot_write(path: Path, error: OSError) -> RecordError:
    """In words a user can act on."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RecordError(f"{path}: the disk is full")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RecordError(f"{path} cannot be written: {error.strerror}")
    return RecordError(f"{path} cannot be written: {error}")


@contextmanager
def needed_for_recording() -> Iterator[None]:
    """Says how to get a package that cannot be imported within."""
    try:
        yield
    except ImportError as error:
        raise RecordError(f"recording needs {error.name}: pip install 'pose_ros[record]'") from error
