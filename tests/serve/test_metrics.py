"""Metrics, read by Prometheus's own parser."""

from __future__ import annotations

import dataclasses

import pytest

from edgeseg.device import read_device
from edgeseg.monitor import Monitor, Progress
from edgeseg.serve.board import Board, ViewerCounts
from edgeseg.serve.metrics import metrics_text

from .conftest import MANIFEST, MakeResult, Serve

parser = pytest.importorskip("prometheus_client.parser")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> tuple[Samples, dict[str, str]]:
    samples: Samples = {}
    kinds = {}
    for family in parser.text_string_to_metric_families(text):
        kinds[family.name] = family.type
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return samples, kinds


def test_the_run_is_told_in_base_units(serve: Serve, make_result: MakeResult) -> None:
    page = serve(model="fcn8")
    page.sink.write(make_result(0))
    page.sink.write(make_result(1))
    answer = page.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples, kinds = parse(answer.text)
    assert samples["edgeseg_frames_masked_total", ()] == 5
    assert samples["edgeseg_frames_dropped_total", (("reason", "newer"),)] == 3
    assert samples["edgeseg_results_missed_total", (("output", "page"),)] == 1
    assert samples["edgeseg_frames_captured_total", ()] == 8
    assert samples["edgeseg_source_losses_total", ()] == 1
    assert samples["edgeseg_mask_age_seconds", ()] == 0.0125
    assert samples["edgeseg_stage_seconds_sum", (("stage", "infer"),)] == pytest.approx(0.004)
    assert samples["edgeseg_stage_seconds_count", (("stage", "infer"),)] == 2
    assert samples["edgeseg_class_coverage_ratio", (("class", "road"),)] == 0.5
    states = {key[1][0][1]: value for key, value in samples.items() if key[0].endswith("_state")}
    assert states["live"] == 1
    assert sum(states.values()) == 1
    assert kinds["edgeseg_frames_masked"] == "counter"
    assert kinds["edgeseg_stage_seconds"] == "summary"
    assert samples["process_cpu_seconds_total", ()] > 0


def test_before_the_first_frame_there_are_metrics(serve: Serve) -> None:
    samples, _ = parse(serve().get("/metrics").text)
    assert ("edgeseg_frame_age_seconds", ()) not in samples
    assert samples["edgeseg_viewers", ()] == 0


def test_labels_and_help_are_escaped(make_result: MakeResult) -> None:
    name = 'a "quoted" \\ back\nline'
    labels = (name, *MANIFEST.labels[1:])
    monitor = Monitor()
    monitor.attach(lambda: Progress(dropped={name: 2}))
    board = Board(dataclasses.replace(MANIFEST, labels=labels), monitor, name, {}, 0.5)
    board.add(make_result())
    text = metrics_text(board, read_device(), ViewerCounts())
    samples, _ = parse(text)
    assert samples["edgeseg_class_coverage_ratio", (("class", name),)] == 0.5
    assert samples["edgeseg_frames_dropped_total", (("reason", name),)] == 2
    assert all(line.startswith(("#", "edgeseg_", "process_")) for line in text.splitlines())


def test_every_counter_and_only_counters_end_in_total(
    serve: Serve, make_result: MakeResult
) -> None:
    page = serve()
    page.sink.write(make_result())
    for line in page.get("/metrics").text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name.endswith("_total") == (kind == "counter")
            assert not name.endswith(("_ms", "_mib", "_percent"))
