"""Opening a source by its name: what is recognised, and what is said when it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeseg.errors import ConfigError, SourceError
from edgeseg.manifest import Size
from edgeseg.sources import SourceOptions, open_source


@pytest.mark.parametrize(
    ("uri", "device"),
    [
        ("0", "/dev/video0"),
        ("camera:2", "/dev/video2"),
        ("/dev/video7", "/dev/video7"),
        ("/dev/v4l/by-id/usb-cam", "/dev/v4l/by-id/usb-cam"),
    ],
)
def test_cameras_are_named_by_number_or_device(uri: str, device: str) -> None:
    source = open_source(uri)
    assert source.live
    assert source.name == device


@pytest.mark.parametrize("uri", ["nothing-here.mp4", "ftp://host/file", "/dev/null"])
def test_what_is_no_source_is_refused_with_the_kinds_there_are(uri: str) -> None:
    with pytest.raises(SourceError, match=r"synthetic://street"):
        open_source(uri)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(SourceError, match="Permission"):
            open_source(str(tmp_path))
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("rtsp://me:secret@cam/1", "rtsp://***@cam/1"),
        ("http://cam/video.mjpg?pwd=secret", "http://cam/video.mjpg?pwd=***"),
        ("gstreamer: videotestsrc", "gstreamer:videotestsrc"),
        ("picamera://1", "picamera://1"),
    ],
)
def test_streams_are_live_and_their_names_hold_no_password(uri: str, name: str) -> None:
    source = open_source(uri, SourceOptions(read_timeout_s=3.0, wait=True))
    assert source.live
    assert source.name == name
    assert source.status is not None
    assert source.status.state == "opening"


@pytest.mark.parametrize(
    ("uri", "options", "message"),
    [
        ("a.mp4", SourceOptions(fps=30, wait=True), "a file has no use for --camera-fps, --wait"),
        ("synthetic://street", SourceOptions(size=Size(9, 9)), "no use for --camera-size"),
        ("rtsp://cam", SourceOptions(exposure="auto"), "no use for --exposure"),
        ("0", SourceOptions(fps=0.0, exposure=-1), "--camera-fps is 0.0.*--exposure is -1"),
        ("0", SourceOptions(format="no such"), "--camera-format is 'no such', expected MJPG"),
    ],
)
def test_options_without_use_or_sense_are_refused(
    uri: str, options: SourceOptions, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_source(uri, options)
