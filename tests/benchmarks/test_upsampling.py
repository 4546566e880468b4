"""The benchmark of upsampling forms: what it measures, shows, keeps and fits."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edgeseg.benchmarks.paired import Plan
from edgeseg.benchmarks.upsampling.__main__ import main
from edgeseg.benchmarks.upsampling.fit import Sample, fit, write_rates
from edgeseg.benchmarks.upsampling.least_squares import nonnegative_least_squares
from edgeseg.benchmarks.upsampling.results import (
    Contender,
    Cycles,
    Group,
    Network,
    Operator,
    Results,
    Time,
    blocks_only,
    load,
    save,
)
from edgeseg.benchmarks.upsampling.run import Options, run
from edgeseg.benchmarks.upsampling.show import BEGIN, END, draw, write_markdown
from edgeseg.converters.delegates.rates import FILE
from edgeseg.errors import ConfigError, DataError
from edgeseg.manifest import Size

HOST = {
    "cpu": "Some CPU",
    "machine": "x86_64",
    "cores": 2,
    "usable_cores": 2,
    "governor": None,
    "system": "Linux",
    "python": "3.11",
    "packages": {"ai-edge-litert": "2.3.0"},
    "kernels": "native",
}
SETTINGS = {
    "date": "2026-11-23",
    "size": "64x64",
    "classes": 4,
    "taps": 2,
    "kernels": "xnnpack",
    "target": "cpu",
    "vela": "5.2.0",
}
QUIET = {"load_before": 0.1, "load_after": 0.9, "steal_share": 0.0, "others_cores": 0.0}


def transposed(stride: int, classes: int = 4, taps: int = 2) -> Contender:
    elements = 64 * 64 * classes
    operator = Operator(
        "TRANSPOSE_CONV",
        "int8",
        elements * classes * taps**2,
        elements * stride**2,
        elements,
    )
    return Contender("keep", "learned kernel", "as it is", True, (operator,))


def convolved(classes: int = 4, taps: int = 2) -> Contender:
    elements = 64 * 64 * classes
    macs = elements * classes * taps**2
    operators = (
        Operator("CONV_2D", "int8", macs, elements, elements),
        Operator("DEPTH_TO_SPACE", "int8", 0, elements, elements),
    )
    return Contender("subpixel", "learned kernel", "convolution", True, operators)


def resized(classes: int = 4) -> Contender:
    elements = 64 * 64 * classes
    operator = Operator("RESIZE_BILINEAR", "int8", 0, elements, elements)
    return Contender("bilinear-chain", "bilinear resize", "steps of 2", False, (operator,))


def group(stride: int, threads: int = 1) -> Group:
    return Group(
        precision="int8",
        stride=stride,
        threads=threads,
        kernels=("litert 2.3.0 (XNNPACK)",) * 3,
        forms=(transposed(stride), convolved(), resized()),
        times=(
            Time(8.0, 7.9, 100),
            Time(0.4, 0.39, 900, 0.05, 0.048, 0.052, "faster"),
            Time(8.1, 8.0, 100, 1.01, 0.99, 1.04, "not distinguishable"),
        ),
        rounds_ms=(((8.0, 8.2), (0.4, 0.5), (8.1, 8.1)),),
    )


def cycles(stride: int) -> tuple[Cycles, ...]:
    return (
        Cycles(stride, transposed(stride), "ethos-u55-128", 0, 0.0, 0, ("TRANSPOSE_CONV",)),
        Cycles(stride, convolved(), "ethos-u55-128", 250_000, 0.5, 9000, ()),
    )


def network(agreement: float = 1.0) -> Network:
    return Network(
        model="fcn8",
        size="64x64",
        target="cpu",
        forms=("up: subpixel",),
        agreement=agreement,
        pixels=1_000_000,
        int8_agreements=(0.98, 0.985),
        threads=1,
        planned=Time(10.0, 9.9, 200),
        untouched=Time(40.0, 39.0, 50, 4.0, 3.85, 4.17, "slower"),
        stock=Time(60.0, 59.0, 30, 6.0, 5.8, 6.1, "slower"),
    )


@pytest.fixture
def results() -> Results:
    return Results(
        SETTINGS,
        HOST,
        QUIET,
        groups=(group(2), group(8)),
        networks=(network(0.99999996),),
        cycles=(*cycles(2), *cycles(8)),
        complete=True,
    )


def drawn(results: Results, width: int) -> str:
    out = io.StringIO()
    draw(results, Console(file=out, width=width))
    return out.getvalue()


def test_results_are_the_same_after_reading(results: Results, tmp_path: Path) -> None:
    save(results, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == results


def test_a_reference_keeps_the_median_of_each_block(results: Results) -> None:
    small = blocks_only(results)
    assert small.groups[0].rounds_ms == ((8.1, 0.45, 8.1),)
    assert small.groups[0].times == results.groups[0].times


@pytest.mark.parametrize("text", ["{}", "[1]", "no json", '{"schema": "edgeseg-bench-1"}'])
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json"):
        load(tmp_path / "a.json")


def test_tables_give_times_ratios_and_their_intervals(results: Results) -> None:
    text = drawn(results, 80)
    assert "int8, 1 thread, 64x64x4 output" in text
    assert "0.40 ms" in text
    assert "0.050±0.002" in text
    assert max(map(len, text.splitlines())) <= 80


def test_tables_mark_what_computes_something_else(results: Results) -> None:
    lines = drawn(results, 80).splitlines()
    assert any(line.startswith("~bilinear-chain") for line in lines)
    assert any(line.startswith("subpixel") for line in lines)


def test_tables_never_hide_what_falls_back(results: Results) -> None:
    text = drawn(results, 80)
    assert "all on CPU" in text
    assert "0.25 M" in text


def test_networks_are_told_with_speed_interval_and_pixels(results: Results) -> None:
    text = drawn(results, 120)
    assert "4.00x (3.85-4.17)" in text
    assert "6.00x (5.80-6.10)" in text
    assert "99.9999 %" in text  # one pixel of many is not 100 %
    assert "100 %" in drawn(replace(results, networks=(network(),)), 120)


def test_a_busy_machine_and_an_interrupted_run_are_told(results: Results) -> None:
    assert "!" not in drawn(results, 80)
    busy = replace(results, strain={**QUIET, "others_cores": 1.2}, complete=False)
    assert "busy host: other programs used 1.2" in drawn(busy, 80)
    assert "not everything was measured" in drawn(busy, 80)


def test_markdown_replaces_only_what_stands_between_the_marks(
    results: Results, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_markdown(results, page)
    once = page.read_text()
    assert once.startswith(f"before\n{BEGIN}\n")
    assert once.endswith(f"{END}\nafter\n")
    assert "old" not in once
    assert "| subpixel | 0.40 ms<br>0.050±0.002 |" in once
    write_markdown(results, page)
    assert page.read_text() == once


def test_a_page_without_marks_is_left_alone(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine")
    with pytest.raises(ConfigError, match="upsampling tables: begin"):
        write_markdown(results, page)
    assert page.read_text() == "mine"


def test_stored_results_are_shown_as_typed(results: Results, tmp_path: Path) -> None:
    save(results, tmp_path / "a.json")
    page = tmp_path / "new.md"
    done = CliRunner().invoke(main, ["--from", f"{tmp_path}/a.json", "--markdown", str(page)])
    assert done.exit_code == 0, done.output
    assert "stride 8" in done.output
    assert BEGIN in page.read_text()


def test_options_are_refused_with_all_reasons() -> None:
    typed = ["--strides", "3,1", "--precision", "int4", "--threads", "0", "--quick"]
    done = CliRunner().invoke(main, typed)
    assert done.exit_code == 1
    for reason in ("multiple of stride 3", "--strides 1", "int4", "--threads 0"):
        assert reason in done.output


@given(
    st.lists(st.lists(st.floats(0, 10), min_size=3, max_size=3), min_size=4, max_size=8),
    st.integers(0, 100),
)
def test_least_squares_are_those_of_scipy(rows: list[list[float]], seed: int) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    matrix = np.array(rows) + np.random.default_rng(seed).random((len(rows), 3))
    target = np.random.default_rng(seed + 1).standard_normal(len(rows))
    found = nonnegative_least_squares(matrix, target)
    assert (found >= 0).all()
    _, best = optimize.nnls(matrix, target)
    assert np.linalg.norm(matrix @ found - target) <= best + 1e-6


def samples(mac: float, element: float, copied: float) -> Iterator[Sample]:
    """Times of an imagined machine: of transposed convolutions and of convolution and copy."""
    for classes in (4, 16):
        for taps in (1, 2, 3):
            for contender in (transposed(4, classes, taps), convolved(classes, taps)):
                head, *rest = contender.operators
                slow = 5 if head.name == "TRANSPOSE_CONV" else 1
                ns = slow * (mac * head.macs + element * head.elements)
                ns += sum(copied * operator.elements for operator in rest)
                yield Sample(contender.operators, ns * 1e-6)


def test_a_fit_finds_the_rates_that_times_were_made_of() -> None:
    rates = fit(list(samples(mac=0.05, element=0.4, copied=0.2)))
    assert rates["TRANSPOSE_CONV"]["int8"]["mac"] == pytest.approx(0.25, rel=1e-3)
    assert rates["CONV_2D"]["int8"]["mac"] == pytest.approx(0.05, rel=1e-3)
    together = rates["CONV_2D"]["int8"].get("element", 0) + rates["DEPTH_TO_SPACE"]["int8"].get(
        "element", 0
    )
    assert together == pytest.approx(0.6, rel=1e-3)  # they stand together: only the sum is known


def test_rates_are_written_for_what_was_measured_alone(results: Results, tmp_path: Path) -> None:
    output, found = tmp_path / "rates.json", tmp_path / "a.json"
    output.write_bytes(FILE.read_bytes())
    save(results, found)
    write_rates([found], output)
    before, after = (json.loads(path.read_text()) for path in (FILE, output))
    assert list(after) == list(before)
    assert after["builtin"] == before["builtin"]
    assert after["ethos-u85"] == before["ethos-u85"]
    assert "64x64x4" in after["xnnpack"]["source"]
    # What Vela leaves to the CPU has no cycles to fit to.
    assert "TRANSPOSE_CONV" not in after["ethos-u55"]["rates"]
    assert after["ethos-u55"]["left_out"] == before["ethos-u55"]["left_out"]


TINY = Options(
    size=Size(16, 16),
    classes=2,
    strides=(2,),
    precisions=("int8",),
    threads=(1,),
    plan=Plan(seconds=0.05, rounds=6, target=0),
)


@pytest.mark.convert
def test_forms_are_timed_against_the_transposed_convolution(tmp_path: Path) -> None:
    kept: list[Results] = []
    vela = find_spec("ethosu") is not None
    options = replace(TINY, vela=vela, accelerators=("ethos-u55-128",), work=tmp_path / "files")
    results = run(options, lambda _: None, kept.append)
    assert kept[-1] == results
    assert results.complete
    (found,) = results.groups
    assert found.forms[0].name == "keep"
    assert found.forms[0].operators[0].name == "TRANSPOSE_CONV"
    assert found.times[0].ratio is None
    assert {"subpixel", "bilinear"} <= {form.name for form in found.forms}
    assert all(time.ratio and time.low and time.low <= time.ratio for time in found.times[1:])
    assert {len(block) for block in found.rounds_ms} == {len(found.forms)}
    subpixel = next(form for form in found.forms if form.name == "subpixel")
    assert "TRANSPOSE_CONV" not in {operator.name for operator in subpixel.operators}
    if vela:
        left = {entry.form.name: entry.cpu_operators for entry in results.cycles}
        assert left["subpixel"] == ("DEPTH_TO_SPACE",)
        assert left["subpixel-reshape"] == ()


def learned_network(path: Path) -> Path:
    """A network with 3 classes whose last layer is a transposed convolution of random weights."""
    import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((64, 64, 3))
    features = keras.layers.Conv2D(8, 3, strides=8, padding="same", activation="relu")(image)
    scores = keras.layers.Conv2D(3, 1)(features)
    up = keras.layers.Conv2DTranspose(3, 16, strides=8, padding="same", name="up")(scores)
    keras.Model(image, up).save(path)
    return path


@pytest.mark.convert
@pytest.mark.slow
def test_a_network_is_timed_untouched_and_planned(tmp_path: Path) -> None:
    model = learned_network(tmp_path / "small.keras")
    options = replace(TINY, forms=False, models=(model,), work=tmp_path / "files")
    (found,) = run(options, lambda _: None, lambda _: None).networks
    assert [form.partition(":")[0] for form in found.forms] == ["up"]
    assert "subpixel" in found.forms[0]
    assert found.agreement > 0.9999
    assert found.pixels > 64 * 64
    assert found.planned.ratio is None
    assert found.untouched.ratio is not None
    assert found.stock.ratio is not None
