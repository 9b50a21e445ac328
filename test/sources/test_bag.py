import struct

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from pose_ros.errors import SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.source import open_source

HEIGHT, WIDTH = 12, 16
CAMERA = PinholeCamera(20, 21, 7.5, 5.5, WIDTH, HEIGHT, "plumb_bob", (0.1, 0, 0, 0, 0))
COLOUR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
STORE = get_typestore(Stores.ROS2_JAZZY)
START, PERIOD = 1_700_000_000 * 10**9, 33_000_000


def message(name: str, **fields):
    return STORE.types[f"sensor_msgs/msg/{name}"](**fields)


def header(stamp_ns: int, frame_id: str = "color_optical"):
    types = STORE.types
    time = types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    return types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id)


def image(stamp_ns: int, pixels: np.ndarray, encoding: str, frame_id: str = "color_optical"):
    return message(
        "Image", header=header(stamp_ns, frame_id), height=pixels.shape[0], width=pixels.shape[1],
        encoding=encoding, is_bigendian=0, step=pixels[0].nbytes, data=pixels.view(np.uint8).ravel(),
    )  # fmt: skip


def compressed(stamp_ns: int, pixels: np.ndarray, format: str, prefix: bytes = b""):
    png = np.frombuffer(prefix + cv2.imencode(".png", pixels)[1].tobytes(), np.uint8)
    return message("CompressedImage", header=header(stamp_ns), format=format, data=png)


