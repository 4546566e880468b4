"""The fixture `rig`: fake cameras for the processes that a test starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_camera import Rig, build, compiler


@pytest.fixture(scope="session")
def fake_v4l2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of fake cameras, compiled once."""
    if compiler() is None:
        pytest.skip("fake cameras need a C compiler; on Debian: apt install gcc libc6-dev")
    return build(tmp_path_factory.mktemp("fakev4l2"))


@pytest.fixture
def rig(fake_v4l2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Fake cameras for every process that is started from now on, and not for this one."""
    folder = tmp_path / "cameras"
    folder.mkdir()
    rig = Rig(fake_v4l2, folder)
    for name, value in rig.environment.items():
        monkeypatch.setenv(name, value)
    return rig
