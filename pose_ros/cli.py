"""The `pose_ros` command. Every command is one function; what it needs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pose_ros import __version__
from pose_ros.cli_demos import add_demos
from pose_ros.cli_estimators import add_compare, add_eval_estimators
from pose_ros.cli_export import add_export
from pose_ros.cli_motion import add_motion
from pose_ros.cli_objects import add_eval_objects, add_grasps, add_objects, add_synth_objects
from pose_ros.cli_train import add_train
from pose_ros.errors import ConfigError, PoseError

OBJECTS = "objects."  # what options of objects start with


def main(arguments: list[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        return parsed.run(parsed) or 0
    except PoseError as error:
        print(f"pose_ros: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pose_ros", description="People and objects in RGB-D images.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="a source and the nodes in one process, over real DDS")
    run.add_argument("--source", default="synthetic", help="where frames come from (default: %(default)s)")
    run.add_argument(
        "--objects",
        metavar="MODELS",
        help="run object_pose, too, with these CAD files; its options: --set objects.NAME=VALUE",
    )
    run.add_argument("--no-people", action="store_true", help="leave human_pose out")
    run.add_argument("--duration", type=float, help="seconds to run (default: until the source ends)")
    _add_config(run)
    run.set_defaults(run=_run)

    demo = commands.add_parser("demo", help="source and nodes over DDS: table, pictures, bag, accuracy")
    demo.add_argument("source", nargs="?", default="synthetic", help="where frames come from")
    demo.add_argument(
        "--objects", metavar="MODELS", help="run object_pose, too, with these CAD files (BOP: its own)"
    )
    demo.add_argument("--no-people", action="store_true", help="leave human_pose out")
    demo.add_argument("--out", type=Path, default=Path("demo_output"), help="folder to write")
    demo.set_defaults(run=_demo)
    add_demos(commands)

    people = commands.add_parser("people", help="people in a source without ROS: pictures and JSON")
    people.add_argument("source", help="RGB-D folder, video, webcam index, bag or synthetic:…")
    people.add_argument("--out", type=Path, required=True, help="folder to write")
    people.add_argument("--frames", type=int, help="stop after so many (a webcam never ends)")
    people.add_argument("--format", help="write every motion, too: bvh, gmr, smpl_24, openpose_25, …")
    _add_config(people)
    people.set_defaults(run=_people)
    add_compare(commands, _add_config, _config)
    add_objects(commands)
    add_grasps(commands)
    add_motion(commands)
    add_export(commands)
    add_train(commands)

    evaluate = commands.add_parser("eval", help="accuracy against truth").add_subparsers(required=True)
    keypoints = evaluate.add_parser("keypoints", help="2D key points against COCO annotations")
    keypoints.add_argument("coco_json", type=Path)
    keypoints.add_argument("image_dir", type=Path)
    eval_people = evaluate.add_parser("people", help="3D people against an RGB-D folder with truth.json")
    eval_people.add_argument("source", help="RGB-D folder with truth.json, or synthetic:…")
    for command, function in ((keypoints, _eval_keypoints), (eval_people, _eval_people)):
        command.add_argument("--json", type=Path, help="file the figures are written to")
        _add_config(command)
        command.set_defaults(run=function)
    add_eval_estimators(evaluate, _add_config, _config)
    add_eval_objects(evaluate)

    bench = commands.add_parser("bench", help="the speed table, each figure beside its peer's")
    bench.add_argument("--json", type=Path, help="file, or folder, the figures are written to")
    bench.add_argument("--peer-python", type=Path, help="python of an environment that has mediapipe")
    bench.set_defaults(run=_bench)

    weights = commands.add_parser("weights", help="the networks' files").add_subparsers(required=True)
    weights.add_parser("list", help="name, size, licence, whether it is here").set_defaults(run=_weights_list)
    get = weights.add_parser("get", help="download, verify, keep")
    get.add_argument(
        "names", nargs="*", default=["default"], help="names, 'default', 'hands', 'gaze' or 'all'"
    )
    get.set_defaults(run=_weights_get)
    weights.add_parser("where", help="the folder they are kept in").set_defaults(run=_weights_where)

    doctor = commands.add_parser("doctor", help="what is missing on this machine and how to mend it")
    doctor.set_defaults(run=_doctor)

    synth = commands.add_parser("synth", help="write synthetic scenes with exact truth")
    synth = synth.add_subparsers(required=True)
    synth_people = synth.add_parser("people", help="an RGB-D folder of people")
    synth_people.add_argument("--out", type=Path, required=True, help="folder to write")
    synth_people.add_argument("--seed", type=int, default=1)
    synth_people.add_argument("--frames", type=int, default=90)
    synth_people.add_argument("--people", type=int, default=2)
    synth_people.add_argument("--motion", default="mixed")
    synth_people.set_defaults(run=_synth_people)
    add_synth_objects(synth)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--estimator", help="family of human pose estimation (default: blazepose)")
    parser.add_argument("--config", type=Path, help="YAML file of options, nested or dotted")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one option, e.g. blazepose.variant=heavy",
    )


def _config(parsed: argparse.Namespace):
    from pose_ros.config import load, parse
    from pose_ros.human.pipeline import HumanConfig

    config = HumanConfig() if parsed.config is None else load(HumanConfig(), parsed.config)
    chosen = [f"estimator={parsed.estimator}"] if parsed.estimator else []
    return parse(config, chosen + parsed.set)


def _run(parsed: argparse.Namespace) -> int:
    from pose_ros.ros.compose import makers, run

    ours = [setting for setting in parsed.set if setting.startswith(OBJECTS)]
    parsed.set = [setting for setting in parsed.set if setting not in ours]
    objects = None
    if parsed.objects is not None:
        from pose_ros.config import parse, update
        from pose_ros.ros.object_pose_node import DEFAULTS

        settings = [setting.removeprefix(OBJECTS) for setting in ours]
        objects = parse(update(DEFAULTS, {"models": parsed.objects}), settings)
    elif ours or parsed.no_people:
        raise ConfigError("--no-people and options of objects need --objects MODELS")
    people = None if parsed.no_people else _config(parsed)
    return run(parsed.source, makers(people, objects), parsed.duration)


def _demo(parsed: argparse.Namespace) -> int:
    from pose_ros.ros.demo import demo

    return demo(parsed.source, parsed.out, parsed.objects, not parsed.no_people)


def _people(parsed: argparse.Namespace) -> None:
    from pose_ros.human.export import export_people
    from pose_ros.human.formats import check_format, write_formats
    from pose_ros.human.pipeline import HumanPipeline
    from pose_ros.sources.source import open_source

    if parsed.format:
        check_format(parsed.format)
    pipeline = HumanPipeline(_config(parsed))
    with open_source(parsed.source) as source:
        everyone = export_people(source, pipeline, parsed.out, parsed.frames)
    for written in write_formats(everyone, parsed.format, parsed.out) if parsed.format else ():
        print(written)


def _eval_keypoints(parsed: argparse.Namespace) -> None:
    from pose_ros.eval.commands import run_eval_keypoints

    run_eval_keypoints(parsed.coco_json, parsed.image_dir, _config(parsed), parsed.json)


def _eval_people(parsed: argparse.Namespace) -> None:
    from pose_ros.eval.commands import run_eval_people

    run_eval_people(parsed.source, _config(parsed), parsed.json)


def _bench(parsed: argparse.Namespace) -> None:
    import importlib.util

    from pose_ros.eval.bench import run_bench

    more_rows = []
    if importlib.util.find_spec("rclpy"):
        from pose_ros.ros.cost import ros_costs

        more_rows.append(ros_costs)
    run_bench(parsed.json, parsed.peer_python, more_rows=more_rows)


def _weights_list(parsed: argparse.Namespace) -> None:
    from pose_ros.weights import table

    print(table())


def _weights_get(parsed: argparse.Namespace) -> None:
    from pose_ros.weights import get, names_of

    for name in names_of(parsed.names):
        print(f"{name}: {get(name)}")


def _weights_where(parsed: argparse.Namespace) -> None:
    from pose_ros.weights import cache_dir

    print(cache_dir())


def _doctor(parsed: argparse.Namespace) -> int:
    from pose_ros.doctor import examine

    return examine()


def _synth_people(parsed: argparse.Namespace) -> None:
    from pose_ros.config import update
    from pose_ros.sources.synthetic.scene import SyntheticConfig, write_people

    names = ("seed", "frames", "people", "motion")
    config = update(SyntheticConfig(), {name: getattr(parsed, name) for name in names})
    write_people(parsed.out, config)
    print(f"{parsed.out}: {parsed.frames} frames with truth.json")
