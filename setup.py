"""Installs with pip, no ROS needed, and with colcon as an ament_python package."""

import re
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "pose_ros"
VERSION = re.search(r'__version__ = "(.+)"', Path(NAME, "__init__.py").read_text()).group(1)

SYNTHETIC = ["anny>=0.6", "open3d-cpu>=0.20"]  # pose_ros synth, and the default of make demo
BAG = ["rosbags>=0.11"]  # bags as source, and the demo's recording

setup(
    name=NAME,
    version=VERSION,
    description="RGB-D topics to human skeletons and 6D object poses a robot can act on",
    license="Apache-2.0",
    maintainer="pose_ros maintainers",
    maintainer_email="pose_ros@users.noreply.github.com",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    # Lower bounds are Ubuntu 24.04's own packages: package.xml names them for rosdep.
    install_requires=[
        "numpy>=1.26",
        "opencv-python-headless>=4.6,<5",
        "scipy>=1.11",
        "torch>=2.1",
        "tqdm>=4.66",
    ],
    extras_require={
        "synthetic": SYNTHETIC,
        "bag": BAG,
        "all": SYNTHETIC + BAG,
        "test": ["pytest>=7.4", "ruff>=0.17,<0.18"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*")),
        (f"share/{NAME}/config", glob("config/*")),
        (f"lib/{NAME}", glob("scripts/*")),  # where ros2 run and ros2 launch look
    ],
    zip_safe=True,
    entry_points={"console_scripts": [f"{NAME} = {NAME}.cli:main"]},
)
