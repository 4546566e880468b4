"""`edgeseg bench` from the command line, on the tiny model of the tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.benchmarks.cases import contestant, prepare_cases
from edgeseg.benchmarks.starting import Start
from edgeseg.benchmarks.variants import parse_variant
from edgeseg.cli import main
from edgeseg.errors import ConfigError, ModelError

DATA = Path(__file__).parent.parent / "data"
INT8, FLOAT = str(DATA / "tiny-int8.tflite"), str(DATA / "tiny-float32.tflite")
SHORT = ("--seconds", "0.5", "--rounds", "1", "--threads", "1")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """One short comparison: what it printed, and its JSON."""
    path = tmp_path_factory.mktemp("bench") / "out.json"
    command = [sys.executable, "-m", "edgeseg", "bench", INT8, "vs", FLOAT, "vs", INT8]
    done = subprocess.run(
        [*command, *SHORT, "--json", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "measuring" not in done.stdout
    return done.stdout, json.loads(path.read_text())


def test_it_prints_a_table_and_a_verdict_for_each(measured: tuple[str, dict[str, Any]]) -> None:
    text, _ = measured
    for words in (
        "tiny-int8.tflite",
        "tiny-float32.tflite",
        "tiny-int8.tflite #2",
        "95 %",
        "1 thread on",
        "byte for byte",
    ):
        assert words in text
    assert "tiny-float32.tflite is" in text or "are not distinguishable" in text


def test_its_json_is_complete(measured: tuple[str, dict[str, Any]]) -> None:
    _, found = measured
    assert found["complete"] is True
    assert len(found["rounds"]) >= 24
    assert {entry["sitting"] for entry in found["rounds"]} == set(range(6))
    assert [entry["precision"] for entry in found["variants"]] == [
        "int8",
        "",
        "int8",
    ]  # a file without manifest
    assert found["variants"][0]["sha256"] == found["variants"][2]["sha256"]
    assert found["host"]["cores"] >= 1
    assert found["options"]["threads"] == 1
    assert found["verdicts"]


def test_json_on_stdout_is_nothing_but_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", INT8, *SHORT, "--what", "frame", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["stages"] == ["prepare", "infer", "decode", "overlay"]
    assert "tiny-int8.tflite" in err


def test_an_interruption_saves_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    command = [sys.executable, "-m", "edgeseg", "bench", INT8, "vs", FLOAT, "--seconds", "60"]
    with subprocess.Popen(
        [*command, "--precision", "0", "--json", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 50
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "interrupted after" in out
    assert "Traceback" not in err
    found = json.loads(path.read_text())
    assert found["complete"] is False
    assert found["rounds"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fcn8", "fcn32"], "type: edgeseg bench fcn8 vs fcn32"),
        ([INT8, "vs", "nowhere.tflite"], "nowhere.tflite"),
        ([INT8, "--precision", "int8"], "part of the variant: fcn8:int8"),
        ([INT8, "--seconds", "0", "--rounds", "0"], "--rounds is 0"),
        ([INT8, "--json", "no/folder/out.json"], "cannot write no/folder/out.json"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.strip().count("\n") == 0


def test_what_was_kept_is_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json"
    assert main(["bench", INT8, "vs", FLOAT, *SHORT, "--json", str(path)]) == 0
    before = json.loads(path.read_text())
    assert main(["bench", "--continue", str(path), "--seconds", "1.5"]) == 0
    after = json.loads(path.read_text())
    assert after["rounds"][: len(before["rounds"])] == before["rounds"]
    assert len(after["rounds"]) > len(before["rounds"])
    assert after["elapsed_s"] >= 1.5
    assert after["options"]["threads"] == 1
    capsys.readouterr()
    for words in (["fcn8"], ["--what", "frame"]):
        assert main(["bench", "--continue", str(path), *words]) == 2
        assert "from the file; leave that out" in capsys.readouterr().err


def test_rounds_of_another_file_or_machine_are_not_continued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.json"
    assert main(["bench", INT8, "vs", FLOAT, *SHORT, "--json", str(path)]) == 0
    raw = json.loads(path.read_text())
    raw["variants"][1]["sha256"] = "0" * 64
    raw["host"]["cpu"] = "Some CPU"
    path.write_text(json.dumps(raw))
    capsys.readouterr()
    assert main(["bench", "--continue", str(path)]) == 2
    err = capsys.readouterr().err
    assert "tiny-float32.tflite is another file now" in err
    assert "it was measured on Some CPU, this is" in err
    assert json.loads(path.read_text()) == raw


def test_accuracy_is_measured_on_images_and_masks(tmp_path: Path) -> None:
    """The tiny network names the strongest colour, so that it is right on pure ones."""
    for name in ("val", "valannot"):
        (tmp_path / "data" / name).mkdir(parents=True)
    mask = np.kron(np.array([[0, 1], [2, 0]]), np.ones((32, 32), int)).astype(np.uint8)
    colors = np.array([(0, 0, 255), (0, 255, 0), (255, 0, 0)], np.uint8)
    cv2.imwrite(str(tmp_path / "data/val/a.png"), colors[mask])
    cv2.imwrite(str(tmp_path / "data/valannot/a.png"), mask)
    path = tmp_path / "out.json"
    words = ["bench", INT8, "vs", f"{INT8}:2t", *SHORT, "--json", str(path)]
    assert main([*words, "--data", str(tmp_path / "data")]) == 0
    first, second = (entry["accuracy"] for entry in json.loads(path.read_text())["variants"])
    assert first == second
    assert first["miou"] > 0.8
    assert (first["images"], first["float_miou"]) == (1, None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("edgeseg bench fcn8 : bil", ["plain,bilinear"]),  # as bash cuts it
        ("edgeseg bench fcn8:int8:bil", ["plain,fcn8:int8:bilinear"]),
        ("edgeseg bench fcn8:int8:flo", []),  # its precision is chosen
        ("edgeseg bench fcn1", ["plain,fcn16"]),
        ("edgeseg bench fcn8 v", ["plain,vs"]),
        ("edgeseg bench a.tflite:bil", []),  # measured as it is
    ],
)
def test_a_shell_completes_variants(words: str, expected: list[str]) -> None:
    count = len(words.split()) - 1
    environment = os.environ | {
        "_EDGESEG_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(count),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import edgeseg.cli, sys; sys.exit(edgeseg.cli.main())"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("plain")]
    assert found == expected, done.stderr


def test_stages_are_those_of_the_segmenter() -> None:
    (case,) = prepare_cases(
        [parse_variant(INT8, ())],
        threads=1,
        runtime=None,
        tell=lambda text: None,  # noqa: ARG005
    )
    for what, stages in (("network", 1), ("frame", 4)):
        workload = contestant(case, what).open()  # type: ignore[arg-type]
        times = workload.run()
        workload.close()
        assert len(times) == stages
        assert all(0 < time_s < 5 for time_s in times)
    with pytest.raises(ConfigError, match="network, frame or start"):
        contestant(case, "everything")  # type: ignore[arg-type]


def test_a_start_is_timed_in_a_process_of_its_own_with_its_memory() -> None:
    (case,) = prepare_cases(
        [parse_variant(FLOAT, ())],
        threads=1,
        runtime=None,
        tell=lambda text: None,  # noqa: ARG005
    )
    peaks: list[int] = []
    workload = contestant(case, "start", peaks).open()
    load_s, first_s = workload.run()
    workload.close()
    assert 0 < first_s < load_s < 5
    if sys.platform == "linux":
        assert 10_000 < peaks[0] < 1 << 28


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"a start failed: .*ModelError"):
        Start(path, 1, None, []).run()


@pytest.mark.slow
def test_starts_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json"
    words = ["bench", INT8, "vs", FLOAT, "--what", "start", "--seconds", "1", "--rounds", "1"]
    assert main([*words, "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert found["stages"] == ["load", "first run"]
    assert found["variants"][0]["memory_bytes"] > 0
    out = capsys.readouterr().out
    assert "first run" in out
    assert "memory" in out


@pytest.mark.slow
def test_the_same_file_twice_is_not_distinguishable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", FLOAT, "vs", FLOAT, "--seconds", "10"]) == 0
    out = capsys.readouterr().out
    assert "not distinguishable" in out
    assert "byte for byte" in out
