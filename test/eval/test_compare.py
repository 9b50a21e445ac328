"""Estimators side by side, with stand-ins whose answers are known."""

import cv2
import numpy as np
import pytest

from pose_ros.cli import main
from pose_ros.errors import ConfigError, SourceError, WeightsError
from pose_ros.eval import compare as module
from pose_ros.eval.compare import compare
from pose_ros.human import estimators
from pose_ros.human.estimators import HumanEstimator
from pose_ros.human.estimators.estimator import About
from pose_ros.human.pipeline import HumanConfig
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D


class Nobody(HumanEstimator):
    about = About("sees nobody", "nobody's")
    skeleton = COCO_17

    def __init__(self, config, device):
        self.stage_ms = {"nothing": 1.0}

    def estimate(self, rgb, stamp_ns):
        return Keypoints2D.empty(COCO_17)


class Middle(Nobody):
    about = About("sees one person in the middle", "nobody's")

    def estimate(self, rgb, stamp_ns):
        height, width = rgb.shape[:2]
        xy = np.tile([[width / 2, height / 2]], (17, 1))[None] + np.arange(17)[None, :, None]
        mask = np.zeros((1, height, width), bool)
        mask[:, : height // 4] = True
        box = np.array([[0.0, 0, width, height]])
        return Keypoints2D(xy, np.ones((1, 17)), box, COCO_17, mask=mask)


class Broken(Nobody):
    def __init__(self, config, device):
        raise WeightsError("its weights are not here")


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    # Names of configs that exist; what is behind them here are stand-ins.
    names = {"blazepose": Nobody, "movenet": Middle, "openpose": Broken}
    for where in (estimators, module):
        monkeypatch.setattr(where, "ESTIMATORS", names)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, size in enumerate([(60, 80), (120, 160)]):
        cv2.imwrite(str(folder / f"{n}.jpg"), np.full((*size, 3), 90, np.uint8))
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_sheet_a_picture_and_a_table(pictures, tmp_path):
    compared = compare([pictures], [], HumanConfig(), tmp_path / "out")
    assert [path.name for path in compared.pictures] == ["0.jpg", "1.jpg"]
    assert {name: [len(a.keypoints) for a in given] for name, given in compared.answers.items()} == {
        "blazepose": [0, 0],
        "movenet": [1, 1],
    }
    assert compared.unable == {"openpose": "its weights are not here"}
    assert "openpose: could not run: its weights are not here" in str(compared)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    sheet = cv2.imread(str(tmp_path / "out" / "1.png"))
    assert sheet.shape == (module.TITLE_HEIGHT + 360, 2 * module.TILE_WIDTH, 3)
    # The first tile shows the bare picture, the second one a tinted mask and a skeleton.
    bare, drawn = sheet[module.TITLE_HEIGHT :, :480], sheet[module.TITLE_HEIGHT :, 480:]
    assert np.ptp(bare) <= 3
    assert np.ptp(drawn) > 30


def test_single_pictures_and_chosen_estimators(pictures, tmp_path):
    compared = compare([pictures / "1.jpg"], ["movenet"], HumanConfig(), tmp_path / "out")
    assert list(compared.answers) == ["movenet"]
    assert len(compared.pictures) == 1


def test_bad_input_is_named(pictures, tmp_path):
    with pytest.raises(ConfigError, match="blazepose, movenet"):
        compare([pictures], ["posnet"], HumanConfig(), tmp_path)
    with pytest.raises(SourceError, match="cannot read the picture"):
        compare([pictures / "2.jpg"], [], HumanConfig(), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no picture in"):
        compare([tmp_path / "empty"], [], HumanConfig(), tmp_path)


def test_the_command(pictures, tmp_path, capsys):
    arguments = ["compare", str(pictures), "--out", str(tmp_path / "o"), "--estimators", "movenet,blazepose"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "sees one person in the middle" in said
    assert main(["compare", str(pictures), "--estimators", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err
