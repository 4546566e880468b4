"""Opening a source by its name: what is recognised, and what is said when it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeseg.errors import SourceError
from edgeseg.sources import open_source


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
