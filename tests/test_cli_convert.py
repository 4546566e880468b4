"""`edgeseg convert` as typed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.cli import main
from edgeseg.cli.convert import _options as options_of
from edgeseg.manifest import Size

GIVEN: dict[str, Any] = {
    **dict.fromkeys(("float32", "fp16", "dynamic", "int8", "int16x8"), False),
    **dict.fromkeys(("io", "calib", "masks", "head", "input_size", "min_agreement")),
    **dict.fromkeys(("normalize", "color", "resize", "labels", "threads")),
    "calib_frames": 100,
    "target": "cpu",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that sorts pixels by their strongest colour, at stride 4."""
    keras = pytest.importorskip("keras")
    image = keras.Input((32, 32, 3))
    layer = keras.layers.Conv2D(3, 4, strides=4)
    cells = layer(image)
    kernel = np.zeros((4, 4, 3, 3), np.float32)
    kernel[:, :, range(3), range(3)] = 1 / 16
    layer.set_weights([kernel, np.zeros(3, np.float32)])
    logits = keras.layers.UpSampling2D(4, interpolation="bilinear")(cells)
    path = tmp_path_factory.mktemp("cli") / "colors.keras"
    keras.Model(image, logits).save(path)
    return path


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for seed in range(6):
        blobs = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
        picture = cv2.resize(blobs, (64, 48), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{seed}.png"), picture)
    return folder


@pytest.mark.convert
def test_a_conversion_ends_in_a_table(
    model: Path, frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.tflite"
    assert main(["convert", str(model), "--int8", "--calib", str(frames), "-o", str(output)]) == 0
    said, chatter = capfd.readouterr()
    for words in ("out.tflite", "KiB", "stride 4", "int8", "5 of 6 images", "agreement", "worst"):
        assert words in said
    assert "note: guessed:" in said
    assert chatter == ""
    assert output.stat().st_size > 1000


@pytest.mark.convert
def test_the_report_as_json_and_the_usual_name(
    model: Path,
    frames: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["convert", str(model), "--calib", f"{frames}/*.png", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["file"] == "colors-float32.tflite"
    assert report["proof"]["agreement"] > 0.999
    assert report["head"] == {"kind": "logits", "stride": 4}
    assert (tmp_path / "colors-float32.tflite").stat().st_size == report["size_bytes"]


@pytest.mark.convert
def test_a_page_about_the_proof_and_warnings(
    model: Path, frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output, page = tmp_path / "out.tflite", tmp_path / "proof.html"
    asked = ["--int8", "--calib", str(frames), "-o", str(output), "--report", str(page)]
    assert main(["convert", str(model), *asked]) == 0
    said, chatter = capfd.readouterr()
    assert f"wrote {page}" in said
    assert "warning: 5 calibration frames leave the activation ranges to chance" in said
    assert chatter == ""
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.convert
def test_a_file_below_its_gate_exits_3(
    model: Path, frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.tflite"
    gate = ["--min-agreement", "1", "--int8", "--calib", str(frames), "-o", str(output)]
    assert main(["convert", str(model), *gate]) == 3
    assert capfd.readouterr().err.startswith("edgeseg: error: the converted file agrees")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--int8", "--fp16"], "float16 and int8 were asked for; choose one precision"),
        (["--io", "int4"], "'int4' is not one of"),
        (["--input-size", "big"], "is no size"),
        (["--masks", "/nowhere"], "does not exist"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "m.keras", *arguments]) == 2
    said = capfd.readouterr().err
    assert reason in said
    assert len(said.splitlines()) == 1


def test_variants_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeseg.zoo.names", lambda: ("fcn8",))
    options = options_of("fcn8:transpose:int8:full@320x240", None, dict(GIVEN))
    assert options.source == "fcn8:transpose"
    assert (options.precision, options.head, options.input_size) == ("int8", "full", Size(320, 240))
    assert options.output == Path("fcn8-transpose-full-320x240-int8.tflite")
    plain = options_of("fcn8", None, {**GIVEN, "fp16": True})
    assert (plain.precision, plain.head, plain.output.name) == (
        "float16",
        "auto",
        "fcn8-float16.tflite",
    )
    assert options_of("fcn8:int8", None, {**GIVEN, "target": "gpu"}).output.name == (
        "fcn8-int8-gpu.tflite"
    )
    flags = options_of("fcn8:int8", None, {**GIVEN, "float32": True, "head": "argmax"})
    assert (flags.precision, flags.head) == ("float32", "argmax")


def test_an_interruption_that_turned_into_an_error_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from edgeseg import converters

    def interrupted(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt as error:
            raise ImportError("as TensorFlow's lazy imports do") from error

    monkeypatch.setattr(converters, "convert", interrupted)
    assert main(["convert", "m.keras"]) == 130
    assert capfd.readouterr().err.strip() == "edgeseg: interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
