"""TFLite files in the runtimes that are installed here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import ConfigError, ModelError
from edgeseg.manifest import Size
from edgeseg.runtimes import NAMES, available, default_threads, open_runtime, usable_cores

DATA = Path(__file__).parent / "data"
INT8 = DATA / "tiny-int8.tflite"
FLOAT = DATA / "tiny-float32.tflite"
# TensorFlow takes seconds to import.
INSTALLED = [
    pytest.param(name, marks=[pytest.mark.convert] if name == "tf" else []) for name in available()
]


def test_at_least_one_runtime_is_installed() -> None:
    assert set(available()) <= set(NAMES)
    assert available()


@pytest.mark.parametrize("name", INSTALLED)
def test_every_installed_runtime_runs_both_files(name: str) -> None:
    for model in (INT8, FLOAT):
        runtime = open_runtime(model, name=name, threads=1)
        assert runtime.name.startswith(f"{name} {available()[name]} (")
        tensor = np.zeros(runtime.inputs.shape, runtime.inputs.dtype)
        (output,) = runtime.infer(tensor)
        assert output.shape == runtime.outputs[0].shape == (1, 8, 12, 3)
        assert output.dtype == runtime.outputs[0].dtype
        runtime.close()


def test_tensors_are_described() -> None:
    runtime = open_runtime(INT8)
    assert runtime.inputs.shape == (1, 32, 48, 3)
    assert runtime.inputs.dtype == "int8"
    assert runtime.inputs.scale == pytest.approx(2 / 255)
    assert runtime.inputs.zero_point == -1
    floating = open_runtime(FLOAT).inputs
    assert (floating.dtype, floating.scale, floating.zero_point) == ("float32", 0.0, 0)


def test_bytes_are_as_good_as_a_file() -> None:
    assert open_runtime(INT8.read_bytes()).inputs == open_runtime(INT8).inputs


def test_results_held_by_the_caller_do_not_bar_the_next_call() -> None:
    runtime = open_runtime(FLOAT)
    dark = np.full(runtime.inputs.shape, -1, np.float32)
    first = runtime.infer(dark)[0]
    kept = first.copy()
    second = runtime.infer(-dark)[0]
    assert not (second == kept).all()
    runtime.close()
    assert np.isfinite(second).all()  # the memory outlives close() while it is held


def test_an_unfit_tensor_is_refused_and_the_runtime_goes_on() -> None:
    runtime = open_runtime(FLOAT)
    for wrong in (np.zeros((1, 4, 4, 3), np.float32), np.zeros(runtime.inputs.shape, np.int8)):
        with pytest.raises(ModelError, match=r"takes float32 \[1, 32, 48, 3\]"):
            runtime.infer(wrong)
    runtime.infer(np.zeros(runtime.inputs.shape, np.float32))


def test_a_closed_runtime_says_so() -> None:
    runtime = open_runtime(FLOAT)
    runtime.close()
    with pytest.raises(ModelError, match="closed"):
        runtime.infer(np.zeros(runtime.inputs.shape, np.float32))


def test_an_open_input_takes_the_size_it_is_given() -> None:
    model = DATA / "tiny-open.tflite"
    runtime = open_runtime(model, input_size=Size(20, 12))
    assert runtime.inputs.shape == (1, 12, 20, 3)
    assert runtime.outputs[0].shape == (1, 3, 5, 3)
    assert runtime.infer(np.zeros((1, 12, 20, 3), np.float32))[0].shape == (1, 3, 5, 3)
    with pytest.raises(ModelError, match="--input-size"):
        open_runtime(model)


def test_a_fixed_input_keeps_its_size() -> None:
    assert open_runtime(FLOAT, input_size=Size(20, 12)).inputs.shape == (1, 32, 48, 3)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 900, 2000])
def test_a_file_cut_short_is_refused(keep: int, tmp_path: Path) -> None:
    model = tmp_path / "cut.tflite"
    model.write_bytes(INT8.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"empty|damaged|not a \.tflite file"):
        open_runtime(model)


def test_what_is_no_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.tflite").write_text("hello, this is no model", encoding="utf-8")
    (tmp_path / "net.keras").write_bytes(b"PK")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    for name, expected in {
        "nowhere.tflite": "no model file",
        "": "is a folder",
        "notes.tflite": "not a .tflite file",
        "net.keras": "convert it first: edgeseg convert",
        "saved": "convert it first: edgeseg convert",
    }.items():
        with pytest.raises(ModelError, match=expected):
            open_runtime(tmp_path / name)


def test_an_operator_the_runtime_lacks_is_one_line() -> None:
    # The same model, with an operator's code changed to one that does not exist.
    with pytest.raises(ModelError) as caught:
        open_runtime(_with_unknown_operator(FLOAT.read_bytes()))
    assert "cannot load the model" in str(caught.value)
    assert "\n" not in str(caught.value)


def _with_unknown_operator(data: bytes) -> bytes:
    from edgeseg.flatbuffer import model_table

    (code,) = model_table(data).tables(1)
    changed = bytearray(data)
    # builtin_code (field 3) rules; deprecated_builtin_code (field 0) is its old 8-bit form.
    for field, value in ((0, b"\x7f"), (3, (999).to_bytes(4, "little"))):
        slot = code._slot(field)
        if slot is not None:
            changed[slot : slot + len(value)] = value
    return bytes(changed)


def test_wrong_options_are_named() -> None:
    with pytest.raises(ConfigError, match="expected one of litert, tflite-runtime, tf"):
        open_runtime(INT8, name="onnx")
    with pytest.raises(ConfigError, match="--threads"):
        open_runtime(INT8, threads=0)
    for missing in set(NAMES) - set(available()):
        with pytest.raises(ConfigError, match="pip install"):
            open_runtime(INT8, name=missing)


def test_threads_follow_the_cores_this_process_may_use() -> None:
    assert 1 <= default_threads() <= min(4, usable_cores())
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot bind a process to cores")
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert default_threads() == 1
        assert open_runtime(INT8).threads == 1
    finally:
        os.sched_setaffinity(0, allowed)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )


LOAD = (
    f"from pathlib import Path; from edgeseg.runtimes import *; open_runtime(Path({str(FLOAT)!r}))"
)


def test_loading_leaves_stderr_clean_unless_debugging() -> None:
    assert run_python(LOAD, EDGESEG_DEBUG="").stderr == ""
    assert "XNNPACK" in run_python(LOAD, EDGESEG_DEBUG="1").stderr


def test_stderr_works_after_loading() -> None:
    after = "; import os; os.write(2, b'still here')"
    assert run_python(LOAD + after, EDGESEG_DEBUG="").stderr == "still here"


def test_a_closed_stderr_is_no_obstacle() -> None:
    run_python(f"import os; os.close(2); {LOAD}")


@pytest.mark.parametrize("name", INSTALLED)
def test_the_input_can_be_written_in_place(name: str) -> None:
    runtime = open_runtime(FLOAT, name=name, threads=1)
    random = np.random.default_rng(0)
    for _ in range(3):
        values = random.uniform(-1, 1, runtime.inputs.shape).astype(np.float32)
        copied = runtime.infer(values)[0].copy()
        tensor = runtime.input_tensor()
        tensor[...] = 0
        runtime.infer(tensor)  # so that the next result is not left over
        tensor = runtime.input_tensor()
        tensor[...] = values
        assert np.shares_memory(tensor, runtime.input_tensor())
        assert (runtime.infer(tensor)[0] == copied).all()


def test_the_input_of_an_open_model_can_be_written_after_it_ran() -> None:
    runtime = open_runtime(DATA / "tiny-open.tflite", input_size=Size(20, 12))
    values = np.random.default_rng(0).uniform(-1, 1, runtime.inputs.shape).astype(np.float32)
    expected = runtime.infer(values)[0].copy()
    for _ in range(3):
        tensor = runtime.input_tensor()
        tensor[...] = values
        assert (runtime.infer(tensor)[0] == expected).all()


def test_the_input_of_a_closed_runtime_is_refused() -> None:
    runtime = open_runtime(FLOAT)
    tensor = runtime.input_tensor()
    runtime.close()
    tensor[...] = 0  # the memory outlives close() while it is held
    with pytest.raises(ModelError, match="closed"):
        runtime.input_tensor()
