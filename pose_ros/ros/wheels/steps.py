"""Steps that run once, side by side if they may, each with a log of its own. Standard library only."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

TAIL = 25  # lines of a log that are shown when its step fails


class StepError(Exception):
    """A step that failed, with what its log ends with."""


@dataclass(frozen=True)
class Step:
    """Something to do once for each `inputs`, the text of all that it depends on."""

    name: str
    inputs: str
    run: Callable[[Shell], None]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.inputs.encode()).hexdigest()


class Shell:
    """Runs the commands of one step; what they print goes to `log`."""

    def __init__(self, log: Path) -> None:
        self.log, self.started = log, time.monotonic()
        self._process: subprocess.Popen | None = None

    def __call__(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Run the command to its end; CalledProcessError if it fails."""
        words = [str(word) for word in command]
        with self.log.open("ab") as file:
            options = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "env": environment}
            self._process = subprocess.Popen(words, **options)
            if status := self._process.wait():
                raise subprocess.CalledProcessError(status, words)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()

    @property
    def seconds(self) -> str:
        return f"{time.monotonic() - self.started:.0f} s"

    def tail(self, lines: int) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()[-lines:] if self.log.exists() else []


class Steps:
    """Runs what has not run yet; stamps and logs lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_done(self, step: Step) -> bool:
        stamp = self._file(step, "stamp")
        return stamp.is_file() and stamp.read_text() == step.digest

    def run(self, *steps: Step) -> None:
        """Run those not done, at the same time; StepError, and the others are stopped, when one fails."""
        todo = {step: Shell(self._file(step, "log")) for step in steps if not self.is_done(step)}
        if not todo:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for step, shell in todo.items():
            self._file(step, "stamp").unlink(missing_ok=True)
            shell.log.unlink(missing_ok=True)
        with ThreadPoolExecutor(len(todo)) as threads:
            pending = {threads.submit(step.run, shell): step for step, shell in todo.items()}
            while pending:
                done, _ = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
                for future in done:
                    step = pending.pop(future)
                    if error := future.exception():
                        for shell in todo.values():
                            shell.stop()
                        _show("")
                        tail = "\n".join(f"    {line}" for line in todo[step].tail(TAIL))
                        raise StepError(
                            f"{step.name} failed: {error}\n{tail}\n  its whole log: {todo[step].log}"
                        ) from error
                    self._file(step, "stamp").write_text(step.digest)
                    _show(f"{step.name}: {todo[step].seconds}", end="\n")
                _show(" | ".join(_status(step, todo[step]) for step in pending.values()))

    def _file(self, step: Step, suffix: str) -> Path:
        return self._folder / f"{step.name.replace(' ', '_')}.{suffix}"


def _status(step: Step, shell: Shell) -> str:
    last = "".join(shell.tail(1)).rsplit("\r", 1)[-1].strip()  # a progress bar rewrites its line
    return f"{step.name} {shell.seconds} {last[:50]}"


def _show(text: str, end: str = "") -> None:
    """A line that the next one replaces unless it has an end; on no terminal only those that stay."""
    if sys.stdout.isatty():
        print(f"\r\033[K  {text[:110]}" if text else "\r\033[K", end=end, flush=True)
    elif end:
        print(f"  {text}", end=end, flush=True)
