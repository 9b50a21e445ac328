"""MCAP bags: read by others, and up to the last moment after a kill."""

import contextlib
import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

mcap = pytest.importorskip("mcap.reader")
from mcap.exceptions import McapError  # noqa: E402
from mcap.stream_reader import StreamReader  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402

from pose_ros.apps.record import bag as module  # noqa: E402
from pose_ros.apps.record.bag import BagConfig, BagTopic, BagWriter, notes_of  # noqa: E402
from pose_ros.apps.record.bag_repair import is_finished, repair  # noqa: E402
from pose_ros.apps.record.errors import RecordError  # noqa: E402

S = 10**9
TEXT = "string data\n"


def cdr(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + len(data).to_bytes(4, "little") + data


def write(folder, count=100, close=True, **options):
    writer = BagWriter(folder, notes={"task": "pick"}, **options)
    channels = [writer.add_topic(BagTopic(name, "std_msgs/msg/String", TEXT)) for name in ("/a", "/b")]
    for n in range(count):
        writer.write(channels[n % 2], S + n * S // 100, cdr(f"text {n}"), n)
    if close:
        writer.close()
    return writer


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_rosbags_and_mcap_read_all_of_it(tmp_path, compression):
    write(tmp_path / "one", config=BagConfig(compression=compression))
    with AnyReader([tmp_path / "one"]) as reader:
        got = [(c.topic, t, reader.deserialize(data, c.msgtype).data) for c, t, data in reader.messages()]
        assert reader.message_count == 100
        assert reader.duration == 99 * S // 100 + 1
    assert got == [("/ab"[0] + "ab"[n % 2], S + n * S // 100, f"text {n}") for n in range(100)]
    with (tmp_path / "one" / "one_0.mcap").open("rb") as file:
        messages = list(mcap.make_reader(file, validate_crcs=True).iter_messages())
    assert [(channel.topic, message.sequence) for _, channel, message in messages] == [
        ("/" + "ab"[n % 2], n) for n in range(100)
    ]
    assert messages[0][0].encoding == "ros2msg"
    assert notes_of(tmp_path / "one") == {"task": "pick"}
    assert repair(tmp_path / "one") is None


def test_metadata_is_there_from_the_start_and_renewed(tmp_path):
    now = [0.0]
    writer = write(tmp_path / "one", 10, close=False, clock=lambda: now[0])

    def told():
        content = yaml.safe_load((tmp_path / "one" / "metadata.yaml").read_text())
        return content["rosbag2_bagfile_information"]["message_count"]

    assert told() == 0
    now[0] = 1.0
    writer.tick()
    assert told() == 10
    writer.close()


def readable(file: Path) -> list[int]:
    """Sequence numbers an independent reader finds in an unfinished file."""
    found = []
    with file.open("rb") as stream, contextlib.suppress(McapError):
        for record in StreamReader(stream).records:
            if type(record).__name__ == "Message":
                found.append(record.sequence)
    return found


def test_what_is_older_than_the_flush_can_be_read_while_it_is_written(tmp_path):
    now = [0.0]
    writer = BagWriter(tmp_path / "one", BagConfig(flush=0.25), clock=lambda: now[0])
    channel = writer.add_topic(BagTopic("/a", "std_msgs/msg/String", TEXT))
    for n in range(200):
        now[0] = n / 100
        writer.write(channel, S + n * S // 100, cdr("x"), n)
        found = readable(tmp_path / "one" / "one_0.mcap")
        assert found == list(range(len(found)))
        assert n + 1 - len(found) <= 26
    writer.close()


KILLED = """
import os, signal, sys, time
sys.path[:0] = [sys.argv[2], sys.argv[3]]
from pathlib import Path
from test_record_bag import TEXT, cdr
from pose_ros.apps.record.bag import BagTopic, BagWriter
writer = BagWriter(Path(sys.argv[1]))
channel = writer.add_topic(BagTopic("/a", "std_msgs/msg/String", TEXT))
end = time.time_ns() + 1_200_000_000
n = 0
while time.time_ns() < end:
    writer.write(channel, time.time_ns(), cdr("x" * 500), n)
    print(n, time.time_ns(), flush=True)
    n += 1
    time.sleep(0.005)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_less_than_a_second(tmp_path):
    here = Path(__file__).parent
    code = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "one"), str(here), str(here.parents[2])],
        capture_output=True,
        text=True,
    )
    assert code.returncode == -signal.SIGKILL, code.stderr
    written = [line.split() for line in code.stdout.splitlines()]
    file = tmp_path / "one" / "one_0.mcap"
    assert not is_finished(file)
    before = readable(file)
    lost = (int(written[-1][1]) - int(written[len(before) - 1][1])) / 1e9
    assert 0 <= lost < 1.0
    assert repair(tmp_path / "one") == len(before)
    assert is_finished(file)
    with AnyReader([tmp_path / "one"]) as reader:
        assert reader.message_count == len(before)
    with file.open("rb") as stream:
        messages = [m.sequence for *_, m in mcap.make_reader(stream).iter_messages()]
    assert messages == before == list(range(len(before)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.77, 0.95])
def test_a_file_cut_off_anywhere_is_repaired(tmp_path, share):
    now = iter(range(10**6))
    write(tmp_path / "one", 400, clock=lambda: next(now) / 50)
    file = tmp_path / "one" / "one_0.mcap"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    count = repair(file)
    with AnyReader([tmp_path / "one"]) as reader:
        texts = [reader.deserialize(data, c.msgtype).data for c, _, data in reader.messages()]
    assert texts == [f"text {n}" for n in range(count)]
    assert notes_of(tmp_path / "one") == {"task": "pick"}


def test_a_full_disk_and_a_forbidden_folder_are_said(tmp_path, monkeypatch):
    with pytest.raises(RecordError, match="/proc/nowhere"):
        BagWriter(Path("/proc/nowhere/bag"))
    writer = write(tmp_path / "one", 10, close=False)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_metadata", full)
    with pytest.raises(RecordError, match="disk is full"):
        writer.close()


def test_what_is_no_bag_is_left_as_it_is(tmp_path):
    with pytest.raises(RecordError, match=r"no \.mcap"):
        repair(tmp_path)
    (tmp_path / "a.mcap").write_bytes(b"my diary")
    with pytest.raises(RecordError, match="no MCAP file"):
        repair(tmp_path / "a.mcap")
    assert (tmp_path / "a.mcap").read_bytes() == b"my diary"


def test_a_bag_that_is_being_written_is_not_repaired(tmp_path):
    writer = write(tmp_path / "one", close=False)
    writer.tick()
    writer._writer.flush()
    with pytest.raises(RecordError, match="being written"):
        repair(tmp_path / "one")
    writer.close()
    assert repair(tmp_path / "one") is None
