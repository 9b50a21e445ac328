"""What an importer knows to translate: operators of a file's format by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pose_ros.nets.layouts import Layout


class Translation(NamedTuple):
    function: Callable
    layout: Layout
    mixes: bool


class Translations(dict[str, Translation]):
    """Name of an operator -> how it is done in torch."""

    def operator(
        self, *names: str, layout: Layout = Layout.FILE, mixes: bool = False
    ) -> Callable[[Callable], Callable]:
        """Registers a translation. mixes: it may look across images of a batch, which then go one by one."""

        def register(function: Callable) -> Callable:
            self.update(dict.fromkeys(names, Translation(function, layout, mixes)))
            return function

        return register
