"""The loopback device: what another program would read there, and what is said without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import OutputError
from edgeseg.overlay import Painter
from edgeseg.sinks.loopback import LoopbackSink

SOURCE = Path(__file__).parent.parent / "rig" / "fakeloopback.c"
DEVICE = "/dev/video42"

# A picture that is green above, orange below; the second is of another size.
WRITE = """
import sys
import numpy as np
from edgeseg.errors import OutputError
from edgeseg.labels import STREET
from edgeseg.overlay import Painter
from edgeseg.segmenter import StageTimes
from edgeseg.sinks.loopback import LoopbackSink
from edgeseg.sources import Frame
from edgeseg.loop import FrameResult

painter = Painter(STREET.names, STREET.palette, alpha=0.0, legend=False)
try:
    with LoopbackSink(sys.argv[1], painter) as sink:
        for height, width in ((49, 64), (96, 128)):
            pixels = np.empty((height, width, 3), np.uint8)
            pixels[: height // 2], pixels[height // 2 :] = (20, 200, 40), (10, 120, 240)
            frame = Frame(0, pixels, 0.0, name="0")
            mask = np.zeros((height, width), np.uint8)
            sink.write(FrameResult(frame, mask, StageTimes(1, 2, 3), 4.0))
except OutputError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler; type: apt install gcc")
    path = tmp_path_factory.mktemp("rig") / "libfakeloopback.so"
    command = [compiler, "-O1", "-Wall", "-Werror", "-fPIC", "-shared", "-o", path, SOURCE, "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True)
    if "videodev2.h" in built.stderr:
        pytest.skip("needs the kernel's headers; type: apt install linux-libc-dev")
    assert built.returncode == 0, built.stderr
    return path


def write_with(library: Path, out: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    fake = {f"FAKELOOPBACK_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-c", WRITE, DEVICE],
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAKELOOPBACK_DEVICE": DEVICE,
            "FAKELOOPBACK_OUT": str(out),
            **fake,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def shown(data: bytes, code: str, width: int, height: int) -> np.ndarray:
    """What a program that reads the device makes of a picture, BGR."""
    raw = np.frombuffer(data, np.uint8)
    if code == "YUYV":
        return cv2.cvtColor(raw.reshape(height, width, 2), cv2.COLOR_YUV2BGR_YUYV)
    if code == "YU12":
        return cv2.cvtColor(raw.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420)
    pixels = raw.reshape(height, width, 3)
    return pixels[..., ::-1] if code == "RGB3" else pixels


@pytest.mark.parametrize(
    ("code", "picture_bytes"), [("YUYV", 2.0), ("YU12", 1.5), ("RGB3", 3.0), ("BGR3", 3.0)]
)
def test_pictures_arrive_in_the_format_that_the_device_takes(
    library: Path, tmp_path: Path, code: str, picture_bytes: float
) -> None:
    out = tmp_path / "pictures"
    done = write_with(library, out, FORMATS=code)
    assert done.returncode == 0, done.stderr
    data = out.read_bytes()
    one = int(64 * 48 * picture_bytes)
    assert len(data) == 2 * one
    for number in range(2):
        picture = shown(data[number * one : (number + 1) * one], code, 64, 48)
        assert np.abs(picture[5, 32] - np.array([20.0, 200, 40])).max() <= 4
        assert np.abs(picture[43, 32] - np.array([10.0, 120, 240])).max() <= 4


def test_a_device_that_insists_on_a_size_gets_it(library: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    assert write_with(library, out, FORMATS="YUYV", SIZE="32x32").returncode == 0
    assert out.stat().st_size == 2 * 32 * 32 * 2


def test_a_device_with_unknown_formats_only(library: Path, tmp_path: Path) -> None:
    done = write_with(library, tmp_path / "pictures", FORMATS="H264")
    assert done.returncode == 1
    assert "takes none of YUYV (it wants H264" in done.stderr


def test_a_camera_takes_no_pictures(library: Path, tmp_path: Path) -> None:
    done = write_with(library, tmp_path / "pictures", FORMATS="YUYV", CAMERA="1")
    assert "takes no pictures" in done.stderr
    assert "sudo modprobe v4l2loopback video_nr=42" in done.stderr


@pytest.mark.parametrize("device", ["/dev/video987", "/dev/null"])
def test_without_a_device_the_module_is_named(painter: Painter, device: str) -> None:
    with pytest.raises(OutputError, match="modprobe v4l2loopback"):
        LoopbackSink(device, painter)
