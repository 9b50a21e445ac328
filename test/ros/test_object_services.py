"""~/detect, ~/add_model, ~/reset: what they do, and what they say when they do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from harness import transforms
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from stand_in_objects import box_mesh, boxes, broken
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

HERE, THERE = (400, 200), (100, 300)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Client:
    """Calls the node's services; while it waits for the answer, `shots` are published if there are any."""

    def __init__(self, peer, camera) -> None:
        self.peer, self.camera = peer, camera

    def ask(self, kind, name, request):
        client = self.peer.create_client(kind, f"/object_pose/{name}")
        self.peer.wait(client.service_is_ready, name)
        return client.call_async(request)

    def call(self, kind, name, request, shot=None):
        answer = self.ask(kind, name, request)

        def is_answered():
            if shot:
                self.camera.publish(shot)
                self.peer.spin_for(0.03)
            return answer.done()

        self.peer.wait(is_answered, f"an answer of {name}")
        return answer.result()

    def detect(self, shot=None, **values):
        request = SetParametersAtomically.Request(parameters=parameters(values))
        result = self.call(SetParametersAtomically, "detect", request, shot).result
        return result.successful, result.reason

    def add_model(self, values):
        request = SetParameters.Request(parameters=parameters(values))
        results = self.call(SetParameters, "add_model", request).results
        return [(result.successful, result.reason) for result in results]

    def reset(self):
        answer = self.call(Trigger, "reset", Trigger.Request())
        return answer.success, answer.message


def parameters(values):
    return [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]


@pytest.fixture
def client(peer, camera):
    return Client(peer, camera)


@pytest.fixture
def mesh_file(tmp_path):
    mesh, path = box_mesh(), tmp_path / "brick.obj"
    lines = [f"v {x} {y} {z}" for x, y, z in mesh.vertices * 1000]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.triangles]
    path.write_text("\n".join(lines))
    return path


