"""What recording refuses to do, or cannot."""

from __future__ import annotations

import errno
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
