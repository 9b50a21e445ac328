"""What the tests of the estimators share."""

import pytest

from pose_ros.weights import names_of


@pytest.fixture(scope="session")
def default_weights(weights_of):
    """The default estimators' weights are here, or the test is skipped, saying why."""
    return [weights_of(name) for name in names_of(["default"])]
