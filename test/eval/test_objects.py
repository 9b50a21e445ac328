"""eval_objects with a stand-in that answers truth plus known errors."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from object_scene import COVARIANCE, StandIn, moved

from pose_ros.config import update
from pose_ros.errors import SourceError
from pose_ros.eval.object_cases import Judge
from pose_ros.eval.object_commands import run_eval_objects
from pose_ros.eval.object_tracks import eval_object_tracks
from pose_ros.eval.objects import eval_objects
from pose_ros.sources.bop import BOPScene, open_bop
from pose_ros.sources.bop_models import load_bop_models
from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, write_objects
from pose_ros.types import TrackState

KEYS = (
    "recall", "add_mm", "adds_mm", "add_recall_10", "ar_vsd", "ar_mssd", "ar_mspd", "ar", "false_positives",
    "score_auroc", "ece", "s_per_object",
)  # fmt: skip


def make(folder, **values):
    config = {"models": 4, "objects": 2, "width": 240, "height": 180, "seed": 3, "off_centre": 0.0}
    write_objects(folder, update(ObjectSceneConfig(), config | values), progress=False)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make(tmp_path_factory.mktemp("table"), scene="table", frames=3)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make(tmp_path_factory.mktemp("film"), scene="static", frames=6)


@pytest.fixture(scope="module")
def models(root):
    return load_bop_models(root / "models")


def figures(root, models, change=lambda key, one: one, masks="own"):
    return eval_objects(root, StandIn(root, change), models, masks, progress=False).figures


def test_the_truth_itself_is_perfect(root, models):
    result = figures(root, models)
    assert result["targets"] == result["estimates"] == 6
    assert result["absent"] == 6
    for key in ("recall", "add_recall_10", "ar_vsd", "ar_mssd", "ar_mspd", "ar", "ap_mssd"):
        assert result[key] == pytest.approx(1), key
    assert result["add_mm"] == pytest.approx(0, abs=1e-6)
    assert (result["wrong"], result["false_positives"], result["missing"]) == (0, 0, [])
    assert result["ece"] == pytest.approx(0.1)
    assert result["coverage_95"] == 1
    assert result["pictures"] == 3


def test_errors_are_as_large_as_they_were_made(root, models):
    result = figures(root, models, lambda key, one: moved(one, (0.002, 0, 0)))
    assert result["add_mm"] == pytest.approx(2, abs=0.05)
    assert result["translation_mm"] == pytest.approx(2)
    assert result["rotation_deg"] == pytest.approx(0, abs=1e-4)
    assert result["adds_mm"] <= 2
    assert result["recall"] == 1
    turned = figures(root, models, lambda key, one: moved(one, turn=(0, 0, np.radians(2))))
    assert turned["rotation_deg"] == pytest.approx(2, abs=0.05)
    assert turned["add_mm"] > 0.3


def test_what_is_wrong_missing_doubled_or_absent_counts_as_such(root, models):
    victim = min(labels_of(root, "000000"))
    times = sum(victim in labels_of(root, key) for key in keys(root))

    none = figures(root, models, lambda key, one: None if one.label == victim else one)
    assert none["recall"] == pytest.approx(1 - times / 6)
    assert len(none["missing"]) == times
    assert {one["object"] for one in none["missing"]} == {victim}
    assert none["objects"][victim]["recall"] == 0

    wrong = figures(root, models, lambda key, one: moved(one, (0.1, 0, 0)) if one.label == victim else one)
    assert (wrong["wrong"], wrong["false_positives"]) == (times, 0)
    assert wrong["recall"] == pytest.approx(1 - times / 6)
    assert wrong["add_mm_max"] == pytest.approx(100, rel=0.1)

    twice = figures(root, models, lambda key, one: [one, moved(one, (0.15, 0, 0), score=0.2)])
    assert (twice["wrong"], twice["recall"], twice["estimates"]) == (6, 1.0, 12)
    assert twice["score_auroc"] == 1
    assert twice["ece"] == pytest.approx(0.15)
    assert twice["ar_mssd"] == pytest.approx(1), "the better score is the right one"

    # Said to be another model in the same place.
    renamed = figures(
        root, models, lambda key, one: dataclasses.replace(one, label=absent_of(root, models, key))
    )
    assert renamed["recall"] == 0
    assert renamed["false_positives"] == 6
    assert renamed["false_positive_rate"] == pytest.approx(1)


def keys(root):
    return open_bop(root).keys()


def labels_of(root, key):
    return {truth.label for truth in open_bop(root).truth(key)}


def absent_of(root, models, key):
    return next(label for label in models if label not in labels_of(root, key))


def test_lost_objects_are_not_shown(root, models):
    result = figures(root, models, lambda key, one: dataclasses.replace(one, state=TrackState.LOST))
    assert (result["estimates"], result["recall"]) == (0, 0)
    assert np.isnan(result["add_mm"])
    assert np.isnan(result["score_auroc"])


def test_coverage_is_of_the_covariance(root, models):
    far = figures(root, models, lambda key, one: moved(one, (0.004, 0, 0)))
    assert far["coverage_95"] == 0, "four sigma"
    wide = figures(
        root,
        models,
        lambda key, one: dataclasses.replace(moved(one, (0.004, 0, 0)), covariance=9 * COVARIANCE),
    )
    assert wide["coverage_95"] == 1


@pytest.mark.parametrize(("masks", "named"), [("given", True), ("unnamed", False)])
def test_masks_are_given_as_asked_for(masks, named, root, models):
    stand_in = StandIn(root)
    eval_objects(root, stand_in, models, masks, progress=False)
    scene = BOPScene(root / "test" / "000000")
    assert [key for key, _ in stand_in.calls] == ["000000", *scene.keys()], "the first is detected twice"
    assert stand_in.resets == len(stand_in.calls), "pictures do not follow each other"
    for key, detections in stand_in.calls:
        np.testing.assert_array_equal(detections.mask, scene.masks(key))
        expected = [truth.label for truth in scene.truth(key)] if named else [""] * len(detections)
        assert list(detections.label) == expected


def test_own_masks_are_the_detectors_business(root, models):
    stand_in = StandIn(root)
    eval_objects(root, stand_in, models, "own", progress=False)
    assert all(detections is None for _, detections in stand_in.calls)


def test_objects_without_a_model_need_not_be_found(root, models):
    known = {label: model for label, model in models.items() if label != "obj_000001"}
    result = figures(root, known)
    assert result["targets"] == sum(len(labels_of(root, key) - {"obj_000001"}) for key in keys(root))
    assert result["recall"] == 1


def test_hidden_objects_need_not_be_found_but_may_be(root, models, tmp_path):
    import shutil

    shutil.copytree(root, tmp_path / "set")
    info = tmp_path / "set" / "test" / "000000" / "scene_gt_info.json"
    document = json.loads(info.read_text())
    document["0"][0]["visib_fract"] = 0.05
    info.write_text(json.dumps(document))
    said = figures(tmp_path / "set", models)
    assert (said["targets"], said["wrong"], said["false_positives"]) == (5, 0, 0)
    hidden = open_bop(tmp_path / "set").truth("000000")[0].label
    quiet = figures(
        tmp_path / "set", models, lambda key, one: None if (key, one.label) == ("000000", hidden) else one
    )
    assert quiet["recall"] == 1


def test_a_judge_measures_a_symmetric_object_modulo_its_symmetry():
    from pose_ros.sources.bop_models import BOPModel
    from pose_ros.sources.synthetic.objects import build, groups

    judge = Judge.of(
        BOPModel("can", build.revolve([(0, 0), (0.03, 0), (0.03, 0.1), (0, 0.1)]), groups.round_())
    )
    assert judge.diameter == pytest.approx(np.hypot(0.06, 0.1), rel=1e-3)
    assert len(judge.surface) == 1000


def test_command_prints_and_writes_everything(root, tmp_path, capsys):
    result = run_eval_objects(
        root, root / "models", StandIn(root), "own", tmp_path / "o" / "f.json", tmp_path / "o" / "f.csv"
    )
    shown = capsys.readouterr().out
    written = json.loads((tmp_path / "o" / "f.json").read_text())
    for key in KEYS:
        assert key in written
        assert all(key in of or key == "s_per_object" for of in written["objects"].values())
        assert key in shown
    assert written["device"] == "a stand-in"
    rows = list(csv.reader((tmp_path / "o" / "f.csv").open()))
    assert len(rows) == 1 + len(result.estimates) == 7


def test_what_cannot_be_evaluated_is_refused(root, models, tmp_path):
    with pytest.raises(SourceError, match="given, unnamed, own"):
        eval_objects(root, StandIn(root), models, "guessed")
    with pytest.raises(SourceError, match="no scene in BOP"):
        eval_objects(tmp_path, None, models)
    import shutil

    shutil.copytree(root, tmp_path / "set")
    (tmp_path / "set" / "test" / "000000" / "scene_gt.json").unlink()
    with pytest.raises(SourceError, match="no truth"):
        eval_objects(tmp_path / "set", None, models)


def tracks(film, change=lambda key, one: one):
    stand_in = StandIn(film, change)
    return eval_object_tracks(film, stand_in, load_bop_models(film / "models"), progress=False).figures


def test_a_perfect_track(film):
    result = tracks(film)
    assert result["adds_auc"] == pytest.approx(1)
    assert (result["id_switches"], result["flips"], result["lost"], result["first_right"]) == (0, 0, 0, 0)
    assert result["jitter_mm"] == pytest.approx(0, abs=1e-9)
    assert result["pictures"] == 12


def test_late_lost_and_renamed_tracks(film):
    label = sorted(labels_of(film, "000000"))[0]
    late = tracks(film, lambda key, one: None if one.label == label and key < "000002" else one)
    assert (late["first_right"], late["lost"], late["longest_loss"]) == (2, 0, 0)
    assert late["adds_auc"] == pytest.approx(10 / 12)
    assert late["adds_auc_since_found"] == pytest.approx(1)
    lost = tracks(film, lambda key, one: None if one.label == label and key in ("000002", "000003") else one)
    assert (lost["first_right"], lost["lost"], lost["longest_loss"]) == (0, 2, 2)
    renamed = tracks(
        film,
        lambda key, one: dataclasses.replace(one, id="else") if (one.label, key) > (label, "000003") else one,
    )
    assert renamed["id_switches"] >= 1


def test_a_turn_in_one_picture_is_two_flips_and_noise_is_none(film):
    label = sorted(labels_of(film, "000000"))[0]
    flipped = tracks(
        film, lambda key, one: moved(one, turn=(0, 0, 0.5)) if (key, one.label) == ("000003", label) else one
    )
    assert flipped["flips"] == 2
    trembling = tracks(film, lambda key, one: moved(one, (0.001 * (int(key) % 2), 0, 0), (0, 0, 0.02)))
    assert trembling["flips"] == 0
    assert trembling["jitter_mm"] == pytest.approx(1, rel=0.05)


def test_reports_read_as_tables(root, film, models):
    shown = str(eval_objects(root, StandIn(root), models, progress=False))
    assert all(label in shown for label in models)
    followed = str(eval_object_tracks(film, StandIn(film), load_bop_models(film / "models"), progress=False))
    assert "adds_auc" in followed
    assert "id_switches" in followed
