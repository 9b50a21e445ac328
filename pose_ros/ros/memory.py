"""Memory of images is used again instead of being returned to the system after every frame."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_LARGEST_KEPT = 32 << 20  # bytes of one allocation; the most glibc takes
_KEPT = 256 << 20  # bytes of free memory at the end of the heap


def keep_freed_memory() -> None:
    """Tell glibc to keep what is freed; nothing happens with another C library.

    By default it gives images back, and the kernel zeroes each of their pages again for the next one: a
    third of what it costs to decode a 640x480 pair.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
