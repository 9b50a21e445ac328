"""Run by a Python that has LeRobot: opens a data set with LeRobot's own loader, says what it found, as JSON.

python lerobot_reader.py ROOT [--arrays FILE.npz]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--arrays", type=Path, help="file for every column, one row a frame")
    parser.add_argument("--every", type=int, default=1, help="look at each n-th frame only")
    parsed = parser.parse_args()
    dataset = LeRobotDataset("local/set", root=parsed.root)
    columns: dict[str, list] = {}
    tasks = []
    for n in range(0, len(dataset), parsed.every):
        item = dataset[n]
        tasks.append(item.pop("task"))
        for name, value in item.items():
            if name in dataset.meta.video_keys:
                value = (value * 255).round().to(torch.uint8).permute(1, 2, 0)
            columns.setdefault(name, []).append(np.asarray(value))
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=False)
    batch = next(iter(loader))
    if parsed.arrays:
        np.savez(parsed.arrays, tasks=np.array(tasks), **{k: np.stack(v) for k, v in columns.items()})
    found = {
        "frames": len(dataset),
        "episodes": dataset.num_episodes,
        "fps": dataset.fps,
        "videos": list(dataset.meta.video_keys),
        "tasks": sorted(dataset.meta.tasks.index),
        "features": sorted(dataset.features),
        "stats": sorted(dataset.meta.stats),
        "batch": {name: list(value.shape) for name, value in batch.items() if hasattr(value, "shape")},
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
