"""The generated interface packages are those of any other ROS 2: DDS compares the hash of a type."""

import json
import sys
from pathlib import Path

import pytest

# From `ros2 topic info --verbose` and bags of Jazzy systems.
PUBLISHED = {
    "tf2_msgs/msg/TFMessage": "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
    "vision_msgs/msg/Detection3DArray": (
        "RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018"
    ),
}


@pytest.mark.parametrize(("name", "expected"), PUBLISHED.items(), ids=str)
def test_hash_is_the_published_one(name, expected):
    package, _, message = name.split("/")
    description = Path(sys.prefix, "share", package, "msg", f"{message}.json")
    if not description.is_file():
        pytest.skip(f"{package} is not of this environment")
    hashes = json.loads(description.read_text())["type_hashes"]
    assert {"type_name": name, "hash_string": expected} in hashes


def test_rep_155_skeletons_have_a_point_for_each_name():
    hri = pytest.importorskip("hri_msgs.msg")
    names = {name for name in dir(hri.Skeleton2D) if name.isupper()} - {"SLOT_TYPES"}
    assert len(hri.Skeleton2D().skeleton) == 18
    assert sorted(getattr(hri.Skeleton2D, name) for name in names) == list(range(18))
