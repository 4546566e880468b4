"""What all tests share: the data folder, and what is left out where TensorFlow is absent."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["camera_fixtures"]  # of tests/rig

ROOT = Path(__file__).parent.parent

# Quiet before anything imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A busy machine is no failure; in CI the examples are the same in every run.
settings.register_profile(
    "edgeseg",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("edgeseg")

# Whoever starts the tests in the background may leave Ctrl-C ignored, for their children too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

HAS_TENSORFLOW = find_spec("tensorflow") is not None

# These folders test what the extra `convert` installs, and import it at the top of their files.
collect_ignore = [] if HAS_TENSORFLOW else ["fcn", "converters"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `convert` where TensorFlow is absent, as on a device."""
    if HAS_TENSORFLOW:
        return
    skip = pytest.mark.skip(reason="needs TensorFlow; type: pip install 'edgeseg[convert]'")
    for item in items:
        if item.get_closest_marker("convert"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with CamVid, videos and foreign models, which is not part of the repository."""
    folder = Path(os.environ.get("EDGESEG_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; EDGESEG_TEST_DATA names another folder")
    return folder
