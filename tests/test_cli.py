"""The frame of the command line: lazy commands, one line per error, real exit codes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import cv2
import pytest

from edgeseg import cli, kernels
from edgeseg.cli import main
from edgeseg.cli._common import SIZE
from edgeseg.environment import edgeseg_version
from edgeseg.errors import DataError, GateError
from edgeseg.manifest import Size
from edgeseg.runtimes import available

DATA = Path(__file__).parent / "data"

Run = Callable[[BaseException | None], int]


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command that raises what it is given."""

    def run(error: BaseException | None) -> int:
        @click.command()
        def probe() -> None:
            if error is not None:
                raise error

        module = ModuleType("edgeseg_test_probe")
        module.probe = probe  # type: ignore[attr-defined]  # made up right here
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(cli._COMMANDS, "probe", (module.__name__, "For a test."))
        return main(["probe"])

    return run


def edgeseg(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeseg", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "EDGESEG_DEBUG": ""},
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    for name in ("convert", "run", "bench", "train", "info"):
        assert f"\n  {name} " in shown


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from edgeseg.cli import main; code = main(['--help']); "
        "heavy = {'numpy', 'cv2', 'rich', 'edgeseg.cli.info', 'edgeseg.runtimes', 'tensorflow'}; "
        "sys.exit(code or ', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_listed_command_is_there() -> None:
    for name in cli._COMMANDS:
        assert main([name, "--help"]) == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"edgeseg {edgeseg_version()}\n"


def test_an_error_of_edgeseg_is_one_line_with_its_exit_code(
    run_raising: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(DataError("no masks in x;\n put some there")) == 2
    assert capsys.readouterr() == ("", "edgeseg: error: no masks in x; put some there\n")
    assert run_raising(GateError("agreement 0.5")) == 3


def test_success_is_zero(run_raising: Run) -> None:
    assert run_raising(None) == 0


def test_an_interruption_is_130(run_raising: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_raising(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.strip() == "edgeseg: interrupted"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "not enough memory"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out.mp4"),
            "no space left on the device",
        ),
    ],
)
def test_a_machine_that_is_full_is_one_line(
    error: Exception, expected: str, run_raising: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(error) == 2
    assert expected in capsys.readouterr().err


def test_opencvs_own_lack_of_memory_is_recognised(
    run_raising: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    error = cv2.error("Failed to allocate 99 bytes")
    error.code = -4  # StsNoMem
    assert run_raising(error) == 2
    assert "not enough memory" in capsys.readouterr().err


def test_a_bug_is_one_line_that_says_so(
    run_raising: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESEG_DEBUG", raising=False)
    assert run_raising(ZeroDivisionError("division by zero")) == 70
    line = capsys.readouterr().err
    assert line.startswith("edgeseg: error: ZeroDivisionError: division by zero (")
    assert ".py:" in line
    assert line.endswith("this is a bug in edgeseg, please report it\n")
    assert line.count("\n") == 1


def test_debugging_adds_the_traceback(
    run_raising: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_DEBUG", "1")
    assert run_raising(ZeroDivisionError()) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fly"], "No such command 'fly'"),
        (["--fast"], "--fast"),
        (["info", "--threads", "0"], "--threads"),
        (["info", "x.tflite", "--input-size", "12"], "expected for example 480x352"),
        (["info", "nowhere.tflite"], "no model file nowhere.tflite"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("edgeseg: error: ")
    assert expected in shown.err
    assert shown.err.count("\n") == 1


def test_sizes_are_width_first() -> None:
    assert SIZE.convert("480x352", None, None) == Size(480, 352)
    assert SIZE.convert(" 480X352 ", None, None) == Size(480, 352)
    for wrong in ("480", "480x", "0x5", "-1x5", "480x352x3", "99999x5", "axb"):
        with pytest.raises(click.BadParameter):
            SIZE.convert(wrong, None, None)


def test_as_a_module_with_the_real_exit_code() -> None:
    done = edgeseg("info", "nowhere.tflite")
    assert done.returncode == 2
    assert done.stderr.startswith("edgeseg: error: no model file nowhere.tflite")


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = edgeseg("info", "--json", stdout=write)
    finally:
        os.close(write)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_is_full_is_one_line() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = edgeseg("--help", stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr.startswith("edgeseg: error: no space left on the device")
    assert done.stderr.count("\n") == 1


def test_info_says_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["edgeseg"] == edgeseg_version()
    assert facts["runtimes"] == available()
    assert facts["kernels"].split(",")[0].split()[0] in kernels.NAMES
    assert facts["opencv"]["version"] == cv2.__version__
    assert facts["usable_cores"] >= facts["default_threads"] >= 1
    assert main(["info"]) == 0
    assert f"opencv           version {cv2.__version__}" in capsys.readouterr().out


def test_info_shows_a_wrong_setting_instead_of_failing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_KERNELS", "magic")
    assert main(["info", "--json"]) == 0
    assert "'magic'" in json.loads(capsys.readouterr().out)["kernels"]


def test_info_explains_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(DATA / "tiny-int8.tflite"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["labels"] == ["red", "green", "blue"]
    assert facts["preparation"]["size"] == "48x32"
    assert facts["head"]["stride"] == 4
    assert facts["input"].startswith("int8 [1, 32, 48, 3], scale 0.00784")
    assert facts["guesses"] == []


def test_info_takes_what_the_user_knows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\nthree\n", encoding="utf-8")
    model = str(DATA / "tiny-float32.tflite")
    assert main(["info", model, "--labels", str(labels), "--normalize", "0..1"]) == 0
    shown = capsys.readouterr().out
    assert "one, two, three" in shown
    assert "--labels" not in shown
    assert "--color bgr" in shown
