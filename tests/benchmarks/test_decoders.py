"""The decoder table of docs/decoders.md."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from edgeseg.benchmarks.accuracy import Accuracy
from edgeseg.benchmarks.decoders import markdown
from edgeseg.benchmarks.pages import fill
from edgeseg.benchmarks.paired import Recording, Round, WarmUp
from edgeseg.benchmarks.record import load
from edgeseg.benchmarks.suite import BenchReport
from edgeseg.benchmarks.variants import Variant
from edgeseg.cli import main
from edgeseg.errors import ConfigError

DATA = Path(__file__).parent.parent / "data"
INT8 = str(DATA / "tiny-int8.tflite")
NETWORKS = (("fcn32", "bilinear"), ("fcn8", "nearest"))


@pytest.fixture
def report(tmp_path: Path) -> BenchReport:
    """A real report whose variants are renamed: two networks on one and two threads."""
    path = tmp_path / "out.json"
    words = ["bench", INT8, "--what", "frame", "--seconds", "0.2", "--rounds", "1"]
    assert main([*words, "--json", str(path)]) == 0
    real = load(path)
    cases = tuple(
        replace(
            real.cases[0],
            label=f"{name}:{upsampling}:{count}t",
            variant=Variant(f"{name}:{upsampling}", name, upsampling, "int8", "auto"),
            threads=count,
        )
        for (name, upsampling), count in product(NETWORKS, (1, 2))
    )
    blocks = tuple(np.full((2, 4), time_s) for time_s in (0.004, 0.002, 0.006, 0.003))
    rounds = [Round(sitting, (0, 1, 2, 3), blocks) for sitting in range(6)]
    labels = tuple(case.label for case in cases)
    recording = Recording(labels, [WarmUp(1, 1.0, True, 0.01)] * 4, rounds, 6.0)
    accuracy = tuple(Accuracy(miou, None, 7, "data") for miou in (0.5, 0.5, 0.6, 0.6))
    return replace(real, cases=cases, recording=recording, accuracy=accuracy)


def test_it_has_a_row_for_each_network_and_columns_for_threads(report: BenchReport) -> None:
    lines = markdown(report).splitlines()
    assert "network, ms (1 thread)" in lines[0]
    assert "frame, ms (2 threads)" in lines[0]
    assert lines[2].startswith("| fcn32 | bilinear | int8 |")
    assert "| 0.500 | 4.00 | 16.00 | 1 | 2.00 | 8.00 * | 0.50 (0.50 to 0.50) |" in lines[2]
    assert "| 0.600 | 6.00 | 24.00 | 1.50 (1.50 to 1.50) | 3.00 | 12.00 * |" in lines[3]
    assert any("mIoU on 7 images" in line for line in lines)


def test_what_was_not_evaluated_makes_no_table(report: BenchReport) -> None:
    with pytest.raises(ConfigError, match="--data"):
        markdown(replace(report, accuracy=()))


def test_a_page_is_filled_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    assert fill(page, "x", "new") == (
        "before\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nafter\n"
    )
    with pytest.raises(ConfigError, match="no block"):
        fill(page, "y", "new")
