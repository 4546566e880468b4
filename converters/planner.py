"""Which form each upsampling of a network takes on a target, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgeseg.errors import ConfigError, GateError

from .delegates.op import Op
from .delegates.rates import predicted_ms, rate_set
from .delegates.target import Target, check_ops
from .options import Precision
from .rewrite.form import Form
from .rewrite.forms import FORMS, form
from .rewrite.sites import Kind, Site

AUTO, KEEP = "auto", "keep"

# A swap must be worth it: two exact forms this close in predicted time are as good as equal.
_WORTH = 1.1

_ACTIVATIONS: dict[Precision, str] = {"int8": "int8", "int16x8": "int16"}


@dataclass(frozen=True)
class Considered:
    """A form that was looked at for a site.

    Attributes:
        form: which.
        exact: whether it computes the same there.
        obstacles: why the target does not run it; empty where it does.
        source: of the rule behind the first obstacle, or of the last operator's rule.
        cost_ms: predicted time, for comparison with other forms on the same target only.
    """

    form: Form
    exact: bool
    obstacles: tuple[str, ...]
    source: str
    cost_ms: float


@dataclass(frozen=True)
class Decision:
    """What a site becomes.

    Attributes:
        site: the upsampling call.
        candidates: forms to take, the best first; all exact, or else none is.
        exact: whether they compute the same as before.
        why: in words.
        source: what says so: a document, a file or a measurement.
        forced: `--swap` named the form.
    """

    site: Site
    candidates: tuple[Form, ...]
    exact: bool
    why: str
    source: str
    forced: bool = False

    @property
    def keeps(self) -> bool:
        """Whether the site stays as it is."""
        return self.candidates[0].name == KEEP


def decide(
    sites: Iterable[Site], target: Target, precision: Precision, swap: str = AUTO
) -> tuple[Decision, ...]:
    """Choose a form for every site.

    Exact forms that the target runs are taken before all others, the quickest by prediction first;
    approximate ones only where no exact one runs.

    Args:
        sites: upsampling calls.
        target: where the file is to run.
        precision: of the file.
        swap: `auto`, `keep`, or the form to take wherever it can be built.

    Raises:
        ConfigError: `swap` is no form.
        GateError: a site has no form that runs there; with every reason.
    """
    if swap not in (AUTO, KEEP):
        form(swap)  # says which there are
    activations = _ACTIVATIONS.get(precision, "float32")
    made = [_decide(site, target, activations, swap) for site in sites]
    refused = [one for one in made if isinstance(one, str)]
    if refused:
        raise GateError("; ".join(refused))
    return tuple(one for one in made if isinstance(one, Decision))


def check_precision(target: Target, precision: Precision) -> None:
    """Check that a target takes files of a precision.

    Raises:
        ConfigError: it does not; with the flag that would do.
    """
    activations = _ACTIVATIONS.get(precision, "float32")
    if activations in target.types or _is_the_cpu(target):
        return
    flags = {"int8": "--int8", "uint8": "--int8", "float32": "--float32", "int16": "--int16x8"}
    ways = dict.fromkeys(flags[kind] for kind in target.types if kind in flags)
    raise ConfigError(
        f"{target.title} takes {', '.join(target.types)} activations, not those of {precision}; "
        f"add {' or '.join(ways)}"
    )


def consider(site: Site, target: Target, activations: str) -> tuple[Considered, ...]:
    """Return every form that can be built for `site`, with what speaks for and against it."""
    fitting = (one for one in FORMS if not one.fits(site))
    return tuple(
        _considered(one, site, target, activations)
        for one in fitting
        if _converts(one, site, activations)
    )


def _converts(one: Form, site: Site, activations: str) -> bool:
    """Whether TensorFlow Lite's converter can make the form: it has no int16 depth to space."""
    ops = one.ops(site, activations) if activations == "int16" else ()
    return all(op.name != "DEPTH_TO_SPACE" for op in ops)


def _considered(one: Form, site: Site, target: Target, activations: str) -> Considered:
    ops = one.ops(site, activations)
    obstacles, source = _obstacles(ops, target)
    return Considered(one, one.exact, obstacles, source, predicted_ms(ops, target.rates))


