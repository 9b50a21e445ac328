"""How sure it is that what is followed is there."""

from __future__ import annotations

from enum import IntEnum


class TrackState(IntEnum):
    TENTATIVE = 0  # seen too few times to be believed
    TRACKED = 1  # seen in this frame
    LOST = 2  # not seen in this frame, kept for re-entry
