"""Real nodes over real DDS, apart from anything else on this machine: each run has its own domain."""

import importlib.util
import os
import socket
from pathlib import Path

DISTRIBUTED = importlib.util.find_spec("rclpy") is not None
collect_ignore_glob = [] if DISTRIBUTED else ["test_*.py"]


def pytest_report_header() -> str | None:
    return None if DISTRIBUTED else "test/ros is left out: no rclpy in this Python"


def _claim_domain() -> socket.socket:
    """A domain id no other test run on this machine has, held as long as the returned socket is open."""
    for domain in range(1, 100):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", 24000 + domain))
        except OSError:
            claim.close()
            continue
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        return claim
    raise RuntimeError("all ROS domains are taken by other test runs")


# Read when a message class is imported and when DDS starts: to be set before either.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(Path(__file__).parents[2] / "config" / "fastdds.xml")
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
_claim = _claim_domain()

if DISTRIBUTED:
    from harness import *  # noqa: F403  the fixtures
