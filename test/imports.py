"""Who imports what in pose_ros, read from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pose_ros"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROS_PACKAGES = {"rclpy", "builtin_interfaces", "rcl_interfaces", "tf2_ros", "tf2_py", "cv_bridge"}


def imports_of(source: str, module: str) -> set[str]:
    """Dotted names of all that a module imports; `from a import b` gives a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level]
                base = ".".join([*parents, base]).rstrip(".")
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {name: imports_of(path.read_text(), name) for name, path in MODULES.items()}


def is_ros(name: str) -> bool:
    top = name.split(".")[0]
    return top in ROS_PACKAGES or top.endswith(("_msgs", "_srvs", "_interfaces"))


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")
