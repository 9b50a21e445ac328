"""Options by dotted name: one default, refused by name, listed when unknown."""

from dataclasses import dataclass, field

import pytest

from pose_ros.config import flatten, load, option, option_of, parse, update
from pose_ros.errors import ConfigError
from pose_ros.human.pipeline import HumanConfig


@dataclass(frozen=True)
class Inner:
    size: int = option(3, "how big", unit="px", range=(1, 9))


@dataclass(frozen=True)
class Outer:
    name: str = option("a", "which", choices=("a", "b"))
    on: bool = option(True, "whether")
    gain: float = option(1.0, "how much", range=(0.0, 2.0))
    inner: Inner = field(default_factory=Inner)


def test_flatten_and_update_are_inverse():
    changed = update(Outer(), {"name": "b", "gain": 2, "inner.size": 5})
    assert flatten(changed) == {"name": "b", "on": True, "gain": 2.0, "inner.size": 5}
    assert update(Outer(), flatten(changed)) == changed
    assert Outer() == Outer()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nmae", "a", "valid: name, on, gain, inner.size"),
        ("inner", 1, "unknown option 'inner'"),
        ("inner.seize", 1, "inner.size"),
        ("gain", 3.0, r"must lie in \[0.0, 2.0\]"),
        ("inner.size", 0, "px"),
        ("name", "c", "valid: a, b"),
        ("on", 1, "takes bool, got int 1"),
        ("inner.size", 1.5, "takes int, got float"),
        ("gain", True, "takes float, got bool"),
        ("gain", float("nan"), "must lie in"),
    ],
)
def test_what_is_wrong_is_refused_by_name(name, value, message):
    with pytest.raises(ConfigError, match=message):
        update(Outer(), {name: value})


def test_from_a_file_and_from_the_command_line(tmp_path):
    path = tmp_path / "options.yaml"
    path.write_text("gain: 0.5\ninner: {size: 7}\n")
    assert load(Outer(), path) == Outer(gain=0.5, inner=Inner(7))
    assert parse(Outer(), ["inner.size=2", "on=false"]) == Outer(on=False, inner=Inner(2))
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        parse(Outer(), ["gain"])


@pytest.mark.parametrize("text", ["- 1", "gian: 1", "{", "inner: {siez: 1}"])
def test_a_broken_file_is_named(tmp_path, text):
    path = tmp_path / "options.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"options\.yaml"):
        load(Outer(), path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Outer(), tmp_path / "none.yaml")


def test_every_option_of_the_pipeline_is_explained_and_its_default_is_valid():
    config = HumanConfig()
    for name in flatten(config):
        assert option_of(config, name).metadata["doc"], name
    assert update(config, flatten(config)) == config
