"""Protocol buffers' wire format, as far as files of networks need it: messages taken apart into fields."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(data: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of a message: whole numbers of varints, bytes of all the others."""
    view, at = memoryview(data), 0
    while at < len(view):
        key, at = varint(view, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = varint(view, at)
            yield number, value
            continue
        if wire == BYTES:
            size, at = varint(view, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"a field of wire type {wire}")
        if number == 0 or at + size > len(view):
            raise ValueError("a field goes beyond the end")
        yield number, view[at : at + size]
        at += size


def varint(view: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        value |= (view[at] & 127) << shift
        at += 1
        if view[at - 1] < 128:
            return value, at
    raise ValueError("a number of more than ten bytes")


def signed(value: int) -> int:
    """A varint as the 64-bit number it stands for."""
    return value - (1 << 64) if value >> 63 else value


def packed(view: memoryview) -> list[int]:
    """The signed whole numbers of a packed field."""
    values, at = [], 0
    while at < len(view):
        value, at = varint(view, at)
        values.append(signed(value))
    return values
