"""`--compile`: the accelerator's own file beside the .tflite, and what it leaves to the CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from edgeseg.cli import main
from edgeseg.converters import ConvertOptions, convert
from edgeseg.converters.compilers import why_not
from edgeseg.converters.delegates import target
from edgeseg.converters.delegates.op import read_ops
from edgeseg.errors import ConfigError
from edgeseg.modelfile import read_manifest

U55 = "ethos-u55-128"


@pytest.fixture
def options(color_net: Any, pictures: Path, tmp_path: Path) -> ConvertOptions:
    if reason := why_not(target(U55)):
        pytest.skip(reason)
    keras.utils.set_random_seed(1)
    path = tmp_path / "learned.keras"
    color_net("learned").save(path)
    return ConvertOptions(
        str(path),
        tmp_path / "o.tflite",
        "int8",
        calibration=pictures,
        min_agreement=0.8,
        refine=False,
        target=U55,
        compiled=True,
    )


def test_all_runs_on_the_accelerator_where_the_untouched_network_does_not(
    options: ConvertOptions,
) -> None:
    report = convert(options)
    assert report.compiled is not None
    assert report.compiled.cpu_operators == ()
    assert report.compiled.cycles > 0
    assert report.compiled.untouched is not None
    assert [one.name for one in report.compiled.untouched.cpu_operators] == ["TRANSPOSE_CONV"]
    content = report.compiled.path.read_bytes()
    assert [op.name for op in read_ops(content)] == ["CUSTOM ethos-u"]
    assert read_manifest(content) == report.manifest


def test_what_is_kept_on_the_cpu_is_named(
    options: ConvertOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["convert", options.source, "--int8", "--no-refine", "--min-agreement", "0.8"]
    words += ["--calib", str(options.calibration), "-o", str(options.output)]
    assert main([*words, "--target", U55, "--compile", "--swap", "keep"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "CPU operators 1, in no figure: TRANSPOSE_CONV" in shown


def test_without_a_compiler_nothing_is_converted(options: ConvertOptions) -> None:
    with pytest.raises(ConfigError, match=r"--compile has no compiler for .*Edge TPU"):
        convert(replace(options, target="edgetpu"))
    with pytest.raises(ConfigError, match=r"--compile needs a --target"):
        convert(replace(options, target="cpu"))
    assert not options.output.exists()
