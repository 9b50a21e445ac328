"""Steps that run once, each with a log of its own and a line on the screen. Standard library only."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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
    """Runs the commands of one step; what they print goes to `log`, its last line to the terminal."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log, self._started = name, log, time.monotonic()

    def __call__(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Run the command to its end; CalledProcessError if it fails."""
        words = [str(word) for word in command]
        with self.log.open("ab") as file:
            options = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "env": environment}
            with subprocess.Popen(words, **options) as process:
                while process.poll() is None:
                    _show(f"{self.name} {self.seconds}  {''.join(self.tail(1)).strip()[:60]}")
                    time.sleep(0.1)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, words)

    @property
    def seconds(self) -> str:
        return f"{time.monotonic() - self._started:.0f} s"

    def tail(self, lines: int) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()[-lines:] if self.log.exists() else []


class Steps:
    """Runs what has not run yet; stamps and logs lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_done(self, step: Step) -> bool:
        stamp = self._file(step, "stamp")
        return stamp.is_file() and stamp.read_text() == step.digest

    def run(self, step: Step) -> None:
        """Run the step unless it is done; StepError if it fails."""
        if self.is_done(step):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        stamp, shell = self._file(step, "stamp"), Shell(step.name, self._file(step, "log"))
        stamp.unlink(missing_ok=True)
        shell.log.unlink(missing_ok=True)
        _show(f"{step.name} …")
        try:
            step.run(shell)
        except Exception as error:
            _show("")
            tail = "\n".join(f"    {line}" for line in shell.tail(TAIL))
            raise StepError(f"{step.name} failed: {error}\n{tail}\n  its whole log: {shell.log}") from error
        stamp.write_text(step.digest)
        _show(f"{step.name}: {shell.seconds}", end="\n")

    def _file(self, step: Step, suffix: str) -> Path:
        return self._folder / f"{step.name.replace(' ', '_')}.{suffix}"


def _show(text: str, end: str = "") -> None:
    """A line that the next one replaces unless it has an end; on no terminal only those that stay."""
    if sys.stdout.isatty():
        print(f"\r\033[K  {text[:110]}" if text else "\r\033[K", end=end, flush=True)
    elif end:
        print(f"  {text}", end=end, flush=True)
