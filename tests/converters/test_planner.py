"""Plans: what each upsampling layer of our own family becomes, on every target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters.delegates import TARGETS, all_targets, target
from edgeseg.converters.delegates.target import Target, check_ops
from edgeseg.converters.planner import Decision, check_precision, decide
from edgeseg.converters.rewrite.sites import Site, find_sites
from edgeseg.errors import ConfigError, GateError
from edgeseg.fcn.decoder import build_fcn
from edgeseg.manifest import Size

SIZE = Size(96, 64)
DECODERS = ("fcn8", "fcn16", "fcn32")
UPSAMPLINGS = ("transpose", "learned", "bilinear", "nearest")
Sites = Mapping[tuple[str, str], tuple[Site, ...]]


@pytest.fixture(scope="module")
def sites() -> Sites:
    """The upsampling layers of every decoder with every upsampling, full head."""
    return {(d, u): _sites(d, u) for d in DECODERS for u in UPSAMPLINGS}


def _sites(decoder: Any, upsampling: str) -> tuple[Site, ...]:
    built: Any = "transpose" if upsampling == "learned" else upsampling
    model = build_fcn(decoder, "mobilenetv2-0.35", built, 11, SIZE)
    if upsampling == "learned":
        rng = np.random.default_rng(0)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2DTranspose):
                layer.set_weights([rng.normal(size=w.shape, scale=0.1) for w in layer.weights])
    return find_sites(model, SIZE)


def _precision(of: Target) -> Any:
    return "int8" if "int8" in of.types else "float32"


def _obstacles(decision: Decision, of: Target) -> list[str]:
    kind = "int8" if _precision(of) == "int8" else "float32"
    ops = decision.candidates[0].ops(decision.site, kind)
    return [f"{one.op.name}: {one.reasons}" for one in check_ops(ops, of).left_out]


@pytest.mark.parametrize("name", [one.name for one in all_targets() if one.name != "cpu"])
def test_plans_hold_no_operator_that_the_table_forbids(name: str, sites: Sites) -> None:
    of = target(name)
    for found in sites.values():
        for decision in decide(found, of, _precision(of)):
            assert not _obstacles(decision, of)


@pytest.mark.parametrize("name", [one.name for one in all_targets()])
def test_exact_forms_are_all_that_is_needed(name: str, sites: Sites) -> None:
    """No target leaves our own family with an approximation."""
    of = target(name)
    inexact = {
        (*kind, decision.site.name): decision.why
        for kind, found in sites.items()
        for decision in decide(found, of, _precision(of))
        if not decision.exact
    }
    assert not inexact


def test_a_learned_kernel_is_never_a_mere_resize(sites: Sites) -> None:
    for of in TARGETS.values():
        for decoder in DECODERS:
            for decision in decide(sites[decoder, "learned"], of, _precision(of)):
                assert not decision.candidates[0].name.startswith("bilinear")


def test_transposed_convolutions_stay_where_the_resize_falls_back(sites: Sites) -> None:
    """The swap goes the other way on Core ML: it takes the one and refuses Keras's resize."""
    coreml = target("coreml")
    assert all(one.keeps for one in decide(sites["fcn8", "transpose"], coreml, "float32"))
    resized = decide(sites["fcn8", "bilinear"], coreml, "float32")
    assert [one.candidates[0].name for one in resized] == ["transpose"] * 3


def test_what_is_quick_and_runs_stays(sites: Sites) -> None:
    for decoder in DECODERS:
        assert all(one.keeps for one in decide(sites[decoder, "bilinear"], target("cpu"), "int8"))


def test_a_site_without_a_form_is_refused_with_every_reason(sites: Sites) -> None:
    bare = target("coreml")
    nothing = Target("none-such", "An empty target", "", ("float32",), {}, "its list, 2026")
    with pytest.raises(GateError) as refused:
        decide(sites["fcn16", "learned"], nothing, "float32")
    for part in ("scores_up_16", "logits_up", "subpixel (", "not in its list", "--swap keep"):
        assert part in str(refused.value)
    assert decide(sites["fcn16", "learned"], bare, "float32")


def test_asking_for_keep_asks_no_table(sites: Sites) -> None:
    of = target("ethos-u55-128")
    decisions = decide(sites["fcn32", "learned"], of, "int8", "keep")
    assert all(one.keeps and one.forced for one in decisions)


def test_a_forced_form_takes_only_the_kinds_it_is_for(sites: Sites) -> None:
    cpu = target("cpu")
    for upsampling in ("bilinear", "nearest"):
        for swap in ("subpixel", "refit"):
            assert all(one.keeps for one in decide(sites["fcn8", upsampling], cpu, "int8", swap))
    forced = decide(sites["fcn8", "learned"], cpu, "int8", "bilinear")
    assert not any(one.exact for one in forced)
    exact = decide(sites["fcn8", "transpose"], cpu, "int8", "bilinear")
    assert all(one.exact for one in exact)


@pytest.mark.parametrize(
    ("name", "precision", "advice"),
    [("edgetpu", "float32", "--int8"), ("coreml", "int8", "--float32")],
)
def test_a_target_says_which_precision_it_takes(name: str, precision: Any, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        check_precision(target(name), precision)


def test_the_cpu_runs_every_precision() -> None:
    check_precision(target("cpu"), "int16x8")
