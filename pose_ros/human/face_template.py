"""What a face is like, as far as it is rigid: measured by bench/fit_face_template.py on synthetic people."""

from __future__ import annotations

import numpy as np

# Points of MediaPipe's face mesh that grimaces move little: (right, its left twin): x y z of the left one in
# meshes, x y z of the skin that depth sees at its pixel, how much people differ in that skin's x. All in mm,
# in the head's frame: origin between the ears, x forward, y left, z up.
TEMPLATE_MM = {
    (4, 4): (120, 0, -16, 110, 0, -16, 11), (8, 8): (98, 0, 32, 100, 0, 32, 8),
    (10, 10): (93, 0, 72, 96, 0, 72, 9), (18, 18): (96, 0, -68, 100, 0, -67, 8),
    (31, 261): (77, 49, 10, 80, 47, 10, 9), (37, 267): (105, 7, -43, 105, 7, -42, 9),
    (46, 276): (82, 52, 31, 83, 50, 31, 10), (54, 284): (65, 60, 54, 63, 59, 54, 11),
    (64, 294): (101, 18, -24, 99, 18, -24, 10), (67, 297): (85, 35, 69, 88, 34, 69, 10),
    (71, 301): (66, 61, 38, 61, 61, 38, 11), (101, 330): (90, 33, -8, 88, 33, -8, 8),
    (103, 332): (75, 50, 63, 77, 48, 63, 10), (105, 334): (90, 40, 44, 91, 39, 44, 9),
    (108, 337): (95, 16, 57, 97, 16, 57, 9), (109, 338): (91, 19, 72, 94, 18, 71, 9),
    (123, 352): (70, 61, -13, 68, 59, -14, 10), (126, 355): (96, 17, -7, 95, 18, -7, 9),
    (135, 364): (69, 46, -64, 67, 45, -64, 11), (148, 377): (85, 12, -93, 86, 11, -91, 11),
    (150, 379): (68, 37, -79, 68, 35, -79, 13), (151, 151): (96, 0, 57, 98, 0, 56, 8),
    (156, 383): (71, 59, 25, 70, 58, 25, 11), (159, 386): (87, 32, 22, 91, 31, 22, 9),
    (185, 409): (94, 22, -50, 98, 21, -49, 9), (187, 411): (79, 51, -30, 77, 50, -30, 9),
    (192, 416): (72, 51, -45, 70, 50, -46, 10), (196, 419): (106, 5, 6, 97, 7, 5, 9),
    (204, 424): (88, 25, -66, 91, 24, -66, 9), (205, 425): (91, 38, -24, 88, 38, -25, 8),
    (216, 436): (90, 34, -40, 89, 34, -40, 8), (221, 441): (90, 17, 28, 97, 16, 28, 8),
    (231, 451): (87, 24, 6, 89, 23, 6, 8),
}  # fmt: skip
# How much farther a mesh is to be turned about the head's x, y, z, rad, by how far to the head's left (a) and
# above it (b) the camera is, rad: the network turns faces too little away from the usual view.
ROLL = (0.065, 0.022)  # a, a b
PITCH = (0.028, 0.229, -0.204)  # 1, b, a²
YAW = (0.014, 0.010)  # a, a b
MESH_DEPTH = 0.85  # the network draws faces deeper than they are

_PAIRS = [(side, pair, row) for pair, row in TEMPLATE_MM.items() for side in range(len(set(pair)))]
_MIRROR = np.array([[1, -1, 1, 1, -1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
_ROWS = np.array([np.array(row) * _MIRROR[side] for side, _, row in _PAIRS]) / 1e3
INDICES = np.array([pair[side] for side, pair, _ in _PAIRS])
TEMPLATE, SKIN, SPREAD = _ROWS[:, :3], _ROWS[:, 3:6], _ROWS[:, 6]
SELLION = np.array([0.098, 0.0, 0.020])  # m: where REP-155 has the origins of face and gaze
