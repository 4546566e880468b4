"""Clean installs: the wheel, a device without TensorFlow, tflite-runtime, no C++ compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.install

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "edgeseg": "edgeseg",
    "converters": "edgeseg/converters",
    "benchmarks": "edgeseg/benchmarks",
}
PACKED = {".py", ".pyi", ".typed", ".keras", ".tflite", ".md", ".html", ".css", ".js", ".svg"}
STREET = ("run", "--source", "synthetic://street", "--frames", "20")


def sh(*command: str | Path, cwd: str | Path = "/", **environment: str) -> str:
    """Run a command, away from the source tree; return its output, or fail with it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build_wheel(folder: Path, **environment: str) -> Path:
    sh(
        *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--no-cache-dir"),
        *("--wheel-dir", folder, "--config-settings", f"build-dir={folder / 'build'}", ROOT),
        **environment,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, *requirements: str) -> Path:
    """Make an environment with these requirements; return its folder of programs."""
    sh(sys.executable, "-m", "venv", folder)
    sh(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *requirements)
    return folder / "bin"


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def device(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain install, as on a device."""
    return make_environment(tmp_path_factory.mktemp("device") / "venv", str(wheel))


@pytest.fixture(scope="module")
def old_device(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A device with tflite-runtime alone, which needs a NumPy below 2 and so an OpenCV below 5."""
    folder = tmp_path_factory.mktemp("old") / "venv"
    programs = make_environment(folder, f"{wheel}[tflite-runtime]")
    sh(programs / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "ai-edge-litert")
    return programs


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = names_in(wheel)
    assert {name.split("/")[0] for name in names} == {"edgeseg", "edgeseg-0.1.0.dist-info"}
    expected = {
        f"{home}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, home in PACKAGES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in PACKED
    }
    assert expected <= names
    assert any(name.startswith("edgeseg/_native.") and name.endswith(".so") for name in names)


def test_a_device_has_no_tensorflow_and_runs(device: Path) -> None:
    installed = sh(device / "python", "-m", "pip", "list").lower()
    assert "tensorflow" not in installed
    assert "keras" not in installed
    assert "Usage" in sh(device / "edgeseg", "--help")
    assert "numpy, slower" not in sh(device / "edgeseg", "info")
    assert "20" in sh(device / "edgeseg", *STREET)
    assert "20" in sh(device / "python", "-m", "edgeseg", *STREET)


def test_a_device_passes_the_tests_of_the_device_side(device: Path) -> None:
    run_device_tests(device)


def test_tflite_runtime_is_taken_where_it_is_all_there_is(old_device: Path) -> None:
    assert "tflite-runtime 2.14" in sh(old_device / "edgeseg", *STREET)
    run_device_tests(old_device)


def test_without_a_compiler_the_numpy_path_is_installed(
    device: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pure")
    pure = build_wheel(folder, CC="/bin/false", CXX="/bin/false")
    assert pure.name == "edgeseg-0.1.0-py3-none-any.whl"
    sh(device / "python", "-m", "pip", "install", "--no-deps", "--target", folder / "site", pure)
    edgeseg = (device / "python", "-m", "edgeseg")
    assert "numpy, slower" in sh(*edgeseg, "info", PYTHONPATH=str(folder / "site"))
    assert "20" in sh(*edgeseg, *STREET, PYTHONPATH=str(folder / "site"))


def run_device_tests(programs: Path) -> None:
    """Run the default tests; those that need TensorFlow are left out by tests/conftest.py."""
    sh(programs / "python", "-m", "pip", "install", "--quiet", "pytest", "hypothesis", "pillow")
    # The tests are taken from the tree, the package from the environment: hence not from the root.
    report = sh(
        *(programs / "python", "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml"),
        *("-p", "no:cacheprovider", ROOT / "tests"),
        cwd=programs.parent,
    )
    assert " passed" in report
