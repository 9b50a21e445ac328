"""Model cards: what trained weights are, what they saw, how they do. Read by people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pose_ros.human.training.checkpoint import Progress

if TYPE_CHECKING:
    from pose_ros.human.training.loop import Objective, TrainConfig


def write_card(
    path: Path,
    objective: Objective,
    config: TrainConfig,
    progress: Progress,
    data: str,
    learnt: int,
    held: int,
    finished: bool,
) -> None:
    count = sum(p.numel() for p in objective.network.parameters())
    figures = "\n".join(f"| {name} | {value:.4g} |" for name, value in progress.figures.items())
    how = "finished" if finished else "stopped before its budget was spent"
    path.write_text(f"""# {objective.name}

{objective.about}

- {count:,} parameters, stored as fp16; licence Apache-2.0.
- Trained by `pose_ros train {objective.name}`: {progress.step:,} steps of {config.batch} pictures in
  {progress.seconds / 60:.0f} minutes, seed {config.seed}, rate {config.rate:g}; {how}.
- Learnt from {learnt:,} pictures. {data}

On {held:,} pictures of the same kind that it did not learn from:

| figure | value |
|---|---|
{figures}
""")
