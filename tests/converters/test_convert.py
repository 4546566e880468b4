"""The whole conversion, on networks whose answers are known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from edgeseg.converters import ConvertOptions, ConvertReport, convert
from edgeseg.converters.options import MIN_AGREEMENT, Precision
from edgeseg.converters.quiet import quiet_tensorflow
from edgeseg.errors import ConfigError, GateError, ModelError, OutputError
from edgeseg.manifest import Head, Size
from edgeseg.masks import read_image
from edgeseg.modelfile import read_manifest
from edgeseg.runtimes import open_runtime
from edgeseg.segmenter import Segmenter

pytestmark = pytest.mark.convert
layers = keras.layers


@pytest.fixture(scope="module")
def options(
    color_file: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> ConvertOptions:
    output = tmp_path_factory.mktemp("made") / "colors.tflite"
    return ConvertOptions(str(color_file), output, "int8", calibration=pictures)


@pytest.fixture(scope="module")
def int8(options: ConvertOptions) -> ConvertReport:
    return convert(options)


def test_int8_agrees_with_float(int8: ConvertReport) -> None:
    assert int8.proof.agreement > 0.99
    assert 0.98 < int8.proof.worst <= int8.proof.agreement
    assert (int8.proof.classes_seen, int8.proof.classes, int8.proof.frames) == (3, 3, 3)
    assert set(int8.proof.per_class) == set(int8.manifest.labels)


def test_the_file_explains_itself(int8: ConvertReport) -> None:
    data = int8.path.read_bytes()
    manifest = read_manifest(data)
    assert manifest == int8.manifest
    assert manifest is not None
    assert manifest.head == Head("logits", 8, "bilinear")
    assert manifest.precision == "int8"
    assert manifest.proof["agreement"] == int8.proof.agreement
    assert int8.size_bytes == len(data)
    runtime = open_runtime(data, threads=1)
    assert (runtime.inputs.dtype, runtime.outputs[0].dtype) == ("int8", "int8")
    assert runtime.outputs[0].shape == (1, 8, 8, 3)
    runtime.close()


def test_the_file_sees_what_is_there(int8: ConvertReport) -> None:
    frame = np.zeros((90, 120, 3), np.uint8)
    frame[:, :60, 2], frame[:, 60:, 0] = 255, 255  # red on the left, blue on the right
    with Segmenter(int8.path, threads=1) as segmenter:
        mask = segmenter.segment(frame).mask
    assert (mask[:, :40] == 0).all()
    assert (mask[:, 70:] == 2).all()


MADE: tuple[tuple[Precision, str, str | None, str], ...] = (
    ("float32", "auto", None, "float32"),
    ("float16", "auto", None, "float32"),
    ("dynamic", "coarse", None, "float32"),
    ("int8", "full", "float32", "float32"),
    ("int8", "coarse", "uint8", "uint8"),
    ("int8", "argmax", None, "uint8"),
    ("float32", "argmax", None, "uint8"),
    ("int16x8", "coarse", None, "float32"),
)


@pytest.mark.parametrize(("precision", "head", "io", "output"), MADE)
def test_every_precision_and_head_passes_its_gate(
    options: ConvertOptions, precision: Precision, head: Any, io: Any, output: str
) -> None:
    report = convert(replace(options, precision=precision, head=head, io=io))
    assert report.proof.agreement >= max(0.99, MIN_AGREEMENT[precision])
    runtime = open_runtime(report.path, threads=1)
    assert runtime.outputs[0].dtype == output
    runtime.close()


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("up", ["nearest", "transpose"])
def test_float_agrees_on_every_pixel(
    options: ConvertOptions, color_net: Any, tmp_path: Path, up: str, resize: Any
) -> None:
    color_net(up).save(tmp_path / "m.keras")
    source = str(tmp_path / "m.keras")
    report = convert(replace(options, source=source, precision="float32", resize=resize))
    assert report.manifest.head.stride == 8
    assert report.proof.agreement > 0.9995


def test_saved_models_keep_their_whole_graph(
    options: ConvertOptions, color_net: Any, tmp_path: Path
) -> None:
    with quiet_tensorflow():
        color_net("transpose").export(str(tmp_path / "saved"))
    saved = replace(options, source=str(tmp_path / "saved"))
    report = convert(saved)
    assert report.manifest.head.stride == 1
    assert report.proof.agreement > 0.99
    assert any("SavedModel" in note for note in report.notes)
    with pytest.raises(ModelError, match="take --head full"):
        convert(replace(saved, head="coarse"))


def test_masks_bring_mean_iou(options: ConvertOptions, pictures: Path, tmp_path: Path) -> None:
    for image in pictures.iterdir():
        bgr = cv2.GaussianBlur(read_image(image), (0, 0), 9)
        cv2.imwrite(str(tmp_path / image.name), bgr[..., ::-1].argmax(axis=-1).astype(np.uint8))
    proof = convert(replace(options, masks=tmp_path)).proof
    assert proof.mean_iou is not None
    assert proof.mean_iou_float is not None
    assert proof.mean_iou_float > 0.6
    assert abs(proof.mean_iou - proof.mean_iou_float) < 0.05


def refused(options: ConvertOptions, model: Any, folder: Path, **more: Any) -> str:
    """Convert; return why not, and see that nothing is left."""
    model.save(folder / "m.keras")
    output = folder / "m.tflite"
    with pytest.raises(GateError) as refusal:
        convert(replace(options, source=str(folder / "m.keras"), output=output, **more))
    assert refusal.value.exit_code == 3
    assert [path.name for path in folder.iterdir()] == ["m.keras"]
    return str(refusal.value)


def test_a_file_below_the_gate_is_not_written(
    options: ConvertOptions, color_net: Any, tmp_path: Path
) -> None:
    text = refused(options, color_net(), tmp_path, min_agreement=1.0)
    assert "the gate is 100.00%" in text
    assert "lowest classes: class" in text


def test_a_collapsed_network_is_not_written(
    options: ConvertOptions, color_net: Any, tmp_path: Path
) -> None:
    drowned = color_net(tail=layers.Rescaling(1.0, offset=5000.0))  # one int8 step is 20 there
    text = refused(options, drowned, tmp_path, min_agreement=0.01)
    assert "shows one class where the float network shows 3" in text


def test_a_gate_of_0_lets_everything_pass(
    options: ConvertOptions, color_net: Any, tmp_path: Path
) -> None:
    color_net(tail=layers.Rescaling(1.0, offset=5000.0)).save(tmp_path / "m.keras")
    report = convert(replace(options, source=str(tmp_path / "m.keras"), min_agreement=0.0))
    assert report.proof.classes_found == 1


def test_nan_is_not_written(options: ConvertOptions, color_net: Any, tmp_path: Path) -> None:
    model = color_net()
    kernel, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([kernel * np.nan, bias])
    text = refused(options, model, tmp_path, precision="float32")
    assert "NaN or infinite values" in text


def test_another_input_size(options: ConvertOptions) -> None:
    report = convert(replace(options, input_size=Size(96, 80)))
    assert report.manifest.preparation.size == Size(96, 80)
    assert report.proof.agreement > 0.99


def test_all_bad_options_come_at_once(options: ConvertOptions) -> None:
    bad = replace(options, precision="float32", io="int8", frames=0, min_agreement=2.0)
    with pytest.raises(ConfigError) as refusal:
        convert(bad)
    for flag in ("--io", "--calib-frames", "--min-agreement"):
        assert flag in str(refusal.value)


def test_an_unwritable_output_is_told_before_the_work(options: ConvertOptions) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        convert(replace(options, source="missing.keras", output=Path("/nowhere/o.tflite")))


def test_an_interruption_leaves_nothing(
    options: ConvertOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def interrupt(step: str) -> None:
        if step.startswith("proving"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(replace(options, output=tmp_path / "o.tflite"), interrupt)
    assert not list(tmp_path.iterdir())


def test_the_steps_are_told(options: ConvertOptions) -> None:
    steps: list[str] = []
    convert(replace(options, precision="float32"), steps.append)
    assert steps[0] == "loading the model"
    assert steps[1].startswith("planning for CPU")
    assert steps[2] == "converting to float32"
    assert steps[3].startswith("proving on 8 held-out images")


@pytest.fixture(autouse=True)
def _silent_stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing of TensorFlow's chatter may reach the terminal."""
    yield
    assert capfd.readouterr() == ("", "")


def test_damaged_calibration_frames_do_not_stop_the_bias_correction(
    options: ConvertOptions, pictures: Path, tmp_path: Path
) -> None:
    """The very frames that the correction would pick are damaged; the others serve it."""
    folder = tmp_path / "frames"
    shutil.copytree(pictures, folder)
    for number in (0, 3, 5, 8):
        (folder / f"{number:02}.png").write_bytes(b"damaged")
    output = tmp_path / "out.tflite"
    report = convert(replace(options, calibration=folder, output=output))
    assert any("bias" in note for note in report.notes)
    assert any("4 images in frames could not be read: 00.png" in note for note in report.notes)
