"""Installs with pip, no ROS needed, and with colcon as an ament_python package."""

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = "pose_ros"
VERSION = re.search(r'__version__ = "(.+)"', Path(NAME, "__init__.py").read_text()).group(1)

DEMO = ["anny==0.6.2"]
OBJECTS = ["trimesh>=4.0", "pillow>=10.0"]  # CAD files and their textures
GRASP = [*OBJECTS, "rtree>=1.0", "embreex>=2.17"]  # rays against meshes
MIMICRY = ["pin>=4.0", "pin-pink>=4.0", "daqp>=0.8"]  # inverse kinematics of any robot
BAG = ["rosbags>=0.11"]  # bags to read and to write
RECORD = ["mcap>=1.5", "zstandard>=0.20", "pyarrow>=14.0", "av>=16.0"]  # imitation data
# Estimators that other packages run; they bring their weights.
RTMLIB = ["rtmlib>=0.0.16", "onnxruntime>=1.17"]
SIM = ['pybullet==3.2.7; python_version < "3.12"']  # simulated robots; no wheels for later Pythons


def installed(folder: str, place: str) -> list[tuple[str, list[str]]]:
    """What data_files needs for all files below a folder to land below `place`."""
    root = Path(folder)
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir())]
    return [
        (
            str(Path(place) / path.relative_to(root)),
            sorted(str(file) for file in path.iterdir() if file.is_file()),
        )
        for path in folders
    ]


setup(
    name=NAME,
    version=VERSION,
    description="RGB-D topics to human skeletons and 6D object poses a robot can act on",
    license="Apache-2.0",
    maintainer="pose_ros maintainers",
    maintainer_email="pose_ros@users.noreply.github.com",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["weights/files/*"]},  # networks of our own, and their model cards
    # Lower bounds are Ubuntu 24.04's own packages: package.xml names them for rosdep.
    install_requires=[
        "numpy>=1.26",
        "opencv-python-headless>=4.6,<5",
        "PyYAML>=6.0",
        "scipy>=1.11",
        "torch>=2.1",
        "tqdm>=4.66",
    ],
    extras_require={
        "demo": DEMO,
        "body": DEMO,
        "objects": OBJECTS,
        "bag": BAG,
        "grasp": GRASP,
        "mimicry": MIMICRY,
        "record": BAG + RECORD,
        "ray": ["ray>=2.9"],  # a cluster for large imports
        "sim": SIM,
        "vitpose": ["transformers>=5.0"],
        "rtmpose": RTMLIB,
        "rtmo": RTMLIB,
        "all": DEMO + GRASP + MIMICRY + BAG + RECORD + SIM,
        "test": ["pytest>=7.4", "ruff>=0.17,<0.18", "transforms3d>=0.4", "yourdfpy>=0.0.56", "bvhio>=1.5"],
        "litert": ["ai-edge-litert>=2.0"],  # the oracle of test/nets; it needs numpy 2
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *installed("launch", f"share/{NAME}/launch"),
        *installed("config", f"share/{NAME}/config"),
        *installed("scripts", f"lib/{NAME}"),  # where ros2 run and ros2 launch look
    ],
    zip_safe=True,
    entry_points={"console_scripts": [f"{NAME} = {NAME}.cli:main"]},
)