def camera_info(stamp_ns: int, camera: PinholeCamera = CAMERA):
    roi = message("RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    rectified = np.array([[18, 0, 7, 0], [0, 18, 5, 0], [0, 0, 1, 0]], float)
    return message(
        "CameraInfo", header=header(stamp_ns), height=camera.height, width=camera.width,
        distortion_model=camera.distortion_model, d=np.array(camera.distortion), k=camera.matrix.ravel(),
        r=np.eye(3).ravel(), p=rectified.ravel(), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def write(path, messages, plugin=StoragePlugin.MCAP):
    """messages: (topic, message) in the order of recording."""
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for n, (topic, content) in enumerate(messages):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, content.__msgtype__, typestore=STORE)
            data = STORE.serialize_cdr(content, content.__msgtype__)
            writer.write(connections[topic], START + n * 1_000_000, data)
    return path


def frames(count: int = 3) -> list[tuple[int, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        (
            START + n * PERIOD,
            rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
            rng.integers(0, 5000, (HEIGHT, WIDTH)).astype(np.uint16),
        )
        for n in range(count)
    ]


def recording(late_ns: int = 5_000_000, depth_frame: str = "color_optical", depth_step: int = 1):
    yield "/camera/color/camera_info", camera_info(START)
    yield "/camera/depth/camera_info", camera_info(START, PinholeCamera(9, 9, 1, 1, 4, 4))
    for stamp, rgb, depth in frames():
        yield COLOUR, image(stamp, rgb, "rgb8")
        smaller = np.ascontiguousarray(depth[::depth_step, ::depth_step])
        yield DEPTH, image(stamp + late_ns, smaller, "16UC1", depth_frame)


def check(source, count: int = 3) -> None:
    for _ in range(2):
        read = list(source)
        assert len(read) == len(source) == count
        for (stamp, rgb, depth), frame in zip(frames(), read, strict=False):
            assert (frame.stamp_ns, frame.frame_id) == (stamp, "color_optical")
            np.testing.assert_array_equal(frame.rgb, rgb)
            np.testing.assert_allclose(frame.depth, np.where(depth > 0, depth / 1000, np.nan), rtol=1e-6)


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_round_trip(tmp_path, plugin):
    bag = write(tmp_path / "bag", recording(), plugin)
    with open_source(str(bag)) as source:
        assert source.camera == CAMERA
        check(source)
    file = next(file for file in bag.iterdir() if file.suffix in (".mcap", ".db3"))
    with open_source(str(file)) as source:
        check(source)


def test_compressed_topics(tmp_path):
    def messages():
        yield "/cam/rgb/camera_info", camera_info(START)
        for stamp, rgb, depth in frames():
            bgr = np.ascontiguousarray(rgb[..., ::-1])
            yield "/cam/rgb/image_raw/compressed", compressed(stamp, bgr, "rgb8; png compressed bgr8")
            head = struct.pack("<iff", 0, 0, 0)
            yield (
                "/cam/depth/image/compressedDepth",
                compressed(stamp, depth, "16UC1; compressedDepth png", head),
            )

    with open_source(str(write(tmp_path / "bag", messages()))) as source:
        check(source)


def test_options_choose_topics(tmp_path):
    def messages():
        yield "/info", camera_info(START)
        for stamp, rgb, depth in frames():
            yield "/front", image(stamp, rgb, "rgb8")
            yield "/back", image(stamp, 255 - rgb, "rgb8")
            yield "/range", image(stamp, depth, "16UC1")

    bag = write(tmp_path / "bag", messages())
    with open_source(f"{bag}:image=/front,depth=/range,camera_info=/info") as source:
        check(source)
    with pytest.raises(SourceError, match=r"image.*/back, /front, /range"):
        open_source(str(bag))
    with pytest.raises(SourceError, match=r"depth topic /rang;.*/range"):
        open_source(f"{bag}:image=/front,depth=/rang,camera_info=/info")


def test_rectified_image_takes_the_projection_matrix(tmp_path):
    def messages():
        yield "/zed/rgb/camera_info", camera_info(START)
        for stamp, rgb, depth in frames():
            yield "/zed/rgb/image_rect_color", image(stamp, rgb, "rgb8")
            yield "/zed/depth/depth_registered", image(stamp, depth, "16UC1")

    with open_source(str(write(tmp_path / "bag", messages()))) as source:
        assert source.camera == PinholeCamera(18, 18, 7, 5, WIDTH, HEIGHT)


def test_frames_without_a_partner_are_left_out(tmp_path):
    def messages():
        for n, (topic, content) in enumerate(recording()):
            if n != 5:  # the second depth
                yield topic, content

    with open_source(str(write(tmp_path / "bag", messages()))) as source:
        stamps = [frame.stamp_ns for frame in source]
    assert stamps == [START, START + 2 * PERIOD]


def test_late_messages_are_found(tmp_path):
    """Depth that was recorded after several images still meets its own image."""
    messages = list(recording())
    images = [m for m in messages if m[0] == COLOUR]
    others = [m for m in messages if m[0] != COLOUR]
    with open_source(str(write(tmp_path / "bag", [*images, *others]))) as source:
        check(source)


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        (lambda: recording(late_ns=10**9), "within 20 ms"),
        (lambda: recording(depth_frame="depth_optical"), r"depth_optical.*not registered"),
        (lambda: recording(depth_step=2), r"8x6.*not registered"),
        (lambda: (m for m in recording() if "aligned" not in m[0]), "depth topic"),
        (lambda: (m for m in recording() if "info" not in m[0]), "camera_info"),
    ],
)
def test_unusable_bags_say_why(tmp_path, messages, word):
    with pytest.raises(SourceError, match=word):
        open_source(str(write(tmp_path / "bag", messages())))


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_truncated_bag(tmp_path, plugin):
    bag = write(tmp_path / "bag", recording(), plugin)
    file = next(file for file in bag.iterdir() if file.suffix in (".mcap", ".db3"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SourceError, match="bag"):
        list(open_source(str(bag)))


def test_broken_metadata(tmp_path):
    (tmp_path / "metadata.yaml").write_text("nonsense: [")
    with pytest.raises(SourceError, match="bag"):
        open_source(str(tmp_path))
    with pytest.raises(SourceError, match="does not exist"):
        open_source(str(tmp_path / "gone.mcap"))
