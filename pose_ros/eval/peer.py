"""Peers to measure ourselves against, each in a process and an environment of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.errors import PoseError
from pose_ros.eval.timing import Cost

CHILD = Path(__file__).with_name("peer_child.py")


class PeerError(PoseError):
    """The peer's environment or process failed."""


class Peer:
    """A peer in a child process, waiting for frames; a context manager.

    python: interpreter of the environment that holds the peer (bench/requirements-peer.txt). arguments: as
    `child` takes them, by default `peer_child.py`. Raises PeerError where it does not start or dies.
    """

    def __init__(self, python: Path | str, *arguments: object, child: Path | None = None) -> None:
        command = [str(python), str(child or CHILD), *map(str, arguments)]
        # A file, not a pipe: nobody reads a talkative peer's pipe while it works.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the peer
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
            )
        except OSError as error:
            raise PeerError(f"cannot start {python}: {error}; `make bench` builds .venv-bench") from error
        self.versions: dict[str, str] = self._answer()

    def __call__(self, array: np.ndarray) -> tuple[Any, Cost]:
        """The peer's answer to a frame, and what it cost inside the peer's process."""
        header = json.dumps({"shape": array.shape, "dtype": str(array.dtype)})
        try:
            self._process.stdin.write(header.encode() + b"\n" + array.tobytes())
            self._process.stdin.flush()
        except OSError:
            pass  # it has died; reading its answer says of what
        answer = self._answer()
        return answer["result"], Cost(answer["wall_ms"], answer["cpu_ms"])

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            self._process.kill()
            self._process.wait()
            self._log.seek(0)
            why = self._log.read().decode(errors="replace").strip().splitlines()
            raise PeerError(f"the peer {' '.join(self._process.args)} has died: {' | '.join(why[-3:])}")
        return json.loads(line)
