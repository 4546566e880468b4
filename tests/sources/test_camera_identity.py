"""Which camera is taken when several are alike, or numbers have changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_camera import Rig

_OPEN = """
import json, sys
from pathlib import Path
from edgeseg.sources import v4l2
from edgeseg.sources.camera_grabber import CameraGrabber
from edgeseg.sources.grabber import GrabError
v4l2._BY_ID = Path(sys.argv[1])
try:
    grabber = CameraGrabber(**json.loads(sys.argv[2]))
    grabber.open()
    print(json.dumps(grabber.memory["identity"]))
except GrabError as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture
def links(rig: Rig, tmp_path: Path) -> Path:
    """Two cameras that differ in their places and in their paths by id."""
    folder = tmp_path / "by-id"
    folder.mkdir()
    rig.camera("a", bus="usb-1", node="/dev/video0")
    rig.camera("b", bus="usb-2", node="/dev/video2")
    (folder / "usb-serial-a").symlink_to("/dev/video0")
    (folder / "usb-serial-b").symlink_to("/dev/video2")
    return folder


def opened(links: Path, **options: object) -> Any:
    """Open a camera in a process that has the fake ones; returns who it is, or why it is not."""
    command = [sys.executable, "-c", _OPEN, str(links), json.dumps(options)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def test_a_camera_is_known_by_name_place_and_id(links: Path) -> None:
    by_id = str(links / "usb-serial-b")
    assert opened(links, device=by_id) == ["Fake Webcam", "usb-2", by_id]
    assert opened(links, device="/dev/video0")[1] == "usb-1"


def test_a_known_camera_is_found_under_any_number(links: Path) -> None:
    known = ["Fake Webcam", "usb-2", ""]
    assert opened(links, device="/dev/video0", identity=known)[1] == "usb-2"
    assert opened(links, device="/dev/video9", identity=known)[1] == "usb-2"


def test_a_known_camera_is_found_at_another_place(links: Path) -> None:
    known = ["Fake Webcam", "usb-7", str(links / "usb-serial-b")]
    assert opened(links, device="/dev/video0", identity=known)[1] == "usb-2"


def test_one_of_two_that_are_alike_is_not_guessed(links: Path) -> None:
    known = ["Fake Webcam", "usb-7", ""]
    said = opened(links, device="/dev/video0", identity=known)
    assert "Fake Webcam is gone; others are here: /dev/video0" in said


def test_the_only_one_alike_is_taken(rig: Rig, tmp_path: Path) -> None:
    rig.camera("a", bus="usb-1")
    rig.camera("b", card="Another", bus="usb-2", node="/dev/video1")
    known = ["Fake Webcam", "usb-7", ""]
    assert opened(tmp_path, device="/dev/video0", identity=known)[1] == "usb-1"
