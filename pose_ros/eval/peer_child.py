"""The other side of `peer.py`: runs somebody else's estimator in somebody else's environment.

    python peer_child.py mediapipe COMPLEXITY
    python peer_child.py litert FILE.tflite THREADS

Reads frames from stdin (a line of JSON {"shape", "dtype"}, then the bytes), answers each with a line of
JSON {"wall_ms", "cpu_ms", "result"}; the first line out says which versions are here. Time is taken
here, around the call alone. Imports nothing of pose_ros: this environment does not have it.
"""

import json
import os
import sys
import time

import numpy as np


def mediapipe(complexity):
    """MediaPipe's own pose graph, tracking one person; answers 33 x (x, y) px or None."""
    import mediapipe as mp

    pose = mp.solutions.pose.Pose(model_complexity=int(complexity), static_image_mode=False)

    def call(rgb):
        landmarks = pose.process(rgb).pose_landmarks
        if landmarks is None:
            return None
        # MediaPipe's 0 and 1 are the image's edges, not the centres of its outermost pixels.
        size = (rgb.shape[1], rgb.shape[0])
        return [[p.x * size[0] - 0.5, p.y * size[1] - 0.5] for p in landmarks.landmark]

    return call, {"mediapipe": mp.__version__}


def litert(path, threads):
    """A TFLite file in LiteRT, all of its outputs; the input (B,H,W,3) float32 goes in as it comes."""
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=int(threads))
    image = interpreter.get_input_details()[0]
    interpreter.allocate_tensors()

    def call(array):
        if tuple(interpreter.get_input_details()[0]["shape"]) != array.shape:
            interpreter.resize_tensor_input(image["index"], array.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(image["index"], array.astype(image["dtype"], copy=False))
        interpreter.invoke()

    return call, {"ai-edge-litert": version("ai-edge-litert")}


def main():
    # Libraries print to stdout as they please: the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind, *arguments = sys.argv[1:]
    call, versions = {"mediapipe": mediapipe, "litert": litert}[kind](*arguments)
    print(json.dumps(versions), file=answers, flush=True)
    while header := sys.stdin.buffer.readline():
        what = json.loads(header)
        size = np.dtype(what["dtype"]).itemsize * int(np.prod(what["shape"]))
        array = np.frombuffer(sys.stdin.buffer.read(size), what["dtype"]).reshape(what["shape"])
        wall, cpu = time.perf_counter(), time.process_time()
        result = call(array)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        answer = {"wall_ms": 1e3 * wall, "cpu_ms": 1e3 * cpu, "result": result}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
