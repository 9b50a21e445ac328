"""The one table of all estimators: what is counted, from answers that are known."""

import numpy as np
import pytest

from pose_ros.eval import families
from pose_ros.eval.families import match, score
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.skeleton import COCO_17
from pose_ros.sources.truth import PeopleTruth, PersonTruth
from pose_ros.types import Keypoints2D

CAMERA = PinholeCamera(500, 500, 319.5, 239.5, 640, 480)


class Scene:
    """A source of one frame with two people, of whom one stands half outside."""

    camera = CAMERA

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        body = rng.uniform((-0.3, -0.8, 2.8), (0.3, 0.8, 3.2), (17, 3))
        self.people = [body + (-0.8, 0, 0), body + (1.9, 0, 0)]
        self.pixels = [CAMERA.project(xyz) for xyz in self.people]
        self.inside = [((p > -0.5) & (p < (639.5, 479.5))).all(-1) for p in self.pixels]
        self.truth = PeopleTruth(
            {
                "00000": tuple(
                    PersonTruth(
                        n,
                        dict(zip(COCO_17.joints, xyz, strict=True)),
                        dict(zip(COCO_17.joints, map(bool, inside), strict=True)),
                    )
                    for n, (xyz, inside) in enumerate(zip(self.people, self.inside, strict=True))
                )
            }
        )

    def keys(self):
        return ["00000"]


def answer(*poses):
    xy = np.array(poses).reshape(-1, 17, 2)
    return Keypoints2D(xy, np.ones(xy.shape[:2]), np.zeros((len(xy), 4)), COCO_17)


@pytest.mark.parametrize("seed", range(3))
def test_perfect_answers_in_any_order(seed):
    scene = Scene(seed)
    assert 0 < scene.inside[1].sum() < 17
    figures = score([match(scene, [answer(scene.pixels[1], scene.pixels[0])])])
    assert (figures.people, figures.found, figures.invented) == (2, 2, 0)
    assert figures.pck == figures.pck_visible == 1


def test_a_person_who_was_missed_is_wrong_altogether():
    scene = Scene(1)
    figures = score([match(scene, [answer(scene.pixels[0])])])
    counted = [inside.sum() for inside in scene.inside]
    assert figures.found == 1
    assert figures.pck == pytest.approx(counted[0] / sum(counted))
    nothing = score([match(scene, [answer()])])
    assert (nothing.found, nothing.pck, nothing.invented) == (0, 0, 0)


def test_estimates_of_nobody_and_twice_of_somebody_are_false():
    scene = Scene(2)
    far = scene.pixels[0] + (0, 3000)
    figures = score([match(scene, [answer(far, *scene.pixels, scene.pixels[0] + 1)])])
    assert (figures.found, figures.invented) == (2, 2)
    assert figures.pck == 1


def test_a_witness_only_watches():
    class Counting:
        skeleton, stage_ms, resets = COCO_17, {"a": 1.0}, 0

        def estimate(self, rgb, stamp_ns):
            return answer(np.full((17, 2), stamp_ns))

        def reset(self):
            self.resets += 1

    estimator = Counting()
    witness = families.Witness(estimator)
    assert witness.estimate(None, 3) is witness.seen[0]
    witness.reset()
    assert estimator.resets == 1
    assert witness.stage_ms == {"a": 1.0}
