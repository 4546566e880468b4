"""Masks of a kernel's camera driver: the commands as typed, in an emulated machine with `vivid`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import pytest
from vm.machine import HERE, Machine, RigMissingError, make_machine, run_inside

pytestmark = pytest.mark.slow

# Names the strongest colour of a picture; the driver's test picture is bars of all colours.
MODEL = Path(__file__).parent / "data" / "tiny-int8.tflite"
CYCLES = 10
TIMEOUT_S = 170

Report = Mapping[str, Any]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    cache = os.environ.get("EDGESEG_VM_CACHE")
    try:
        return make_machine(Path(cache) if cache else tmp_path_factory.mktemp("vm"))
    except RigMissingError as reason:
        pytest.skip(f"no emulated machine: {reason}")


@pytest.fixture(scope="module")
def work(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the guest left what it wrote, after one boot in which everything happened."""
    folder = tmp_path_factory.mktemp("work")
    command = [sys.executable, HERE / "vivid_guest.py", MODEL, str(CYCLES)]
    outcome = run_inside(machine, command, folder, timeout_s=TIMEOUT_S)
    assert outcome.code == 0, f"{outcome.output}\n{outcome.console}"
    return folder


@pytest.fixture(scope="module")
def report(work: Path) -> Report:
    return json.loads((work / "report.json").read_text())


def summary_of(run: Report) -> Report:
    assert run["end"]["summary"] is not None, run["end"]["stderr"]
    return run["end"]["summary"]


def test_masks_come_from_the_kernels_camera(work: Path, report: Report) -> None:
    assert report["by_number"]["first_s"] is not None
    masks = sorted((work / "by-number/masks").glob("*.png"))
    assert len(masks) > CYCLES
    for path in masks:
        mask = cv2.imread(str(path))
        assert mask is not None
        assert mask.shape == (480, 640, 3)
    shares = summary_of(report["by_number"])["coverage"]
    # White, yellow, cyan, green, magenta, red, blue, black: each colour is strongest somewhere.
    assert all(0.1 < share < 0.6 for share in shares.values())


@pytest.mark.parametrize("fault", ["disconnect", "fatal", "damaged", "dropped"])
def test_a_fault_of_the_driver_is_survived(fault: str, report: Report) -> None:
    assert report["by_number"][fault]["back_s"] is not None


def test_lost_buffers_cost_frames_and_no_more(report: Report) -> None:
    rates = report["by_number"]["dropped"]
    assert 0 < rates["halved"] < rates["whole"]


def test_every_replugged_camera_is_masked_again(report: Report) -> None:
    cycles = report["by_number"]["replugged"]
    assert len(cycles) == CYCLES
    assert all(cycle["back_s"] is not None for cycle in cycles)
    assert all(cycle["while_gone"] == 0 for cycle in cycles)


def test_a_camera_known_by_name_may_return_under_another_number(report: Report) -> None:
    moved, again = report["by_name"]["moved"], report["by_name"]["again"]
    assert moved["device"] == "/dev/video1"
    assert moved["back_s"] is not None
    assert again["back_s"] is not None


@pytest.mark.parametrize("run", ["by_number", "by_name"])
def test_every_captured_frame_is_accounted_for(run: str, report: Report) -> None:
    summary = summary_of(report[run])
    assert summary["captured"] == summary["frames"] + sum(summary["dropped"].values())


@pytest.mark.parametrize("run", ["by_number", "by_name"])
def test_the_run_ends_when_asked(run: str, report: Report) -> None:
    assert report[run]["end"]["code"] == 143
    assert "Traceback" not in report[run]["end"]["stderr"]


def test_the_camera_is_listed_with_its_modes(report: Report) -> None:
    listed = report["cameras"]
    assert listed["code"] == 0, listed["err"]
    assert "/dev/video0" in listed["out"] or "/dev/video1" in listed["out"]
    assert "vivid" in listed["out"]
    assert "YUYV" in listed["out"]
    assert "1280x720" in listed["out"]
