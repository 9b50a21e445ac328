"""DeepCut's models, fitted by bench/fit_deepcut.py; their features are in deepcut_options."""

from pose_ros.human.estimators.deepcut_costs import Model

# fmt: off
LEARNT = Model(
    heat=(3.19, 1.526),
    limb={
        "neck-shoulder": (-3.288, 2.544, 2.134, -1.878, -0.207),
        "shoulder-elbow": (-2.225, 3.264, 2.314, -1.919, -1.36),
        "elbow-wrist": (-2.449, 2.995, 2.304, -1.838, -0.628),
        "neck-hip": (-2.249, 3.955, 2.261, -0.825, -2.732),
        "hip-knee": (-2.336, 3.296, 2.536, -1.483, -1.885),
        "knee-ankle": (-2.677, 3.23, 2.691, -1.336, -1.093),
        "neck-nose": (-2.763, 2.888, 2.301, -2.863, -1.067),
        "nose-eye": (-3.652, 2.064, 1.212, -1.744, -0.001),
        "eye-ear": (-3.132, 2.077, 1.69, -2.563, -0.384),
        "shoulder-ear": (-2.331, 2.732, 2.14, -2.865, -1.229),
    },
    offset={
        "shoulder-shoulder": (2.269, -0.092, -3.665, -0.084),
        "hip-hip": (2.516, -1.035, -3.203, -1.622),
        "eye-eye": (2.538, -4.338, -2.89, 0.792),
        "ear-ear": (3.077, -4.254, 0.107, -0.467),
        "shoulder-hip": (1.484, 1.455, -1.781, 0.286),
    },
    usual={
        "neck-shoulder": 0.228,
        "shoulder-elbow": 0.532,
        "elbow-wrist": 0.432,
        "knee-ankle": 0.715,
        "neck-hip": 1.0,
        "hip-knee": 0.708,
        "neck-nose": 0.432,
        "nose-eye": 0.081,
        "eye-ear": 0.158,
        "shoulder-ear": 0.414,
    },
)
