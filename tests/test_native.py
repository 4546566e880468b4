"""The native core's own C++ tests: under the sanitizers, and on another processor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TESTS = ("-DEDGESEG_PYTHON=OFF", "-DEDGESEG_LIBRARY=OFF", "-DEDGESEG_TESTS=ON")

# The environment's own tools come first: it need not be activated.
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def need(*programs: str) -> None:
    """Skip the test where a program is not installed, and name it."""
    missing = [program for program in programs if shutil.which(program, path=TOOLS) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def sh(*command: str | Path) -> str:
    """Run a command; return its output, or fail with it."""
    program = shutil.which(str(command[0]), path=TOOLS) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, "PATH": TOOLS},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configure(folder: Path, *options: str) -> Path:
    sh("cmake", "-S", ROOT, "-B", folder, *TESTS, *options)
    return folder


def build(folder: Path, *options: str) -> Path:
    configure(folder, *options)
    sh("cmake", "--build", folder, "--parallel", "2")
    return folder


def test_the_native_core_is_clean_under_the_sanitizers(tmp_path: Path) -> None:
    """Its tests, and 30 seconds of the fuzz target."""
    need("c++", "cmake")
    options = ("-DCMAKE_BUILD_TYPE=Debug", "-DEDGESEG_SANITIZE=ON", "-DEDGESEG_FUZZ_SECONDS=30")
    build(tmp_path, *options)
    sh("ctest", "--test-dir", tmp_path, "--output-on-failure", "--no-tests=error")


def test_libfuzzer_finds_nothing(tmp_path: Path) -> None:
    """30 seconds of Clang's fuzzer, which sees which branches an input takes, under sanitizers."""
    need("clang++", "cmake")
    target = tmp_path / "empty.cc"
    target.write_text(
        "#include <cstddef>\n#include <cstdint>\n"
        'extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }\n'
    )
    flags = ("-fsanitize=fuzzer,address,undefined", target, "-o", tmp_path / "empty")
    if subprocess.run(["clang++", *flags], capture_output=True, check=False).returncode != 0:
        pytest.skip("this clang++ has no libFuzzer; Debian has it in libclang-rt-14-dev")
    options = (
        "-DCMAKE_CXX_COMPILER=clang++",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DEDGESEG_SANITIZE=ON",
        "-DEDGESEG_LIBFUZZER=ON",
    )
    folder = configure(tmp_path / "build", *options)
    sh("cmake", "--build", folder, "--parallel", "2", "--target", "fuzz")
    artifacts = f"-artifact_prefix={tmp_path}/"
    # libFuzzer takes its memory from getrusage, which counts the peak of whoever started it too
    # (here pytest's, gigabytes after tests that convert); so each allocation is limited instead.
    limits = ("-rss_limit_mb=0", "-malloc_limit_mb=2048")
    sh(folder / "fuzz", "-max_total_time=30", "-max_len=700", "-seed=1", *limits, artifacts)


def test_another_processor_gives_the_same_results(tmp_path: Path) -> None:
    """The tests pass on an emulated 64-bit ARM, and checksums of results are those of this one."""
    if platform.machine() == "aarch64":
        pytest.skip("this is a 64-bit ARM already")
    need("c++", "cmake", "aarch64-linux-gnu-g++")
    emulators = [name for name in ("qemu-aarch64-static", "qemu-aarch64") if shutil.which(name)]
    if not emulators:
        need("qemu-aarch64")
    toolchain = ROOT / "cmake" / "aarch64.cmake"
    arm = build(tmp_path / "arm", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}")
    sh("ctest", "--test-dir", arm, "--output-on-failure", "--no-tests=error")
    emulated = sh(emulators[0], "-L", "/usr/aarch64-linux-gnu", arm / "results")
    assert emulated.count("\n") > 50
    assert emulated == sh(build(tmp_path / "own") / "results")