def _obstacles(ops: Sequence[Op], target: Target) -> tuple[tuple[str, ...], str]:
    """Return why the target does not run the operators, and the source that says so."""
    check = check_ops(tuple(ops), target)
    left_out = check.left_out
    if not left_out or _is_the_cpu(target):
        heaviest = max(check.placements, key=lambda placement: placement.op.macs, default=None)
        return (), heaviest.source if heaviest else ""
    reasons = (f"{one.op.name}: {', '.join(one.reasons)}" for one in left_out)
    return tuple(dict.fromkeys(reasons)), left_out[0].source


def _is_the_cpu(target: Target) -> bool:
    """Whether what the delegate leaves out runs on the same cores: a matter of time alone."""
    return target.compiler == "xnnpack"


def _decide(site: Site, target: Target, activations: str, swap: str) -> Decision | str:
    if swap == KEEP:
        return Decision(site, (form(KEEP),), True, "asked for with --swap", "", forced=True)
    if swap != AUTO:
        return _forced(site, target, activations, swap)
    considered = consider(site, target, activations)
    running = [one for one in considered if not one.obstacles]
    exact = sorted((one for one in running if one.exact), key=lambda one: one.cost_ms)
    if exact:
        return _exact(site, exact, considered, target)
    if running:
        return Decision(
            site,
            tuple(one.form for one in running),
            False,
            f"no exact form runs there: {_against(considered)}",
            _source_against(considered),
        )
    return (
        f"{site.name} ({site.kind}, stride {max(site.stride)}) has no form that runs on "
        f"{target.title}: {_against(considered, everything=True)}; --swap keep leaves it to the "
        "CPU, --head coarse leaves a last upsampling to edgeseg"
    )


def _exact(
    site: Site, exact: list[Considered], considered: tuple[Considered, ...], target: Target
) -> Decision:
    best = exact[0]
    kept = next((one for one in exact if one.form.name == KEEP), None)
    if kept is not None and kept.cost_ms <= _WORTH * best.cost_ms:
        return Decision(site, (kept.form,), True, "it runs there, no form is quicker", kept.source)
    first = next(one for one in considered if one.form.name == KEEP)
    if first.obstacles:
        return Decision(site, (best.form,), True, first.obstacles[0], first.source)
    why = f"about {first.cost_ms / best.cost_ms:.2g} times faster"
    return Decision(site, (best.form,), True, why, rate_set(target.rates).source)


# What a form can be forced on, by the first word of its name; others take every kind.
_FOR_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "subpixel": ("transpose",),
    "refit": ("transpose",),
    "bilinear": ("transpose", "bilinear"),
    "nearest": ("nearest",),
    "transpose": ("bilinear", "nearest"),
}


def _forced(site: Site, target: Target, activations: str, swap: str) -> Decision:
    """Take the form that `--swap` names, or of its variants one that is exact and runs.

    Raises:
        GateError: the form cannot be built for the site.
    """
    kinds = _FOR_KINDS.get(swap.partition("-")[0], (site.kind,))
    if site.kind not in kinds or (swap == "bilinear" and site.kind == "bilinear"):
        return Decision(site, (form(KEEP),), True, f"{swap} is not for {site.kind} layers", "")
    family = [one for one in FORMS if one.name == swap or one.name.startswith(f"{swap}-")]
    able = [one for one in family if not one.fits(site)]
    considered = [_considered(one, site, target, activations) for one in able]
    exact = sorted(
        (one for one in considered if one.exact and not one.obstacles), key=lambda one: one.cost_ms
    )
    if exact:
        return Decision(site, (exact[0].form,), True, "asked for with --swap", "", forced=True)
    plain = form(swap)
    reason = plain.fits(site)
    if reason and (plain.exact is False or site.input_shape[3] != site.output_shape[3]):
        raise GateError(f"--swap {swap} cannot take the place of {site.name}: {reason}")
    why = f"asked for with --swap, though {reason}" if reason else "asked for with --swap"
    return Decision(site, (plain,), plain.exact and not reason, why, "", forced=True)


def _against(considered: Iterable[Considered], *, everything: bool = False) -> str:
    """Return what keeps forms from running, in words."""
    told = [one for one in considered if one.obstacles and (everything or one.exact)]
    return "; ".join(f"{one.form.name} ({', '.join(one.obstacles)})" for one in told)


def _source_against(considered: Iterable[Considered]) -> str:
    return next((one.source for one in considered if one.obstacles), "")