class TestDetect:
    def test_searches_one_frame_and_tells_what_it_found(self, object_node, peer, camera, client):
        node = object_node(models="box,cup")
        tf = peer.listen(TFMessage, "/tf")
        camera.wait_for_node()
        successful, reason = client.detect(camera.messages(*boxes(HERE)))
        assert successful
        assert reason == "found box_1 (0.90); no cup: nothing in sight is of its size"
        searches = [call for call in node.pipeline.calls if call[0] == "detect"]
        assert searches == [("detect", None, None, None)]
        assert transforms(tf), "published before it is answered"

    def test_classes_and_region_reach_the_search(self, object_node, peer, camera, client):
        node = object_node(models="box,cup")
        camera.wait_for_node()
        shot = camera.messages(*boxes(HERE, THERE))
        successful, reason = client.detect(shot, classes=["box"], roi=[0, 200, 320, 480])
        assert (successful, reason) == (True, "found box_1 (0.90)")  # the other is not in the region
        assert ("detect", None, ("box",), (0, 200, 320, 480)) in node.pipeline.calls
        assert client.detect(shot, classes=["cup"]) == (False, "no cup: nothing in sight is of its size")

    def test_works_while_nobody_listens(self, object_node, peer, camera, client):
        node = object_node(publish_tf=False)
        camera.wait_for_node()
        before = len(node.pipeline.calls)
        assert client.detect(camera.messages(*boxes(HERE)))[0]
        assert [call[0] for call in node.pipeline.calls[before:]] == ["detect"]

    def test_nothing_found_tells_why(self, object_node, camera, client):
        object_node()
        camera.wait_for_node()
        assert client.detect(camera.messages(*boxes())) == (False, "no box: nothing blue is in sight")

    def test_pictures_of_before_are_not_searched(self, object_node, peer, camera, client):
        node = object_node(cost__seconds=0.5)
        camera.wait_for_node()
        camera.shoot(*boxes(HERE))
        camera.shoot(*boxes(HERE))  # waits in the worker
        peer.wait(lambda: node.input.sync.counts.paired == 2, "both pairs")
        successful, reason = client.detect(timeout=1.5)
        assert not successful
        assert "no picture within 1.5 s" in reason

    @pytest.mark.parametrize(
        ("publish", "words"),
        [
            ((), ("no camera_info", "no image", "no depth: nobody publishes /depth")),
            (("image", "info"), ("no depth: /depth has 1 publisher(s), but no message arrives",)),
            (("image", "depth"), ("no camera_info",)),
        ],
        ids=["nothing", "no depth", "no info"],
    )
    def test_no_frame_is_answered_with_the_reason_in_time(
        self, object_node, peer, camera, client, publish, words
    ):
        object_node()
        camera.wait_for_node()
        if not publish:
            for publisher in (camera.image, camera.depth, camera.info):
                peer.destroy_publisher(publisher)
        shot = camera.messages(*boxes(HERE))
        request = SetParametersAtomically.Request(parameters=parameters({"timeout": 0.7}))
        answer = client.ask(SetParametersAtomically, "detect", request)

        def is_answered():
            for name in publish:
                getattr(camera, name).publish(getattr(shot, name))
            peer.spin_for(0.05)
            return answer.done()

        peer.wait(is_answered, "the answer")
        result = answer.result().result
        assert not result.successful
        assert "no picture within 0.7 s" in result.reason
        for word in words:
            assert word in result.reason

    def test_the_executor_goes_on_while_a_search_is_under_way(self, object_node, peer, camera, client):
        node = object_node(cost__search=2.0)
        camera.wait_for_node()
        request = SetParametersAtomically.Request(parameters=parameters({"timeout": 0.5}))
        answer = client.ask(SetParametersAtomically, "detect", request)
        shot = camera.messages(*boxes(HERE))
        received = node.health.stream("image")
        counts = []

        def is_answered():
            camera.publish(shot)
            peer.spin_for(0.03)
            counts.append(received.count)
            return answer.done()

        peer.wait(is_answered, "the answer")
        assert "still searching after 0.5 s" in answer.result().result.reason
        assert counts[-1] > 2

    def test_a_mask_that_does_not_come_is_the_reason(self, object_node, camera, client):
        object_node(segmentation="mask")
        camera.wait_for_node()
        successful, reason = client.detect(camera.messages(*boxes(HERE)), timeout=1.0)
        assert not successful
        assert "no segments: nobody publishes /segments" in reason

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"classes": ["tea"]}, "unknown class 'tea'; valid: box"),
            ({"klasses": ["box"]}, "unknown parameter of detect 'klasses'; valid: classes, roi, timeout"),
            ({"roi": [1, 2, 3]}, "must be four whole numbers x0, y0, x1, y1"),
            ({"roi": [300, 0, 200, 100]}, "roi [300, 0, 200, 100] is empty"),
            ({"timeout": -1.0}, "timeout is -1.0, must be seconds in (0, 600]"),
            ({"timeout": "soon"}, "timeout is 'soon'"),
        ],
    )
    def test_a_bad_request_is_refused_at_once_naming_what_is_valid(self, object_node, client, values, words):
        object_node()
        successful, reason = client.detect(**values)
        assert not successful
        assert words in reason

    def test_a_region_outside_the_image_is_refused(self, object_node, camera, client):
        object_node()
        camera.wait_for_node()
        shot = camera.messages(*boxes(HERE))
        assert "lies outside the image of 640x480" in client.detect(shot, roi=[700, 0, 800, 100])[1]

    def test_several_requests_are_all_answered(self, object_node, peer, camera, client):
        object_node(models="box,cup")
        camera.wait_for_node()
        requests = [
            SetParametersAtomically.Request(parameters=parameters({"classes": [label]}))
            for label in ("box", "cup", "box")
        ]
        answers = [client.ask(SetParametersAtomically, "detect", request) for request in requests]
        shot = camera.messages(*boxes(HERE))

        def all_answered():
            camera.publish(shot)
            peer.spin_for(0.03)
            return all(answer.done() for answer in answers)

        peer.wait(all_answered, "three answers")
        assert [answer.result().result.successful for answer in answers] == [True, False, True]

    def test_an_inactive_node_says_so_and_one_that_stops_answers_who_waits(
        self, object_node, peer, camera, client
    ):
        object_node()
        request = SetParametersAtomically.Request(parameters=parameters({"timeout": 60.0}))
        answer = client.ask(SetParametersAtomically, "detect", request)
        peer.spin_for(0.3)
        change = peer.create_client(ChangeState, "/object_pose/change_state")
        peer.wait(change.service_is_ready, "change_state")
        down = Transition(id=Transition.TRANSITION_DEACTIVATE)
        change.call_async(ChangeState.Request(transition=down))
        peer.wait(answer.done, "an answer of a node that stops")
        assert "was deactivated" in answer.result().result.reason
        assert client.detect() == (False, "object_pose is inactive, it must be active")


