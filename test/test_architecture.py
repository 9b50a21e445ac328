"""The street has one direction: who may import whom, also inside functions."""

import sys

import pytest
from imports import IMPORTS, MODULES, below, imports_of, is_ros

WHEELS = [name for name in MODULES if below(name, "pose_ros.ros.wheels")]


def offenders(importer: str, imported: str) -> list[str]:
    """`module: import` for every import of `imported` from below `importer`."""
    return [
        f"{module}: {name}"
        for module, names in IMPORTS.items()
        if below(module, importer)
        for name in sorted(names)
        if below(name, imported)
    ]


def test_only_ros_imports_ros():
    assert not [
        f"{module}: {name}"
        for module, names in IMPORTS.items()
        if not below(module, "pose_ros.ros")
        for name in names
        if is_ros(name)
    ]


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("pose_ros.human", "pose_ros.objects"),
        ("pose_ros.objects", "pose_ros.human"),
        ("pose_ros.human", "pose_ros.sources.synthetic"),
        ("pose_ros.apps", "pose_ros.nets"),
        ("pose_ros.apps", "torch"),
        *(
            (f"pose_ros.{part}", "pose_ros.ros")
            for part in ("human", "objects", "apps", "sources", "eval", "nets")
        ),
        *(("pose_ros.nets", f"pose_ros.{part}") for part in ("human", "objects", "sources", "eval")),
        *((f"pose_ros.{part}", "pose_ros.human") for part in ("sources", "geometry", "body", "weights")),
        *(
            (part, "torch")
            for part in ("pose_ros.geometry", "pose_ros.types", "pose_ros.ros", "pose_ros.cli")
        ),
    ],
)
def test_nobody_looks_up_the_street(importer, imported):
    assert not offenders(importer, imported)


def test_the_builder_of_the_environment_needs_nothing_installed():
    siblings = {name.rsplit(".", 1)[1] for name in WHEELS}
    assert WHEELS
    for name in WHEELS:
        tops = {imported.split(".")[0] for imported in IMPORTS[name]}
        assert tops <= sys.stdlib_module_names | siblings, name


def test_every_import_of_ours_exists():
    """A module that was renamed leaves no import behind in a function nobody calls."""
    for module, names in IMPORTS.items():
        for name in names:
            if below(name, "pose_ros") and name not in MODULES:
                parent, attribute = name.rsplit(".", 1)
                assert parent in MODULES, f"{module} imports {name}"
                assert attribute in MODULES[parent].read_text(), f"{module} imports {name}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import rclpy.node", {"rclpy.node"}),
        ("def f():\n    from std_msgs.msg import Header", {"std_msgs.msg", "std_msgs.msg.Header"}),
        ("from ..nets import tflite", {"pose_ros.nets", "pose_ros.nets.tflite"}),
        ("from . import lift", {"pose_ros.human", "pose_ros.human.lift"}),
    ],
)
def test_imports_are_seen_wherever_they_stand(source, found):
    assert imports_of(source, "pose_ros.human.pipeline") == found
