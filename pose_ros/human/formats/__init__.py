"""The shapes in which others take people: one registry, one function. See `convert`."""

from pose_ros.human.formats.convert import FORMATS, check_format, convert
from pose_ros.human.formats.files import write_formats
from pose_ros.human.formats.points import missing

__all__ = ["FORMATS", "check_format", "convert", "missing", "write_formats"]
