"""The commands of `pose_ros` that are about objects."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_objects(commands: Any) -> None:
    objects = commands.add_parser(
        "objects", help="objects in a source without ROS: pictures, JSON, BOP's CSV"
    )
    objects.add_argument("source", help="RGB-D folder, BOP scene, bag or objects:…")
    objects.add_argument("--out", type=Path, required=True, help="folder to write")
    objects.add_argument("--frames", type=int, help="stop after so many")
    objects.add_argument("--no-track", action="store_true", help="search every frame anew")
    _add_config(objects)
    objects.set_defaults(run=_objects)


def add_grasps(commands: Any) -> None:
    command = commands.add_parser("grasps", help="grasps of CAD models as isaac_grasp files")
    command.add_argument(
        "--models", required=True, help="folder of CAD files, or a YAML file that names them"
    )
    command.add_argument("--out", type=Path, required=True, help="folder to write, one YAML a model")
    command.add_argument("--gripper", default="", help="YAML of a gripper (default: the Panda's hand)")
    command.set_defaults(run=_grasps)


def add_eval_objects(evaluate: Any) -> None:
    command = evaluate.add_parser("objects", help="6D poses against a data set in BOP's layout")
    command.add_argument("bop_dir", type=Path, help="data set (DIR/test/000000 …) or one scene folder")
    command.add_argument(
        "--masks",
        default="own",
        help="given: true visible masks with their labels; unnamed: without; own (default): the pipeline's",
    )
    command.add_argument("--track", action="store_true", help="follow the objects through each scene's video")
    command.add_argument("--json", type=Path, help="file the figures are written to")
    command.add_argument(
        "--peer-python",
        type=Path,
        help="python with Open3D and OpenCV's contributed modules: on the same masks",
    )
    command.add_argument("--csv", type=Path, help="file the poses are written to, as BOP's CSV")
    _add_config(command)
    command.set_defaults(run=_eval_objects)


def add_synth_objects(synth: Any) -> None:
    command = synth.add_parser("objects", help="objects in BOP's layout: test/000000 beside models/")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.add_argument("--seed", type=int)
    command.add_argument("--frames", type=int)
    command.add_argument("--scene", help="single, table (default), clutter, bin, static, video, hand_held")
    command.add_argument("--meshes", help="folder of meshes to use, too, e.g. pybullet_data")
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="any option, e.g. occlusion=0.3"
    )
    command.set_defaults(run=_synth_objects)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", required=True, help="folder of CAD files, or a YAML file that names them")
    parser.add_argument("--config", type=Path, help="YAML file of options, nested or dotted")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one option")


def _pipeline(parsed: argparse.Namespace):
    from pose_ros.config import load, parse, update
    from pose_ros.objects.pipeline import ObjectConfig, ObjectPipeline

    config = ObjectConfig() if parsed.config is None else load(ObjectConfig(), parsed.config)
    return ObjectPipeline(parse(update(config, {"models": parsed.models}), parsed.set))


def _objects(parsed: argparse.Namespace) -> None:
    from pose_ros.objects.export import export_objects
    from pose_ros.sources.source import open_source

    with open_source(parsed.source) as source:
        export_objects(source, _pipeline(parsed), parsed.out, parsed.frames, not parsed.no_track)


def _grasps(parsed: argparse.Namespace) -> None:
    from pose_ros.apps.grasp.export import export_grasps
    from pose_ros.apps.grasp.gripper import load_gripper
    from pose_ros.objects.model import load_models

    models = {label: (model.mesh, model.symmetries) for label, model in load_models(parsed.models).items()}
    for label, told in export_grasps(models, parsed.out, load_gripper(parsed.gripper)).items():
        print(f"{label}: {told}")


def _eval_objects(parsed: argparse.Namespace) -> None:
    from pose_ros.errors import ConfigError, unknown
    from pose_ros.eval.object_commands import run_eval_objects
    from pose_ros.eval.objects import MASKS, open_scenes

    if parsed.masks not in MASKS:
        raise ConfigError(unknown("masks", parsed.masks, MASKS))
    open_scenes(parsed.bop_dir)  # what is broken there is said before models are loaded
    paths = (parsed.json, parsed.csv)
    run_eval_objects(
        parsed.bop_dir,
        Path(parsed.models),
        _pipeline(parsed),
        parsed.masks,
        *paths,
        parsed.track,
        parsed.peer_python,
    )


def _synth_objects(parsed: argparse.Namespace) -> None:
    from pose_ros.config import parse, update
    from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, write_objects

    names = ("seed", "frames", "scene", "meshes")
    named = {name: value for name in names if (value := getattr(parsed, name)) is not None}
    config = parse(update(ObjectSceneConfig(), named), parsed.set)
    print(f"{write_objects(parsed.out, config)}: {config.frames} frames with poses, models beside it")
