"""The other side of `object_peers.py`: registers a segment's points with a model in somebody else's
library.

python object_peer_child.py open3d MODELS.npz python object_peer_child.py surface_matching MODELS.npz

MODELS.npz holds points_K and normals_K (P,3) m of model K. Reads messages from stdin as peer_child.py does:
an array (1 + N, 3) whose first row starts with K, the others being the segment's points (m, optical frame).
Answers with the pose, camera_from_object row by row (16), and a score. Imports nothing of pose_ros.
"""

import json
import os
import sys
import time

import numpy as np


def load(path):
    """K -> (points, normals, diameter), each model moved to its own middle, and the middles."""
    with np.load(path) as file:
        count = len([name for name in file.files if name.startswith("points_")])
        models = []
        for k in range(count):
            points, normals = file[f"points_{k}"], file[f"normals_{k}"]
            middle = (points.min(0) + points.max(0)) / 2
            models.append((points - middle, normals, float(np.ptp(points, axis=0).max()), middle))
    return models


def placed(pose, middle):
    """The pose of the model's own origin, from that of its middle."""
    pose = np.array(pose, float)
    pose[:3, 3] -= pose[:3, :3] @ middle
    return pose.ravel().tolist()


def open3d(path):
    """FPFH features, RANSAC over their matches, ICP point to plane: Open3D's global registration tutorial."""
    import open3d as o3d

    o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)
    registration = o3d.pipelines.registration

    def cloud(points, voxel, normals=None):
        made = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(np.asarray(points, float)))
        if normals is not None:
            made.normals = o3d.utility.Vector3dVector(np.asarray(normals, float))
        made = made.voxel_down_sample(voxel)
        if normals is None:
            made.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(2 * voxel, 30))
            made.orient_normals_towards_camera_location(np.zeros(3))
        search = o3d.geometry.KDTreeSearchParamHybrid(5 * voxel, 100)
        return made, registration.compute_fpfh_feature(made, search)

    models = load(path)
    ready = [cloud(points, size / 25, normals) for points, normals, size, _ in models]

    def call(array):
        k = int(array[0, 0])
        _, _, size, middle = models[k]
        voxel, (model, model_feature) = size / 25, ready[k]
        scene, scene_feature = cloud(array[1:], voxel)
        if len(scene.points) < 10:
            return None
        # The segment is part of the model, so it is the source: each of its points has a partner.
        coarse = registration.registration_ransac_based_on_feature_matching(
            scene, model, scene_feature, model_feature, False, 1.5 * voxel,
            registration.TransformationEstimationPointToPoint(False), 3,
            [registration.CorrespondenceCheckerBasedOnEdgeLength(0.9),
             registration.CorrespondenceCheckerBasedOnDistance(1.5 * voxel)],
            registration.RANSACConvergenceCriteria(100_000, 0.999),
        )  # fmt: skip
        fine = registration.registration_icp(
            scene, model, 1.0 * voxel, coarse.transformation,
            registration.TransformationEstimationPointToPlane(),
        )  # fmt: skip
        return placed(np.linalg.inv(fine.transformation), middle), float(fine.fitness)

    return call, {"open3d": o3d.__version__}


def surface_matching(path):
    """Point pair features (Drost et al. 2010) and ICP, as OpenCV's contributed modules have them."""
    import cv2

    ppf = cv2.ppf_match_3d
    # Its ICP diverges on lengths in metres.
    models = [(1e3 * points, normals, middle) for points, normals, _, middle in load(path)]
    detectors = []
    for points, normals, _ in models:
        # A model takes 0.5 s to train at this step, 10 s at 0.08, minutes at 0.05; ICP does the rest.
        detectors.append(ppf.PPF3DDetector(0.1, 0.05))
        detectors[-1].trainModel(np.hstack([points, normals]).astype(np.float32))
    icp = ppf.ICP(100, 0.005, 2.5, 8)

    def call(array):
        k = int(array[0, 0])
        if len(array) < 60:
            return None
        points = np.ascontiguousarray(1e3 * array[1:], np.float32)
        _, scene = ppf.computeNormalsPC3d(points, 12, True, (0, 0, 0))
        scene = scene[np.isfinite(scene).all(1)].astype(np.float32)
        results = detectors[k].match(scene, 0.2, 0.05)[:5]
        if not results:
            return None
        model = np.hstack(models[k][:2]).astype(np.float32)
        _, results = icp.registerModelToScene(model[::10], scene, results)
        best = min(results, key=lambda result: result.residual)
        pose = np.array(best.pose)
        pose[:3, 3] /= 1e3
        return placed(pose, models[k][2]), float(1 / (1 + best.residual))

    return call, {"opencv": cv2.__version__}


def main():
    # Libraries print to stdout as they please: the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind, *arguments = sys.argv[1:]
    call, versions = {"open3d": open3d, "surface_matching": surface_matching}[kind](*arguments)
    print(json.dumps(versions), file=answers, flush=True)
    while header := sys.stdin.buffer.readline():
        what = json.loads(header)
        size = np.dtype(what["dtype"]).itemsize * int(np.prod(what["shape"]))
        array = np.frombuffer(sys.stdin.buffer.read(size), what["dtype"]).reshape(what["shape"])
        wall, cpu = time.perf_counter(), time.process_time()
        result = call(array)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(
            json.dumps({"wall_ms": 1e3 * wall, "cpu_ms": 1e3 * cpu, "result": result}),
            file=answers,
            flush=True,
        )


if __name__ == "__main__":
    main()
