"""Transitions of human_pose by its services, as a lifecycle manager makes them."""

from __future__ import annotations

import pytest
from harness import transforms
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from stand_in import scene
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.errors import ConfigError

HERE = (400, 200)


class Manager:
    """Calls the node's services and waits for the answers."""

    def __init__(self, peer) -> None:
        self.peer = peer
        self._change = peer.create_client(ChangeState, "/human_pose/change_state")
        self._state = peer.create_client(GetState, "/human_pose/get_state")
        self._set = peer.create_client(SetParameters, "/human_pose/set_parameters")

    def _call(self, client, request):
        self.peer.wait(client.service_is_ready, client.srv_name)
        answer = client.call_async(request)
        self.peer.wait(answer.done, f"an answer of {client.srv_name}")
        return answer.result()

    def __call__(self, transition: int) -> int:
        """The state after the transition."""
        self._call(self._change, ChangeState.Request(transition=Transition(id=transition)))
        return self.state

    @property
    def state(self) -> int:
        return self._call(self._state, GetState.Request()).current_state.id

    def set(self, name: str, value: object) -> str:
        """Empty, or the reason why not."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self._call(self._set, request).results[0]
        return "" if result.successful else result.reason


@pytest.fixture
def manager(peer):
    return Manager(peer)


def test_every_round_of_transitions_works_like_the_first(node, peer, camera, manager):
    started = node(autostart=False)
    heard = peer.listen(TFMessage, "/tf")
    assert manager.state == State.PRIMARY_STATE_UNCONFIGURED
    for _ in range(3):
        assert manager(Transition.TRANSITION_CONFIGURE) == State.PRIMARY_STATE_INACTIVE
        assert camera.image.get_subscription_count() == 0
        for _ in range(2):
            assert manager(Transition.TRANSITION_ACTIVATE) == State.PRIMARY_STATE_ACTIVE
            camera.wait_for_node()
            stamp = camera.shoot(*scene(HERE))
            peer.wait(lambda stamp=stamp: transforms(heard, stamp), "TF")
            assert manager(Transition.TRANSITION_DEACTIVATE) == State.PRIMARY_STATE_INACTIVE
            assert started.worker is None
            peer.wait(lambda: not camera.image.get_subscription_count(), "the end of the subscription")
        assert manager(Transition.TRANSITION_CLEANUP) == State.PRIMARY_STATE_UNCONFIGURED
        assert started.pipeline is None
        peer.wait(lambda: not peer.count_publishers("skeletons/markers"), "the end of the publishers")
    assert manager(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN) == State.PRIMARY_STATE_FINALIZED


@pytest.mark.parametrize("active", [True, False])
def test_shutdown_from_any_state_lets_go_of_everything(node, peer, camera, manager, active):
    started = node(autostart=False)
    manager(Transition.TRANSITION_CONFIGURE)
    if active:
        manager(Transition.TRANSITION_ACTIVATE)
    shutdown = Transition.TRANSITION_ACTIVE_SHUTDOWN if active else Transition.TRANSITION_INACTIVE_SHUTDOWN
    assert manager(shutdown) == State.PRIMARY_STATE_FINALIZED
    assert (started.pipeline, started.worker, started.input, started.output) == (None,) * 4


def test_people_are_taken_out_of_rviz_when_the_node_is_deactivated(node, peer, camera, manager):
    node()
    heard = peer.listen(MarkerArray, "skeletons/markers")
    camera.wait_for_node()
    peer.wait(lambda: peer.count_publishers("skeletons/markers"), "markers")
    camera.shoot(*scene(HERE))
    peer.wait(lambda: heard, "markers")
    manager(Transition.TRANSITION_DEACTIVATE)
    peer.wait(lambda: heard[-1].markers[0].action == Marker.DELETE, "deletion")
    assert {marker.ns for marker in heard[-1].markers} == {"body_p1"}


def test_missing_weights_leave_it_unconfigured_saying_why_and_can_be_mended(node, peer, camera, manager):
    node(weights=False)
    assert "pose_ros weights get stand_in" in peer.diagnosis("cannot be configured")
    assert manager.state == State.PRIMARY_STATE_UNCONFIGURED
    assert manager(Transition.TRANSITION_CONFIGURE) == State.PRIMARY_STATE_UNCONFIGURED
    assert manager.set("weights", True) == ""
    assert manager(Transition.TRANSITION_CONFIGURE) == State.PRIMARY_STATE_INACTIVE
    assert manager(Transition.TRANSITION_ACTIVATE) == State.PRIMARY_STATE_ACTIVE
    heard = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    stamp = camera.shoot(*scene(HERE))
    peer.wait(lambda: transforms(heard, stamp), "TF")


def test_an_inactive_node_says_that_it_waits(node, peer):
    node(autostart=False)
    peer.diagnosis("unconfigured: waits for a lifecycle transition")


class TestParameters:
    def test_start_with_an_unknown_name_is_refused_listing_the_known(self, node):
        with pytest.raises(ConfigError, match=r"unknown parameter 'slob'.*slop"):
            node(slob=0.1)

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("slop", 3.0, "slop is 3.0, must lie in \\[0.0, 1.0\\]"),
            ("slop", "wide", "slop takes float, got str"),
            ("image_transport", "theora", "'theora'; valid: raw, compressed"),
            ("device", "tpu", "'tpu'; valid: auto, cpu"),
            ("cost__seconds", -1.0, "cost.seconds is -1.0"),
        ],
    )
    def test_start_with_a_bad_value_is_refused_by_name(self, node, name, value, words):
        with pytest.raises(ConfigError, match=words):
            node(**{name: value})

    def test_a_whole_number_will_do_for_a_float(self, node):
        assert node(slop=1, autostart=False).get_parameter("slop").value == 1.0

    def test_every_parameter_is_described(self, node):
        started = node(autostart=False)
        about = {
            d.name: d for d in started.describe_parameters(["slop", "device", "cost.seconds", "autostart"])
        }
        assert "[s]" in about["slop"].description
        assert about["slop"].floating_point_range[0].to_value == 1.0
        assert about["device"].additional_constraints == "one of: auto, cpu"
        assert about["cost.seconds"].description.startswith("how long")
        assert about["autostart"].read_only
        assert not about["slop"].read_only

    def test_while_running_nothing_changes_and_the_reason_is_given(self, node, manager):
        running = node()
        assert "clean it up first" in manager.set("slop", 0.1)
        assert running.get_parameter("slop").value == 0.02

    def test_between_runs_values_change_and_bad_ones_are_refused(self, node, manager):
        started = node(autostart=False)
        assert manager.set("slop", 0.1) == ""
        assert "valid: raw, compressed" in manager.set("image_transport", "theora")
        assert "range" in manager.set("slop", 7.0)
        assert "read-only" in manager.set("autostart", False)
        assert manager.set("slob", 1.0) != ""
        manager(Transition.TRANSITION_CONFIGURE)
        manager(Transition.TRANSITION_ACTIVATE)
        assert started.input.sync.slop_ns == 100_000_000

    def test_a_process_refuses_by_name_and_ends(self, process):
        refused = process("-p", "slob:=0.1")
        assert refused.wait(60) == 1
        assert "unknown parameter 'slob'; valid: autostart" in refused.log
