"""A minute of a camera three times as fast as the model: the model's rate, and nothing that grows.

`python -m edgeseg.benchmarks.faults soak fresh` measures the same for longer, without slack.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from fake_camera import Rig

from edgeseg import zoo
from edgeseg.benchmarks.faults import soak
from edgeseg.benchmarks.faults.cameras import fresh
from edgeseg.benchmarks.faults.finding import Finding
from edgeseg.benchmarks.faults.rigs import DEVICE
from edgeseg.benchmarks.making import file_of
from edgeseg.benchmarks.variants import parse_variant

pytestmark = [pytest.mark.slow, pytest.mark.convert]

# Machines for tests are noisy. The model has its turns between the run's, but turns of seconds.
SLACK = 2
SECONDS = 60.0


@pytest.fixture(scope="module")
def model() -> Path:
    """A network that takes about 100 ms of a core, made of one of the zoo's."""
    return file_of(parse_variant(soak.MODEL, zoo.names()), lambda _: None)


@pytest.fixture
def findings(model: Path, rig: Rig, tmp_path: Path) -> Mapping[str, Finding]:
    rig.camera(modes=[f"YUYV 640 480 {soak.FPS:.0f}"])
    found = soak.soak(
        tmp_path / "run",
        model,
        DEVICE,
        seconds=SECONDS,
        warm_up_s=SECONDS / 3,
        environment=rig.environment,
    )
    return {finding.what: finding for finding in found}


def test_a_long_run_keeps_the_models_rate_and_holds_on_to_nothing(
    findings: Mapping[str, Finding],
) -> None:
    share = next(finding for what, finding in findings.items() if "share" in what)
    assert share.worst is not None
    assert share.worst >= 100 - SLACK * (100 - share.limit), share
    for what, finding in findings.items():
        if finding is not share:
            assert finding.holds, (what, finding)


def test_masks_of_a_slow_model_are_as_fresh_as_can_be(model: Path, tmp_path: Path) -> None:
    (age,) = fresh(tmp_path, model, seconds=10.0)
    assert age.worst is not None
    assert age.worst < SLACK * age.limit, age
