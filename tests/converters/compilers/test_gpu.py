"""The GPU accelerator's refusals read; with a driver, its silently wrong numbers caught."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeseg.converters.compilers import Word, ask, gpu
from edgeseg.converters.delegates.op import read_ops

DATA = Path(__file__).parents[2] / "data"

Target = Callable[..., Any]
Make = Callable[..., bytes]

needs_driver = pytest.mark.skipif(
    not os.environ.get(gpu.FOLDER) or bool(gpu.why_not()),
    reason=f"{gpu.FOLDER} names no folder with a Vulkan driver; type: make swiftshader",
)


def word_of(content: bytes, target: Any) -> Word:
    answer = ask(content, target)
    assert isinstance(answer, Word), answer
    return answer


def test_refusals_are_matched_with_operators_by_the_tensor_they_name(make_file: Make) -> None:
    ops = read_ops(make_file("nearest"))
    tile, reshape = (next(op for op in ops if op.name == name) for name in ("TILE", "RESHAPE"))
    assert tile.input is not None
    printed = (
        "INFO: Failed to load OpenCL. Trying ICD loader.\n"
        f"TILE: Tensor dimensions must be less than 5. {tile.input.name}\n"
        f"RESHAPE: Tensor dimensions must be less than 5. {reshape.output.name}\n"
    )
    found = gpu.refused(printed, ops)
    assert {(left.name, left.index) for left in found} == {
        ("TILE", tile.index),
        ("RESHAPE", reshape.index),
    }
    assert {left.reason for left in found} == {"Tensor dimensions must be less than 5"}


def test_an_input_of_the_model_belongs_to_the_operator_that_is_left(make_file: Make) -> None:
    ops = read_ops(make_file("learned"))
    last = replace(ops[4], name="TRANSPOSE_CONV")
    (left,) = gpu.refused("TRANSPOSE_CONV: No INT16. keras_tensor\n", (*ops[:4], last))
    assert (left.index, left.reason) == (4, "No INT16")


def test_a_folder_without_a_driver_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_target: Target
) -> None:
    monkeypatch.setenv(gpu.FOLDER, str(tmp_path))
    answer = ask((DATA / "tiny-float32.tflite").read_bytes(), make_target("gpu"))
    assert isinstance(answer, str)
    assert "no folder with libvulkan.so.1" in answer
    assert "make swiftshader" in answer


@needs_driver
@pytest.mark.parametrize("name", ["tiny-float32", "tiny-int8", "tiny-argmax"])
def test_sound_networks_are_right_on_the_gpu(make_target: Target, name: str) -> None:
    word = word_of((DATA / f"{name}.tflite").read_bytes(), make_target("gpu"))
    assert word.is_good, word


@needs_driver
def test_a_transposed_convolution_is_caught_where_it_is_wrong(
    make_target: Target, make_file: Make
) -> None:
    # 64 is 8 times the stride, 72 is 9 times: there the delegate pads wrongly, and says nothing.
    assert word_of(make_file("learned", side=64), make_target("gpu")).is_good
    word = word_of(make_file("learned", side=72), make_target("gpu"))
    assert not word.left_out
    assert "% of its range (0.1 % can be rounding)" in word.wrong
    assert word.culprit == 4


@needs_driver
def test_what_the_gpu_refuses_is_left_out(make_target: Target, make_file: Make) -> None:
    word = word_of(make_file("nearest"), make_target("gpu"))
    assert [left.index for left in word.left_out if left.name == "TILE"] == [5, 7]
    assert "only together with the CPU" in word.notes[0]
    assert not word.wrong


@needs_driver
@pytest.mark.slow
def test_an_untouched_fcn32_is_caught_by_its_numbers_and_named(make_target: Target) -> None:
    import keras
    import tensorflow as tf

    from edgeseg.fcn import build_fcn
    from edgeseg.manifest import Size

    keras.utils.set_random_seed(0)
    net = build_fcn("fcn32", "mobilenetv2-0.35", "transpose", 5, Size(96, 96))
    image = keras.Input((96, 96, 3), batch_size=1)
    made = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, net(image))).convert()
    word = word_of(made, make_target("gpu"))
    assert "of its range" in word.wrong
    assert word.culprit is not None
    assert read_ops(made)[word.culprit].name == "TRANSPOSE_CONV"
