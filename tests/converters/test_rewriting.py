"""Conversion for a target: what is swapped, what that changed, and when it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from edgeseg.cli import main
from edgeseg.converters import ConvertOptions, convert
from edgeseg.converters.delegates.op import read_ops
from edgeseg.converters.pipeline import plan_rewrite
from edgeseg.errors import ConfigError, GateError, ModelError
from edgeseg.modelfile import read_manifest


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, color_net: Any) -> Path:
    """A network that ends in a transposed convolution with a kernel of its own."""
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("learned") / "learned.keras"
    color_net("learned").save(path)
    return path


@pytest.fixture
def options(learned: Path, pictures: Path, tmp_path: Path) -> ConvertOptions:
    return ConvertOptions(str(learned), tmp_path / "out.tflite", calibration=pictures)


def operators(path: Path) -> list[str]:
    return [op.name for op in read_ops(path.read_bytes())]


def test_a_learned_kernel_is_swapped_exactly_and_the_file_says_so(options: ConvertOptions) -> None:
    report = convert(replace(options, precision="int8", min_agreement=0.8))
    assert "TRANSPOSE_CONV" not in operators(options.output)
    assert report.rewritten is not None
    assert report.rewritten.proof is not None
    assert report.check is not None
    (swap,) = report.rewritten.swaps
    assert swap.form.startswith("subpixel")
    assert swap.exact
    assert max(swap.max_interior, swap.max_border) < 1e-5
    assert swap.shift_px == 0
    assert swap.agreement > 0.9999
    assert report.rewritten.proof.agreement > 0.9999
    assert not report.check.left_out
    manifest = read_manifest(options.output.read_bytes())
    assert manifest is not None
    assert manifest.target == "cpu"
    assert [one["layer"] for one in manifest.proof["swaps"]] == [swap.layer]
    assert manifest == report.manifest


def test_the_page_shows_the_swaps_and_what_is_left_to_the_cpu(
    options: ConvertOptions, tmp_path: Path
) -> None:
    page = tmp_path / "proof.html"
    convert(replace(options, swap="subpixel", report=page))
    text = page.read_text(encoding="utf-8")
    for part in ("Swapped layers", "(exact)", "asked for with --swap", "CPU, LiteRT with XNNPACK"):
        assert part in text
    assert "Left to the CPU" not in text
    convert(replace(options, swap="keep", target="ethos-u55", precision="int8", report=page))
    text = page.read_text(encoding="utf-8")
    assert "Left to the CPU" in text
    assert "stride 1 or 2" in text


def test_int16_activations_do_without_depth_to_space(options: ConvertOptions) -> None:
    """The converter has no int16 form of that operator."""
    convert(replace(options, precision="int16x8"))
    assert "DEPTH_TO_SPACE" not in operators(options.output)


def test_without_a_target_every_layer_stays(options: ConvertOptions) -> None:
    report = convert(replace(options, target="none"))
    assert "TRANSPOSE_CONV" in operators(options.output)
    assert report.manifest.target == ""
    assert "swaps" not in report.proof.to_json()


def test_a_kept_layer_is_no_swap(options: ConvertOptions) -> None:
    report = convert(replace(options, swap="keep"))
    assert "TRANSPOSE_CONV" in operators(options.output)
    assert report.rewritten is not None
    assert report.rewritten.swaps == ()


def test_a_plain_resize_for_a_learned_kernel_is_refused_with_the_figures(
    options: ConvertOptions,
) -> None:
    with pytest.raises(GateError) as refused:
        convert(replace(options, swap="bilinear"))
    for part in ("agrees with the float network on", "rms inside", "px", "99.00%", "--swap keep"):
        assert part in str(refused.value)
    assert not options.output.exists()


def test_the_plan_alone_writes_nothing_and_knows_the_refusal(options: ConvertOptions) -> None:
    plan = plan_rewrite(replace(options, swap="bilinear"))
    assert not plan.exact
    assert plan.proof is not None
    assert plan.proof.agreement < 0.99
    assert f"{plan.proof.agreement:.2%}" in plan.refusal
    assert not options.output.exists()


def test_a_bilinear_kernel_takes_a_resize(
    color_net: Any, options: ConvertOptions, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    color_net("transpose").save(path)
    report = convert(replace(options, source=str(path), head="full", swap="bilinear"))
    assert report.rewritten is not None
    (swap,) = report.rewritten.swaps
    assert swap.form.startswith("bilinear")
    assert swap.exact
    assert swap.agreement > 0.9999
    assert "TRANSPOSE_CONV" not in operators(options.output)


def test_class_indices_come_out_of_swapped_layers_too(options: ConvertOptions) -> None:
    report = convert(replace(options, head="argmax", swap="subpixel"))
    assert report.proof.agreement > 0.9999
    assert operators(options.output).count("ARG_MAX") == 1
    assert "TRANSPOSE_CONV" not in operators(options.output)


def test_layers_of_nested_models_are_swapped(
    color_net: Any, options: ConvertOptions, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(2)
    picture = keras.Input((64, 64, 3))
    path = tmp_path / "nested.keras"
    keras.Model(picture, color_net("learned")(picture)).save(path)
    report = convert(replace(options, source=str(path), swap="subpixel"))
    assert report.rewritten is not None
    (swap,) = report.rewritten.swaps
    assert "/" in swap.layer
    assert swap.exact
    assert "TRANSPOSE_CONV" not in operators(options.output)


def test_an_unknown_target_or_form_names_what_there_is(options: ConvertOptions) -> None:
    with pytest.raises(ConfigError, match="cpu"):
        convert(replace(options, target="cpuu"))
    with pytest.raises(ConfigError, match="subpixel"):
        convert(replace(options, swap="subpixle"))


def test_an_exact_swap_needs_no_fine_tuning(options: ConvertOptions, pictures: Path) -> None:
    report = convert(replace(options, swap="subpixel", finetune=pictures))
    assert "nothing was fine-tuned: every swap is exact" in report.notes


def test_a_fine_tuned_network_is_held_by_what_it_may_lose(
    options: ConvertOptions, pictures: Path
) -> None:
    asked = replace(options, swap="refit", finetune=pictures, finetune_epochs=1)
    report = convert(replace(asked, max_drop=100.0))
    assert report.rewritten is not None
    assert not report.rewritten.exact
    assert any("fine-tuned for 1 epochs on 12 pictures" in note for note in report.notes)
    with pytest.raises(GateError, match="--max-drop"):
        convert(replace(asked, max_drop=0.001))


def test_a_swap_without_a_target_is_no_plan(options: ConvertOptions) -> None:
    with pytest.raises(ConfigError, match=r"--swap subpixel needs a --target"):
        convert(replace(options, swap="subpixel", target="none"))


def test_a_saved_model_cannot_be_forced(options: ConvertOptions, tmp_path: Path) -> None:
    model = keras.models.load_model(options.source, compile=False)
    folder = tmp_path / "saved"
    model.export(folder, verbose=False)
    asked = replace(options, source=str(folder), head="full")
    with pytest.raises(ModelError, match=r"--swap subpixel needs the layers"):
        convert(replace(asked, swap="subpixel"))
    report = convert(asked)
    assert any("does not show its layers" in note for note in report.notes)


def test_explain_prints_the_plan_and_writes_nothing(
    options: ConvertOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["convert", options.source, "--calib", str(options.calibration), "--explain"]
    asked += ["--int8"]
    assert main(asked) == 0
    shown = capsys.readouterr().out
    for part in ("becomes", "exact", "times", "[1] "):
        assert part in shown
    assert main([*asked, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["target"] == "cpu"
    assert plan["layers"][0]["becomes"].startswith("subpixel")
    assert not list(tmp_path.glob("*.tflite"))


def test_explain_of_a_plan_that_is_refused_exits_like_the_refusal(
    options: ConvertOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["convert", options.source, "--calib", str(options.calibration), "--explain"]
    assert main([*asked, "--swap", "bilinear"]) == 3
    shown = capsys.readouterr()
    assert "bilinear resize" in shown.out
    assert "the gate is 99.00%" in shown.err
