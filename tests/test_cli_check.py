"""`edgeseg check`: what it says, its exit codes, and what it says to bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeseg.cli import main
from edgeseg.converters.compilers import vela, xnnpack

DATA = Path(__file__).parent / "data"
FLOAT, INT8, ARGMAX = (str(DATA / f"tiny-{name}.tflite") for name in ("float32", "int8", "argmax"))

needs_xnnpack = pytest.mark.skipif(bool(xnnpack.why_not()), reason=xnnpack.why_not())
needs_vela = pytest.mark.skipif(bool(vela.why_not()), reason=vela.why_not())


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", *arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


@needs_xnnpack
def test_a_file_that_runs_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", FLOAT, "--target", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "all 2 operators run there" in out
    assert "XNNPACK of LiteRT" in out
    assert "2 CONV_2D" in out


def test_what_falls_back_is_said_with_reason_remedy_and_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", ARGMAX, "--target", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "1 of 3 operators falls back" in out
    assert "ARG_MAX" in out
    assert all(f"    {title}" in out for title in ("why", "remedy", "source"))
    assert max(map(len, out.splitlines())) <= 80


@needs_xnnpack
def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = answer(capsys, ARGMAX, FLOAT, "--target", "cpu,cpu-reference,cpu")
    assert (code, found["ok"]) == (1, False)
    first, second = found["files"]
    assert [one["target"] for one in first["targets"]] == ["cpu", "cpu-reference"]
    assert first["targets"][0]["verdict"] == "falls back"
    (left,) = first["targets"][0]["left_out"]
    assert (left["op"], left["index"], left["output"]) == ("ARG_MAX", 2, [1, 8, 12])
    assert left["reasons"]
    assert left["remedy"].startswith("convert with")
    assert second["targets"][0]["verdict"] == "runs"
    assert second["targets"][0]["compiler"].startswith("XNNPACK")


def test_a_zoo_name_is_its_embedded_file(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = answer(capsys, "fcn8", "--target", "cpu")
    assert code == 0
    assert found["files"][0]["file"].endswith("fcn8-int8.tflite")


def test_all_is_a_table_of_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", ARGMAX, "--target", "all", "--no-compiler"]) == 1
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert lines["cpu"].split()[1] == "table"
    assert "ARG_MAX" in lines["cpu"]
    assert max(map(len, out.splitlines())) <= 80


@needs_xnnpack
def test_strict_wants_a_compiler(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", FLOAT, "--target", "cpu", "--strict"]) == 0
    assert main(["check", FLOAT, "--target", "cpu-reference"]) == 0
    assert main(["check", FLOAT, "--target", "cpu-reference", "--strict"]) == 1
    capsys.readouterr()


@needs_vela
def test_vela_has_the_last_word_on_an_ethos_u(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = answer(capsys, INT8, "fcn8", "--target", "ethos-u55,ethos-u65,ethos-u85")
    assert code == 0
    for file in found["files"]:
        for target in file["targets"]:
            assert target["compiler"].startswith("Vela 5")
            assert target["figures"]["cycles"] > 0
            assert target["left_out"] == target["disputes"] == []


def test_floats_on_an_ethos_u_stand_in_one_line_for_each_operator(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", FLOAT, "--target", "ethos-u55-128"]) == 1
    out = capsys.readouterr().out
    assert "2 CONV_2D: " in out
    assert "convert with --int8" in out
    assert "100 % of MACs" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.tflite", "--target", "cpu"), "no model file nowhere.tflite"),
        (("fcn9", "--target", "cpu"), "no model file fcn9"),
        ((str(DATA), "--target", "cpu"), "is a folder; expected a .tflite file"),
        ((str(DATA / "street.png"), "--target", "cpu"), "this is not a .tflite file"),
        ((FLOAT, "--target", "ethos-u56"), "did you mean ethos-u85 or"),
        ((FLOAT, "--target", " , "), "names no target"),
        ((FLOAT,), "--target"),
        (("--target", "cpu"), "MODEL"),
        ((FLOAT, "--target", "cpu", "--strict", "--no-compiler"), "--strict wants"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["check", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_keras_file_is_to_be_converted_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = tmp_path / "net.keras"
    model.write_bytes(b"PK")
    assert main(["check", str(model), "--target", "gpu"]) == 2
    assert f"edgeseg convert {model} --int8 --target gpu" in capsys.readouterr().err
    assert main(["check", str(model), "--target", "coreml"]) == 2
    assert f"edgeseg convert {model} --float32 --target coreml" in capsys.readouterr().err


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_short_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, part: float
) -> None:
    cut = tmp_path / "cut.tflite"
    shutil.copy(INT8, cut)
    cut.write_bytes(cut.read_bytes()[: int(part * cut.stat().st_size)])
    assert main(["check", str(cut), "--target", "cpu,ethos-u55-128"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_no_tensorflow_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from edgeseg.cli import main; "
        f"code = main(['check', {FLOAT!r}, '--target', 'cpu']); "
        "print(code, *sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "0"
