"""Key points against COCO annotations: how similar, how many people found, how many invented."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from pose_ros.errors import SourceError
from pose_ros.eval import metrics, report
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

FOUND_OKS = 0.5  # COCO's loosest threshold: the estimate is of this person
INVENTED_OKS = 0.1  # an estimate less similar than this to everyone is of nobody


@dataclass(frozen=True)
class AnnotatedPeople:
    """The people annotated in one image.

    xy: (M,17,2) px, labelled: (M,17) bool, area: (M,) px² of the segment, box_xywh: (M,4) px,
    ids: annotation ids. A crowd or a person without key points is `ignored` (M,): it is there, so
    an estimate of it is no invention, but it cannot be scored.
    """

    file_name: str
    xy: np.ndarray
    labelled: np.ndarray
    area: np.ndarray
    box_xywh: np.ndarray
    ignored: np.ndarray
    ids: tuple[int, ...]

    def similarity(self, xy: np.ndarray) -> np.ndarray:
        """OKS (N,M) of estimates xy (N,17,2) px.

        Against an ignored person the distance is that outside its box enlarged threefold, as
        COCOeval.computeOks does.
        """
        distance = np.linalg.norm(xy[:, None] - self.xy, axis=-1)
        low = self.box_xywh[:, None, :2] - self.box_xywh[:, None, 2:]
        high = self.box_xywh[:, None, :2] + 2 * self.box_xywh[:, None, 2:]
        outside = np.maximum(low - xy[:, None], 0) + np.maximum(xy[:, None] - high, 0)
        unlabelled = ~self.labelled.any(-1)
        distance = np.where(unlabelled[:, None], np.linalg.norm(outside, axis=-1), distance)
        return metrics.oks_of_distance(distance, self.labelled | unlabelled[:, None], self.area)


def read_annotations(coco_json: Path) -> list[AnnotatedPeople]:
    """The people of every image of a COCO key-point file, joints found by the names it declares."""
    try:
        content = json.loads(Path(coco_json).read_text())
        (person,) = (c for c in content["categories"] if c["name"] == "person")
        order = [person["keypoints"].index(joint) for joint in COCO_17.joints]
        return [
            _annotated(
                image["file_name"],
                [
                    annotation
                    for annotation in content["annotations"]
                    if annotation["image_id"] == image["id"] and annotation["category_id"] == person["id"]
                ],
                order,
            )
            for image in content["images"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{coco_json} is no COCO key-point file: {error!r}") from error


def _annotated(file_name: str, annotations: list[dict[str, Any]], order: list[int]) -> AnnotatedPeople:
    points = np.array([a["keypoints"] for a in annotations], float).reshape(-1, len(order), 3)[:, order]
    labelled = points[..., 2] > 0
    crowd = np.array([bool(a["iscrowd"]) for a in annotations], bool)
    return AnnotatedPeople(
        file_name,
        points[..., :2],
        labelled,
        np.array([a["area"] for a in annotations], float),
        np.array([a["bbox"] for a in annotations], float).reshape(-1, 4),
        crowd | ~labelled.any(-1),
        tuple(a["id"] for a in annotations),
    )


def to_coco(keypoints: Keypoints2D) -> Keypoints2D:
    """The same people with COCO's 17 joints, found by name."""
    joints = keypoints.skeleton.indices(*COCO_17.joints)
    return Keypoints2D(keypoints.xy[:, joints], keypoints.score[:, joints], keypoints.box_xyxy, COCO_17)


@dataclass(frozen=True)
class KeypointReport:
    """oks_mean: over all annotated people, 0 for one without an estimate. ap, ar: COCO's, over ten
    OKS thresholds. detected: people whose own estimate reaches OKS 0.5. invented: estimates below
    OKS 0.1 with everyone, ignored people included. duplicates: the other estimates that are
    nobody's own. ms_per_image: mean, without the first of each size. people: one row a person."""

    estimator: str
    n_images: int
    n_people: int
    detected: int
    invented: int
    duplicates: int
    oks_mean: float
    ap: float
    ar: float
    ms_per_image: float
    people: list[dict[str, Any]]

    def __str__(self) -> str:
        rows = [[p["image"], p["annotation"], p["joints"], f"{p['oks']:.3f}"] for p in self.people]
        figures = dataclasses.asdict(self)
        return f"{report.table(['image', 'annotation', 'joints', 'OKS'], rows)}\n\n{report.figures(figures)}"


def eval_keypoints(coco_json: Path, image_dir: Path, estimator: Any) -> KeypointReport:
    """Run an estimator over the images, each on its own, and compare with the annotations.

    Raises SourceError where the file or an image cannot be read.
    """
    images = read_annotations(coco_json)
    similarity, score, milliseconds, sizes = [], [], [], set()
    for n, people in enumerate(tqdm(images, desc="images", unit="image")):
        rgb = _read_rgb(Path(image_dir) / people.file_name)
        if rgb.shape not in sizes:
            estimator.estimate(rgb, n)  # networks get ready for a new size
            sizes.add(rgb.shape)
        estimator.reset()  # the images are not a video
        start = time.perf_counter()
        keypoints = estimator.estimate(rgb, n)
        milliseconds.append(1e3 * (time.perf_counter() - start))
        keypoints = to_coco(keypoints)
        similarity.append(people.similarity(keypoints.xy))
        score.append(keypoints.score.mean(axis=-1))
    return score_keypoints(
        images, similarity, score, estimator=type(estimator).__name__, ms_per_image=np.mean(milliseconds)
    )


def score_keypoints(
    images: list[AnnotatedPeople],
    similarity: list[np.ndarray],
    score: list[np.ndarray],
    estimator: str,
    ms_per_image: float,
) -> KeypointReport:
    """The figures from the similarity (N,M) of each image's N estimates, with score (N,), to its M people."""
    rows, invented, duplicates = [], 0, 0
    for people, similar in zip(images, similarity, strict=True):
        to_find = np.flatnonzero(~people.ignored)
        own, person = linear_sum_assignment(similar[:, to_find], maximize=True)
        best = dict(zip(person.tolist(), similar[own, to_find[person]], strict=True))
        for m, at in enumerate(to_find):
            rows.append(
                {
                    "image": people.file_name,
                    "annotation": people.ids[at],
                    "joints": int(people.labelled[at].sum()),
                    "oks": float(best.get(m, 0.0)),
                }
            )
        false = _count_false(similar, own, people.ignored)
        invented, duplicates = invented + false[0], duplicates + false[1]
    similarities = np.array([row["oks"] for row in rows])
    ap, ar = metrics.average_precision(similarity, score, [people.ignored for people in images])
    return KeypointReport(
        estimator,
        len(images),
        len(rows),
        int(np.sum(similarities >= FOUND_OKS)),
        invented,
        duplicates,
        metrics.mean_known(similarities),
        ap,
        ar,
        float(ms_per_image),
        rows,
    )


def _count_false(similar: np.ndarray, own: np.ndarray, ignored: np.ndarray) -> tuple[int, int]:
    """(invented, duplicates) among estimates with similarity (N,M), of which `own` are a person's."""
    if not similar.size:
        return len(similar), 0
    invented = similar.max(axis=1) < INVENTED_OKS
    is_own = np.isin(np.arange(len(similar)), own)
    duplicate = ~invented & ~is_own & ~ignored[similar.argmax(axis=1)]
    return int(invented.sum()), int(duplicate.sum())


def _read_rgb(path: Path) -> np.ndarray:
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise SourceError(f"cannot read the image {path}")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
