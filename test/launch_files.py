"""The launch files and camera presets, parsed."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from imports import ROOT

Element = ElementTree.Element


def parse(folder: Path) -> dict[str, Element]:
    return {path.name: ElementTree.parse(path).getroot() for path in sorted(folder.iterdir())}


LAUNCH = parse(ROOT / "launch")
CAMERAS = parse(ROOT / "config" / "cameras")
NODES = [(name, node) for name, root in LAUNCH.items() for node in root.iter("node")]
OURS = [(name, node) for name, node in NODES if node.get("pkg") == "pose_ros"]


def node_of(executable: str, file: str = "") -> Element:
    """The first node of that executable (in that launch file)."""
    return next(node for name, node in NODES if node.get("exec") == executable and file in ("", name))


def arguments(root: Element) -> dict[str, Element]:
    return {arg.get("name"): arg for arg in root.findall("arg")}


def defaults(root: Element) -> dict[str, str]:
    return {name: arg.get("default") for name, arg in arguments(root).items()}


def choices(arg: Element) -> list[str]:
    return [choice.get("value") for choice in arg.findall("choice")]


def variables(text: str) -> set[str]:
    """Names in $(var NAME)."""
    return set(re.findall(r"\$\(var (\w+)\)", text))


def attributes(root: Element) -> list[str]:
    return [value for element in root.iter() for value in element.attrib.values()]


def label(value: object) -> str:
    return value if isinstance(value, str) else value.get("exec", "")
