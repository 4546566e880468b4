"""The tables themselves: complete, sourced, and about operators, forms and flags that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from edgeseg.cli.convert import convert
from edgeseg.converters.delegates import TARGETS, all_targets, names, target
from edgeseg.converters.delegates.op import Op, Tensor, read_ops
from edgeseg.converters.delegates.rates import rate_set
from edgeseg.converters.delegates.target import Rule, Target, check_ops, place
from edgeseg.errors import ConfigError
from edgeseg.tflite_operators import operator_name

OPERATORS = frozenset(operator_name(code) for code in range(210))
TYPES = frozenset(["float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"])

# What edgeseg's forms and the usual encoders are made of: every table must say something of each.
_EMITTED = """
CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR DEPTH_TO_SPACE ADD
MUL CONCATENATION PAD STRIDED_SLICE RESHAPE TRANSPOSE TILE ARG_MAX SOFTMAX MEAN MAX_POOL_2D
AVERAGE_POOL_2D RELU RELU6 LOGISTIC HARD_SWISH FULLY_CONNECTED QUANTIZE DEQUANTIZE CAST SHAPE
"""
EMITTED = _EMITTED.split()

_FORMS = """
keep subpixel subpixel-reshape bilinear bilinear-padded bilinear-gain bilinear-chain bilinear-legacy
bilinear-align nearest-resize nearest-legacy nearest-chain transpose refit
"""
FORMS = _FORMS.split()


def rules() -> Iterator[tuple[Target, str, Rule]]:
    for one in TARGETS.values():
        for name, rule in one.rules.items():
            yield one, name, rule


def test_every_rule_has_a_source() -> None:
    assert not [(one.name, name) for one, name, rule in rules() if len(rule.source) < 10]
    assert all(one.listed and one.about and one.title for one in TARGETS.values())


def test_every_rule_is_about_an_operator_of_tflite() -> None:
    assert not [(one.name, name) for one, name, _ in rules() if name not in OPERATORS]


def test_types_and_versions_are_sane() -> None:
    for one, name, rule in rules():
        least, most = rule.versions
        assert 1 <= least <= most, (one.name, name)
        assert set(rule.types) <= TYPES, (one.name, name)
    assert all(one.types and set(one.types) <= TYPES for one in TARGETS.values())


def test_a_rule_that_says_no_has_nothing_else_to_say() -> None:
    for one, name, rule in rules():
        said = bool(rule.why) if rule.runs else bool(rule.limits or rule.types)
        assert not said, (one.name, name)


@pytest.mark.parametrize("name", names())
def test_no_rule_is_missing(name: str) -> None:
    assert not [one for one in EMITTED if one not in target(name).rules]


def test_remedies_name_forms_and_flags_that_exist() -> None:
    flags = {flag for option in convert.params for flag in option.opts}
    for one, name, rule in rules():
        swaps = re.findall(r"--swap (\S+?)(?=[\s,:;)]|$)", rule.remedy)
        assert set(swaps) <= set(FORMS), (one.name, name, rule.remedy)
        assert set(re.findall(r"--[a-z0-9]+", rule.remedy)) <= flags, (one.name, name, rule.remedy)


def test_upsampling_that_does_not_run_has_a_remedy() -> None:
    for one, name, rule in rules():
        if name.startswith(("RESIZE", "TRANSPOSE_CONV")) and not rule.runs:
            assert rule.remedy, (one.name, name)


def test_limits_read_on_after_needs() -> None:
    for one, name, rule in rules():
        for limit in (*one.limits, *rule.limits):
            assert re.match(r"[a-zA-Z0-9]", limit.text), (one.name, name)
            assert not limit.text.endswith("."), (one.name, name)


def test_rate_sets_and_accelerators_exist() -> None:
    for one in TARGETS.values():
        assert rate_set(one.rates).name == one.rates
        assert one.accelerator == (one.name if one.compiler == "vela" else "")


def test_short_names_stand_for_a_member_of_the_family() -> None:
    assert target("ethos-u55").name == "ethos-u55-128"
    assert target("ethos-u85").name == "ethos-u85-256"
    assert target("nnapi") is target("nnapi-30")


def test_an_unknown_target_is_met_with_near_names() -> None:
    with pytest.raises(ConfigError, match="ethos-u55"):
        target("ethos-55")
    with pytest.raises(ConfigError, match="known are cpu"):
        target("zzz")


def test_a_matrix_has_one_target_a_family() -> None:
    families = [one.name.rpartition("-")[0] or one.name for one in all_targets()]
    assert len(set(families)) == len(families)
    assert {"cpu", "gpu", "edgetpu", "tflm"} <= {one.name for one in all_targets()}


def test_every_condition_can_be_asked_of_every_operator(build: Any, cases: Any) -> None:
    for some in cases.values():
        ops = read_ops(build(some))
        for one in TARGETS.values():
            assert len(check_ops(ops, one).placements) == len(some)


def test_an_open_output_shape_is_not_taken_for_the_activations(build: Any, transposed: Any) -> None:
    (op,) = read_ops(build([transposed("int8", constant_shape=False)]))
    assert op.input is not None
    assert (op.input.dtype, len(op.input.shape)) == ("int8", 4)
    assert not place(op, target("cpu")).runs


def resize(factor: int, *, half_pixel: bool = False, version: int = 1, side: int = 8) -> Op:
    size = Tensor((2,), "int32", is_constant=True, values=(side * factor,) * 2)
    before, after = ((1, s, s, 8) for s in (side, side * factor))
    return Op(
        "RESIZE_BILINEAR",
        version,
        (Tensor(before, "int8"), size),
        (Tensor(after, "int8"),),
        {"half_pixel_centers": half_pixel, "align_corners": False},
    )


@pytest.mark.parametrize(
    ("name", "op", "runs"),
    [
        ("edgetpu", resize(2, half_pixel=True, version=3), False),
        ("edgetpu", resize(2, version=2), True),
        ("edgetpu", resize(8, version=2, side=64), False),
        ("hexagon", resize(8), True),
        ("hexagon", resize(8, side=16), False),
        ("nnapi-29", resize(2, half_pixel=True, version=3), False),
        ("nnapi-30", resize(2, half_pixel=True, version=3), True),
        ("coreml", resize(2), False),  # int8
        ("neutron", resize(8), True),
        ("neutron", resize(16), False),
        ("ethos-u55", resize(4, half_pixel=True, version=3), False),
        ("ethos-u85", resize(32, half_pixel=True, version=3), True),
    ],
)
def test_known_traps_of_resizes(name: str, op: Op, runs: bool) -> None:
    placed = place(op, target(name))
    assert placed.runs is runs
    assert runs or (placed.reasons and placed.source)


def test_all_reasons_come_at_once() -> None:
    placed = place(resize(32, half_pixel=True, version=3, side=16), target("edgetpu"))
    assert len(placed.reasons) == 2
    assert placed.reasons[0] == "version 3 of RESIZE_BILINEAR; it takes versions 1 to 2"
    assert placed.reasons[1].startswith("needs new sides of at most 256")
    assert "--swap bilinear-legacy" in placed.remedy
