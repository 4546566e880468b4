"""`edgeseg cameras`: what it lists, and what it says where there is nothing."""

from __future__ import annotations

import json
import subprocess
import sys

from fake_camera import Rig


def cameras(*arguments: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, which the fake cameras need."""
    return subprocess.run(
        ["env", f"COLUMNS={columns}", sys.executable, "-m", "edgeseg", "cameras", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_cameras_are_listed_with_their_modes(rig: Rig) -> None:
    rig.camera(modes=["YUYV 640 480 30", "YUYV 640 480 15", "MJPG 640 480 60", "MJPG 1280 720 30"])
    rig.camera("meta", node="/dev/video1", metadata=True)
    rig.camera("second", node="/dev/video12", card="Second Camera", bus="usb-fake-2")
    listed = cameras()
    assert listed.returncode == 0
    first, second = listed.stdout.split("\n\n")
    assert first.startswith("/dev/video0  Fake Webcam\nfakev4l2 at usb-fake-1\n")
    rows = [line.split() for line in first.splitlines()[2:]]
    assert rows == [
        ["size", "YUYV", "fps", "MJPG", "fps"],
        ["640x480", "30,", "15", "60"],
        ["1280x720", "-", "30"],
    ]
    assert second.startswith("/dev/video12  Second Camera")
    assert "video1 " not in listed.stdout


def test_many_formats_do_not_hide_the_usual_ones(rig: Rig) -> None:
    odd = [f"{name} 640 480 30" for name in ("UYVY", "RGB3", "BGR3", "YV12", "NV21", "HSV3")]
    rig.camera(modes=[*odd, "YUYV 640 480 25"])
    rows = [line.split() for line in cameras().stdout.splitlines()[2:]]
    assert rows[0] == ["size", "UYVY", "fps", "RGB3", "fps", "BGR3", "fps", "YUYV", "fps"]
    assert rows[1] == ["640x480", "30", "30", "30", "25"]
    assert rows[2][:4] == ["and", "3", "formats", "more:"]


def test_json_has_every_mode(rig: Rig) -> None:
    rig.camera(modes=["NV12 640 480 60", "GREY 320 240 30"])
    (camera,) = json.loads(cameras("--json").stdout)
    assert camera["path"] == "/dev/video0"
    assert camera["by_id"] is None
    assert camera["modes"] == [
        {"format": "NV12", "size": [640, 480], "fps": [60.0]},
        {"format": "GREY", "size": [320, 240], "fps": [30.0]},
    ]


def test_without_a_camera_it_says_what_to_do(rig: Rig) -> None:
    rig.camera(plugged=False)
    none = cameras()
    assert none.returncode == 1
    assert "synthetic://street" in none.stderr
    assert json.loads(cameras("--json").stdout) == []