class TestAddModel:
    def test_adds_models_while_running_and_tells_everybody(
        self, object_node, peer, camera, client, mesh_file
    ):
        node = object_node(models="")
        infos = peer.listen(String, "objects/models", LATCHED)
        tf = peer.listen(TFMessage, "/tf")
        camera.wait_for_node()
        assert client.add_model({"brick": str(mesh_file), "brick.unit": "mm"}) == [(True, ""), (True, "")]
        assert set(node.pipeline.models) == {"brick"}
        peer.wait(lambda: infos and "brick" in json.loads(infos[-1].data), "the new model, latched")
        np.testing.assert_allclose(json.loads(infos[-1].data)["brick"]["size"], [0.10, 0.06, 0.04])
        stamp = camera.shoot(*boxes(HERE))
        assert "brick_1" in peer.wait(lambda: transforms(tf, stamp), "TF of the new model")

    def test_one_result_for_each_parameter_with_the_reason(self, object_node, client, mesh_file, tmp_path):
        node = object_node()
        answers = client.add_model(
            {
                "bad": str(broken(tmp_path)),
                "brick": str(mesh_file),
                "brick.unit": "mm",
                "huge": str(mesh_file),
                "gone": "/nowhere/x.ply",
                "odd": str(mesh_file),
                "odd.up": "w",
                "alone.unit": "mm",
                "number": 3,
                "my/mug": str(mesh_file),
            }
        )
        assert [successful for successful, _ in answers] == [
            False, True, True, False, False, False, False, False, False, False
        ]  # fmt: skip
        reasons = [reason for _, reason in answers]
        for reason, words in zip(
            reasons,
            ("broken.obj", "", "", "mm", "does not exist", "valid: z, y, x", "valid: z, y, x",
             "no 'alone'", "must be the path", "cannot name a frame"),
            strict=True,
        ):  # fmt: skip
            assert words in reason
        assert set(node.pipeline.models) == {"box", "brick"}

    def test_a_broken_mesh_changes_nothing(self, object_node, peer, camera, client, tmp_path):
        object_node()
        tf = peer.listen(TFMessage, "/tf")
        camera.wait_for_node()
        ((successful, _),) = client.add_model({"bad": str(broken(tmp_path))})
        assert not successful
        stamp = camera.shoot(*boxes(HERE))
        peer.wait(lambda: transforms(tf, stamp), "TF as before")

    def test_an_inactive_node_takes_models_an_unconfigured_one_does_not(
        self, object_node, peer, client, mesh_file
    ):
        node = object_node(autostart=False)
        ((successful, reason),) = client.add_model({"brick": str(mesh_file)})
        assert not successful
        assert "is unconfigured, it must be active or inactive" in reason
        node.trigger_configure()
        assert client.add_model({"brick": str(mesh_file), "brick.unit": "mm"})[0] == (True, "")


class TestReset:
    def test_forgets_and_takes_markers_away(self, object_node, peer, camera, client):
        node = object_node()
        heard = peer.listen(MarkerArray, "objects/markers")
        camera.wait_for_node()
        peer.wait(lambda: peer.count_publishers("objects/markers"), "markers")
        camera.shoot(*boxes(HERE))
        peer.wait(lambda: heard, "markers")
        before = [call[0] for call in node.pipeline.calls].count("reset")
        assert client.reset() == (True, "all objects are forgotten; models are kept")
        assert [call[0] for call in node.pipeline.calls].count("reset") == before + 1
        peer.wait(lambda: len(heard) > 1, "deletion")
        assert {marker.action for marker in heard[-1].markers} == {Marker.DELETE}

    def test_an_unconfigured_node_says_so(self, object_node, client):
        object_node(autostart=False)
        assert client.reset() == (False, "object_pose is unconfigured, it must be active or inactive")
