"""What a measurement says, in words, tables and JSON."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from edgeseg.benchmarks.accuracy import Accuracy
from edgeseg.benchmarks.cases import STAGES, Case, What
from edgeseg.benchmarks.host import Host, Strain
from edgeseg.benchmarks.outputs import to_markdown, write_csv
from edgeseg.benchmarks.page import write_bench_report
from edgeseg.benchmarks.paired import Plan, Recording, Round, WarmUp
from edgeseg.benchmarks.record import from_json, load, save_json, thinned, to_json
from edgeseg.benchmarks.report import notes, sentences, standings
from edgeseg.benchmarks.suite import BenchOptions, BenchReport
from edgeseg.benchmarks.table import caption, on_front, tables
from edgeseg.benchmarks.variants import Variant
from edgeseg.errors import ConfigError
from edgeseg.labels import STREET
from edgeseg.manifest import Head, Manifest, Preparation, Size

HOST = Host("Some CPU", "x86_64", 2, 2, None, "Linux", "3.11", {"edgeseg": "0.1"}, "native")
QUIET = Strain(0.1, 0.5, 0.0, 0.0)


def case(label: str, *, upsampling: str = "bilinear", agreement: float = 0.99) -> Case:
    return Case(
        label=label,
        variant=Variant(label, label),
        path=Path(f"{label}.tflite"),
        sha256=label,
        size_bytes=650_000,
        manifest=Manifest(
            labels=STREET.names,
            palette=STREET.palette,
            preparation=Preparation(Size(480, 352)),
            head=Head("logits", 8),
            upsampling=upsampling,
            precision="int8",
            proof={"agreement": agreement},
        ),
        runtime="litert 2.3.0 (XNNPACK)",
        threads=2,
    )


def report(
    *factors: float, noise: float = 0.002, sittings: int = 8, what: What = "network", **cases: Any
) -> BenchReport:
    """A report on models whose times are `factors` times 4 ms."""
    rng = np.random.default_rng(1)
    stages = len(STAGES[what])
    made = tuple(case(f"model{index}", **cases) for index in range(len(factors)))
    rounds = [
        Round(
            sitting,
            tuple(range(len(factors))),
            tuple(
                0.004 / stages * factor * np.exp(noise * rng.standard_normal((5, stages)))
                for factor in factors
            ),
        )
        for sitting in range(sittings)
        for _ in range(5)
    ]
    labels = tuple(entry.label for entry in made)
    warm = [WarmUp(9, 0.2, True, 0.004)] * len(made)
    recording = Recording(labels, warm, rounds, 12.0)
    options = BenchOptions(tuple(entry.variant for entry in made), what=what, plan=Plan(seed=7))
    return BenchReport(options, made, HOST, QUIET, recording, interrupted=False)


def drawn(measured: BenchReport, width: int) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width)
    for table in tables(measured, console):
        console.print(table)
    return out.getvalue()


def test_a_faster_model_is_called_faster() -> None:
    (sentence,) = sentences(report(1.31, 1.0))
    assert sentence.startswith("model1 is 1.31")
    assert "x faster than model0 (95% interval 1.3" in sentence


def test_a_slower_model_is_called_slower() -> None:
    assert "model1 is 1.50x slower than model0" in sentences(report(1.0, 1.5, noise=0.02))[0]
    assert "model1 is 30.0x slower than model0" in sentences(report(1.0, 30.0, noise=0.001))[0]


def test_equal_models_are_not_distinguishable() -> None:
    (sentence,) = sentences(report(1.0, 1.0))
    assert sentence.startswith("model1 and model0 are not distinguishable (ratio 1.00")
    assert "equal within 2 %" in sentence


def test_noise_says_what_it_could_hide() -> None:
    (sentence,) = sentences(report(1.0, 1.05, noise=0.3))
    assert "not distinguishable" in sentence
    assert "would not show; try a longer --seconds" in sentence


def test_every_other_model_is_held_against_the_first() -> None:
    assert [line.split()[0] for line in sentences(report(1, 2, 3))] == ["model1", "model2"]


def test_too_few_sittings_give_no_verdict() -> None:
    assert "too few rounds for a verdict" in sentences(report(1.0, 2.0, sittings=2))[0]


def test_standings_are_of_all_calls() -> None:
    first, second = standings(report(1.0, 2.0))
    assert first.median_ms == pytest.approx(4.0, rel=0.01)
    assert first.min_ms < first.median_ms < first.p95_ms
    assert first.calls == second.calls == 200
    assert first.ratio is None


def test_stages_stand_apart_and_add_up() -> None:
    measured = report(1.0, 2.0, what="frame")
    first, _ = standings(measured)
    assert list(first.stages_ms) == ["prepare", "infer", "decode", "overlay"]
    assert sum(first.stages_ms.values()) == pytest.approx(first.median_ms, rel=0.01)
    assert "prepare" in drawn(measured, 120)


def test_notes_name_what_weakens_the_figures() -> None:
    measured = report(1.0, 1.0, agreement=0.5)
    same = (measured.cases[0], replace(measured.cases[1], sha256=measured.cases[0].sha256))
    measured.recording.warm_ups[1] = WarmUp(9, 2.0, settled=False, call_s=0.004)
    busy = replace(QUIET, others_cores=1.5)
    text = "\n".join(notes(replace(measured, cases=same, strain=busy, interrupted=True)))
    assert "model0 and model1 are the same file byte for byte" in text
    assert "still moved after the warm-up of model1" in text
    assert "low agreement with float of model0 (50%), model1 (50%)" in text
    assert "busy host: other programs used 1.5 of 2 cores" in text
    assert "interrupted after 40 rounds" in text
    assert notes(report(1.0, 1.0)) == []


def test_a_busy_host_is_flagged_beside_the_number() -> None:
    assert "median !" in drawn(replace(report(1, 2), strain=replace(QUIET, steal_share=0.1)), 80)
    assert "median !" in drawn(
        replace(report(1, 2), strain=replace(QUIET, throttled=("throttled",))), 80
    )
    assert "!" not in drawn(report(1, 2), 80)


@pytest.mark.parametrize("what", ["network", "frame"])
@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal(what: What, width: int) -> None:
    measured = report(1, 2, 3, what=what)
    differing = tuple(
        replace(entry, label=f"fcn8:{kind}", manifest=replace(entry.manifest, upsampling=kind))
        for entry, kind in zip(measured.cases, ("transpose", "bilinear", "nearest"), strict=True)
    )
    text = drawn(replace(measured, cases=differing), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    for words in ("reference", "slower", "transpose", "upsampling", "2.00", "interval"):
        assert words in text


def test_what_all_share_is_said_once() -> None:
    text = " ".join(caption(report(1, 2)))
    assert "all: precision int8, upsampling bilinear, head coarse, input 480x352, 635 KiB" in text
    assert "2 threads on 2 cores" in text
    assert "runtime: litert 2.3.0 (XNNPACK)" in text


def test_runtimes_that_differ_are_told_apart() -> None:
    measured = report(1, 2, 3)
    cases = (*measured.cases[:2], replace(measured.cases[2], runtime="litert 2.3.0 (builtin)"))
    lines = caption(replace(measured, cases=cases))
    assert "runtime: litert 2.3.0 (XNNPACK), but" in lines
    assert "runtime of model2: litert 2.3.0 (builtin)" in lines


def test_threads_that_differ_take_a_column_and_are_no_same_file() -> None:
    measured = report(1, 2)
    first = measured.cases[0]
    cases = (first, replace(first, label="again", threads=1))
    both = replace(measured, cases=cases)
    assert "1 or 2 threads on 2 cores" in " ".join(caption(both))
    assert "threads" in drawn(both, 80)
    assert notes(both) == []


def test_one_model_alone_has_figures_and_no_verdict() -> None:
    measured = report(1.0)
    assert sentences(measured) == []
    assert "ratio" not in drawn(measured, 80)


def test_accuracy_stands_beside_the_times_and_the_front_is_marked() -> None:
    measured = report(1, 2, 3)
    found = tuple(Accuracy(miou, 0.9, 101, "camvid") for miou in (0.5, 0.7, 0.6))
    rated = replace(measured, accuracy=found)
    text = drawn(rated, 80)
    assert "* 0.500" in text
    assert "* 0.700" in text
    assert "* 0.600" not in text
    assert "0.900" in text
    assert on_front(rated) == (0, 1)
    assert "mIoU: on the 101 images of camvid; *: none is faster and better" in caption(rated)


@pytest.mark.parametrize("accuracy", [(), (Accuracy(0.5, None, 3, "data"), None)])
def test_what_was_saved_is_what_is_loaded(tmp_path: Path, accuracy: tuple[Any, ...]) -> None:
    measured = replace(report(1.0, 2.0, what="frame"), accuracy=accuracy)
    save_json(measured, tmp_path / "out.json")
    found = load(tmp_path / "out.json")
    assert to_json(from_json(to_json(found))) == to_json(found)
    calls_ms = found.recording.calls_ms(1)
    assert calls_ms == pytest.approx(measured.recording.calls_ms(1), abs=1e-4)  # as it is rounded
    assert (found.cases, found.host, found.accuracy) == (measured.cases, HOST, accuracy)
    assert sentences(found) == sentences(measured)
    assert drawn(found, 120) == drawn(measured, 120)


def test_a_thin_report_keeps_the_medians_of_rounds() -> None:
    measured = report(1.0, 2.0, what="frame")
    thin = thinned(measured)
    assert thin.recording.calls_ms(1).shape == (40, 4)
    medians = [entry.recording.round_medians(1) for entry in (thin, measured)]
    assert medians[0] == pytest.approx(medians[1], rel=0.01)
    assert len(to_json(thin)) < len(to_json(measured)) * 0.6


def test_csv_has_a_row_for_each_variant_with_units(tmp_path: Path) -> None:
    measured = report(1.0, 2.0, what="frame")
    write_csv(measured, tmp_path / "out.csv")
    first, second = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert (first["variant"], first["ratio"], first["verdict"]) == ("model0", "", "")
    assert float(second["median_ms"]) == pytest.approx(8.0, rel=0.01)
    assert float(second["decode_ms"]) == pytest.approx(2.0, rel=0.01)
    assert second["verdict"] == "slower"
    assert second["miou"] == ""


@pytest.mark.parametrize("what", ["network", "frame"])
def test_the_page_tells_all_and_needs_nothing_from_elsewhere(tmp_path: Path, what: What) -> None:
    found = tuple(Accuracy(miou, None, 101, "camvid") for miou in (0.5, 0.7, 0.6))
    measured = replace(report(1.0, 2.0, 3.0, what=what), accuracy=found)
    write_bench_report(measured, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    for line in (*sentences(measured), *caption(measured), "model0 vs model1 vs model2"):
        assert html.escape(line) in text
    assert text.count("<polygon") == 3
    assert ("<h2>Stages</h2>" in text) == (what == "frame")
    assert text.count('class="dot marked"') == 2
    assert text.count('class="dot"') == 1
    assert "Some CPU" in text
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)


def test_the_page_of_one_model_without_accuracy(tmp_path: Path) -> None:
    write_bench_report(report(1.0), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Time against accuracy" not in text
    assert text.count("<polygon") == 1


def test_markdown_is_the_table_the_verdicts_and_what_to_know() -> None:
    found = tuple(Accuracy(miou, None, 101, "camvid") for miou in (0.5, 0.7))
    busy = replace(QUIET, others_cores=1.5)
    text = to_markdown(replace(report(1.0, 2.0), accuracy=found, strain=busy))
    lines = text.splitlines()
    heads = ["variant", "mIoU", "median !, ms", "p95, ms", "p99, ms", "ratio"]
    assert lines[0] == f"| {' | '.join([*heads, '95 % interval', 'verdict'])} |"
    assert lines[1] == f"| --- |{' ---: |' * 7}"
    assert lines[2].startswith("| model0 | * 0.500 | 4.00 |")
    assert len({line.count("|") for line in lines[:4]}) == 1
    for words in ("- model1 is 2.0", "- timed: the network alone", "- busy host"):
        assert words in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "names no schema"),
        ('{"schema": "edgeseg-bench-1"}', "expected 'edgeseg-bench-2'"),
        ('{"schema": "edgeseg-bench-2"}', "damaged"),
    ],
)
def test_what_is_no_measurement_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "out.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / "out.json")


def test_a_damaged_round_is_refused() -> None:
    raw = json.loads(to_json(report(1.0, 2.0)))
    raw["rounds"][3]["calls_ms"].pop()
    with pytest.raises(ConfigError, match="damaged"):
        from_json(json.dumps(raw))


def test_json_holds_every_call(tmp_path: Path) -> None:
    measured = report(1.0, 2.0, what="frame")
    save_json(measured, tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found == json.loads(to_json(measured))
    assert found["schema"] == "edgeseg-bench-2"
    assert found["complete"] is True
    assert found["stages"] == ["prepare", "infer", "decode", "overlay"]
    assert found["options"]["seed"] == 7
    assert found["host"]["cpu"] == "Some CPU"
    assert found["variants"][1]["verdict"] == "slower"
    assert found["variants"][1]["ratio"]["low"] <= 2.0 <= found["variants"][1]["ratio"]["high"]
    calls = np.concatenate([entry["calls_ms"][1] for entry in found["rounds"]])
    assert calls.shape == (200, 4)
    assert np.median(calls.sum(axis=1)) == pytest.approx(
        found["variants"][1]["median_ms"], abs=1e-3
    )
