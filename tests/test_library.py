"""The C library: installed into a prefix, found by CMake and pkg-config, used by C and C++."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.decode import Grid, decode
from edgeseg.manifest import Size
from edgeseg.overlay import overlay
from edgeseg.segmenter import Segmenter, locate

pytestmark = pytest.mark.install

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "native" / "example"
CELLS = (11, 15, 7)  # rows, columns, classes
FRAME = Size(333, 217)

# The environment's own tools come first: it need not be activated.
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def sh(*command: str | Path, **environment: str) -> str:
    """Run a command; return its output, or fail with it."""
    program = shutil.which(str(command[0]), path=TOOLS)
    if program is None:
        pytest.skip(f"no {command[0]}")
    done = subprocess.run(
        [program, *map(str, command[1:])],
        env={**os.environ, "PATH": TOOLS, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def install(folder: Path, *options: str) -> Path:
    """Configure and build for one prefix, install into another; return that one."""
    build, prefix = folder / "build", folder / "prefix"
    sh("cmake", "-S", ROOT, "-B", build, f"-DCMAKE_INSTALL_PREFIX={folder / 'other'}", *options)
    sh("cmake", "--build", build)
    sh("cmake", "--install", build, "--prefix", prefix)
    return prefix


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("shared"), "-DCMAKE_INSTALL_LIBDIR=lib")


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    return install(folder, "-DCMAKE_INSTALL_LIBDIR=lib", "-DBUILD_SHARED_LIBS=OFF")


def check_mask(program: Path, folder: Path, **environment: str) -> None:
    """Run the example `mask` on random scores; its picture is what Python's decode says."""
    scores = np.random.default_rng(0).integers(-128, 128, CELLS).astype(np.int8)
    (folder / "scores.raw").write_bytes(scores.tobytes())
    sizes = [str(number) for number in (*CELLS, *FRAME)]
    said = sh(program, folder / "scores.raw", *sizes, folder / "mask.pgm", **environment)
    assert said.endswith(" kernels\n")
    grid = Grid(CELLS[1] / FRAME.width, CELLS[0] / FRAME.height)
    mask = cv2.imread(str(folder / "mask.pgm"), cv2.IMREAD_UNCHANGED)
    assert (mask == decode(scores, FRAME, grid)).all()


def test_the_library_exports_what_its_header_declares(shared: Path) -> None:
    header = (shared / "include" / "edgeseg.h").read_text()
    declared = set(re.findall(r"EDGESEG_API [\w* ]*?(edgeseg_\w+)\(", header))
    listed = sh("nm", "-D", "--defined-only", shared / "lib" / "libedgeseg.so")
    assert {line.split()[-1] for line in listed.splitlines()} == declared


def test_its_version_is_the_projects(shared: Path) -> None:
    version = sh("pkg-config", "--modversion", "edgeseg", PKG_CONFIG_PATH=pc(shared)).strip()
    assert version == metadata.version("edgeseg")
    assert (shared / "lib" / f"libedgeseg.so.{version}").is_file()


def test_pkg_config_finds_the_shared_library(shared: Path, tmp_path: Path) -> None:
    check_mask(compiled(shared, tmp_path), tmp_path, LD_LIBRARY_PATH=str(shared / "lib"))


def test_pkg_config_finds_the_static_library(static: Path, tmp_path: Path) -> None:
    check_mask(compiled(static, tmp_path), tmp_path)


def compiled(prefix: Path, folder: Path) -> Path:
    """Compile the example `mask` as strict C99, by the flags that pkg-config gives."""
    flags = sh("pkg-config", "--cflags", "--libs", "edgeseg", PKG_CONFIG_PATH=pc(prefix)).split()
    strict = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    program = folder / "mask"
    sh("cc", *strict, EXAMPLE / "mask.c", "-o", program, *flags)
    return program


def pc(prefix: Path) -> str:
    return str(prefix / "lib" / "pkgconfig")


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_cmake_finds_it(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    prefix = request.getfixturevalue(kind)
    sh("cmake", "-S", EXAMPLE, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    sh("cmake", "--build", tmp_path)
    check_mask(tmp_path / "mask", tmp_path)


def test_a_program_runs_a_network_by_litert(shared: Path, tmp_path: Path) -> None:
    """The example `segment` lays the mask of a network over a frame, as Python does."""
    litert = importlib.util.find_spec("ai_edge_litert")
    if litert is None or litert.origin is None:
        pytest.skip("no ai-edge-litert")
    folder = Path(litert.origin).parent
    if not (folder / "libLiteRt.so").is_file():
        pytest.skip("this ai-edge-litert brings no libLiteRt.so")
    options = (f"-DCMAKE_PREFIX_PATH={shared}", f"-DLITERT_DIR={folder}")
    sh("cmake", "-S", EXAMPLE, "-B", tmp_path, *options)
    sh("cmake", "--build", tmp_path)
    frame = cv2.imread(str(ROOT / "tests" / "data" / "street.png"))
    cv2.imwrite(str(tmp_path / "frame.ppm"), frame)
    model = locate("fcn8")
    sh(tmp_path / "segment", model, tmp_path / "frame.ppm", tmp_path / "blended.ppm")
    with Segmenter(model, threads=1, runtime="litert") as segmenter:
        mask = segmenter.segment(frame).mask
    palette = [tuple(index * (37 + 50 * c) % 256 for c in range(3)) for index in range(256)]
    expected = overlay(frame, mask, palette, 0.5)
    blended = cv2.imread(str(tmp_path / "blended.ppm"))
    assert (blended == expected).all()
