"""From the network as it was built to the network that the target runs best, with the proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from edgeseg.errors import ModelError
from edgeseg.manifest import Size

from .calibrate import FramePlan, tensors
from .delegates import target as target_of
from .delegates.target import Target
from .floats import FloatNetwork, float_network
from .gate import Gate
from .load import Network
from .options import ConvertOptions
from .planner import AUTO, KEEP, Decision, check_precision, decide
from .prove import Proof, prove
from .quiet import quiet_tensorflow
from .rewrite.calls import Call, replace_calls
from .rewrite.fold import fold
from .rewrite.form import Features, Form
from .rewrite.forms import form
from .rewrite.head import Headed
from .rewrite.sites import Site, find_sites
from .saved_model import SavedNetwork
from .swaps import EXACT, MAX_SHIFT_PX, Build, Errors, Swap, describe_layer, measure

NO_TARGET = "none"
"""The target that leaves every layer as it is."""

MIN_EXACT, MIN_AGREEMENT = 0.999, 0.99
"""Least share of pixels whose class exact and approximate swaps must leave alone."""

_FRAMES = 4  # that errors are measured on
_FIT_FRAMES = 16  # that a form is fitted to

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rewritten:
    """A network in the form that a target wants.

    Attributes:
        headed: the network.
        target: None where every layer was left as it is.
        decisions: one for each upsampling call.
        swaps: those that took another form, with what that changed.
        proof: the rewritten float network against the float network; None where nothing changed.
        notes: what else was done, for the user.
        refusal: why it changes too much to be converted; empty where it does not.
    """

    headed: Headed
    target: Target | None = None
    decisions: tuple[Decision, ...] = ()
    swaps: tuple[Swap, ...] = ()
    proof: Proof | None = None
    notes: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def exact(self) -> bool:
        """Whether it computes what it computed before."""
        return all(swap.exact for swap in self.swaps)


def check_target(options: ConvertOptions) -> None:
    """Check what can be checked of the target and the swap without the model.

    Raises:
        ConfigError: there is no such target or form, or the target does not take the precision.
    """
    if options.target != NO_TARGET:
        check_precision(target_of(options.target), options.precision)
    if options.swap not in (AUTO, KEEP):
        form(options.swap)


def rewrite(
    headed: Headed,
    network: Network,
    reference: FloatNetwork,
    plan: FramePlan,
    options: ConvertOptions,
    tell: Tell,
) -> Rewritten:
    """Swap upsampling layers for what the target runs, and measure what that changes.

    Whether it changes too much stands in `refusal`.

    Args:
        headed: the network with the head that was asked for.
        network: where it came from.
        reference: the float network with its full head.
        plan: frames.
        options: of the conversion, which `check_target` has passed.
        tell: is told what is going on.

    Raises:
        GateError: a layer has no form that runs there.
        ModelError: `options.swap` names a form for a model that does not show its layers.
    """
    if options.target == NO_TARGET:
        return Rewritten(headed)
    target = target_of(options.target)
    if isinstance(network.model, SavedNetwork):
        return _unseen(headed, target, options)
    tell(f"planning for {target.title}")
    size = network.preparation.size
    with quiet_tensorflow():
        folded, notes = fold(headed.model, size)
        decisions = decide(find_sites(folded, size), target, options.precision, options.swap)
    if all(decision.keeps for decision in decisions):
        return Rewritten(replace(headed, model=folded), target, decisions, notes=notes)
    tell("measuring what the swaps change")
    chosen = _choose(folded, decisions, plan, network, size)
    swapped = replace(headed, model=_swapped(folded, size, chosen))
    if options.finetune is not None:
        swapped, more = _finetuned(swapped, headed, network, plan, options, tell, chosen)
        notes += more
    proof = _proof(swapped, network, reference, plan)
    shares = _shares(folded, headed, chosen, proof, (network, reference, plan))
    swaps = tuple(_record(one, shares[one.form.name]) for one in chosen)
    refusal = _refusal(proof, swaps, options)
    return Rewritten(swapped, target, decisions, swaps, proof, notes, refusal)


@dataclass(frozen=True)
class _Chosen:
    """A decision that was carried out."""

    decision: Decision
    form: Form
    build: Build
    errors: Errors

    @property
    def exact(self) -> bool:
        """Whether what was measured bears out what the form promises."""
        winner = self.decision.site.winner_only
        return self.decision.exact and (winner or self.errors.largest <= EXACT)


def _unseen(headed: Headed, target: Target, options: ConvertOptions) -> Rewritten:
    if options.swap not in (AUTO, KEEP):
        raise ModelError(
            f"--swap {options.swap} needs the layers, which a SavedModel does not show; convert "
            "the .keras file"
        )
    note = "upsampling layers stay as they are: a SavedModel does not show its layers"
    return Rewritten(headed, target, notes=(note,))


def _choose(
    model: Any,
    decisions: Sequence[Decision],
    plan: FramePlan,
    network: Network,
    size: Size,
) -> tuple[_Chosen, ...]:
    """Carry the decisions out: of candidates that are not exact take the one that errs least."""
    swapping = [decision for decision in decisions if not decision.keeps]
    features = _features(model, [decision.site for decision in swapping], plan, network, size)
    return tuple(_best(decision, features[decision.site.name]) for decision in swapping)


def _best(decision: Decision, features: Features) -> _Chosen:
    with quiet_tensorflow():
        made = [_made(decision, form, features) for form in decision.candidates]
    if decision.exact:
        return made[0]
    still = [one for one in made if one.errors.shift_px <= MAX_SHIFT_PX]
    return min(still or made, key=lambda one: one.errors.rms_interior + one.errors.rms_border)


def _made(decision: Decision, form: Form, features: Features) -> _Chosen:
    build = form.fit(decision.site, features) if form.fit else form.build
    return _Chosen(decision, form, build, measure(decision.site, build, features[:_FRAMES]))


def _features(
    model: Any, sites: Sequence[Site], plan: FramePlan, network: Network, size: Size
) -> Mapping[str, Features]:
    """Return what goes into each site, on other frames than the proof's where there are any."""
    import keras
    import tensorflow as tf

    taken: dict[str, Any] = {}
    names = {site.name for site in sites}

    def look(call: Call) -> None:
        if call.name in names:
            taken[call.name] = call.inputs[0]

    with quiet_tensorflow():
        whole = replace_calls(model, size, look)
        run = tf.function(keras.Model(whole.inputs, taken))
        frames = list(islice(_fit_frames(plan, network), _FIT_FRAMES))
        outputs = [run(tf.constant(frame)) for frame in frames]
    return {name: [output[name].numpy() for output in outputs] for name in names}


def _fit_frames(plan: FramePlan, network: Network) -> Iterable[Any]:
    others = [n for n in range(plan.pool.length) if n not in plan.proof] or list(plan.proof)
    pool = list(plan.calibration) or others
    step = max(1, len(pool) // _FIT_FRAMES)
    return tensors(plan.pool, pool[::step][:_FIT_FRAMES], network.preparation)


def _swapped(model: Any, size: Size, chosen: Iterable[_Chosen]) -> Any:
    by_name = {one.decision.site.name: one for one in chosen}

    def swap(call: Call) -> Any:
        one = by_name.get(call.name)
        return None if one is None else one.build(one.decision.site, call.inputs[0])

    with quiet_tensorflow():
        return replace_calls(model, size, swap)


def _finetuned(
    swapped: Headed,
    headed: Headed,
    network: Network,
    plan: FramePlan,
    options: ConvertOptions,
    tell: Tell,
    chosen: Sequence[_Chosen],
) -> tuple[Headed, tuple[str, ...]]:
    from .finetune import finetune

    if all(one.exact for one in chosen):
        return swapped, ("nothing was fine-tuned: every swap is exact",)
    folder = Path(str(options.finetune))

    def progress(epoch: int, epochs: int, picture: int, pictures: int, loss: float) -> None:
        tell(f"fine-tuning, epoch {epoch}/{epochs}, {picture}/{pictures}, loss {loss:.3f}")

    report = finetune(
        swapped.model,
        headed.model,
        network.preparation,
        folder,
        plan.ignore,
        epochs=options.finetune_epochs,
        progress=progress,
    )
    notes = [
        f"fine-tuned for {report.epochs} epochs on {report.pictures} pictures of {folder}, "
        f"{report.masks} with masks; the swaps' own errors are those before it"
    ]
    if report.skipped:
        notes.append(f"left out of fine-tuning: {'; '.join(report.skipped[:5])}")
    return replace(swapped, model=report.model), tuple(notes)


def _proof(headed: Headed, network: Network, reference: FloatNetwork, plan: FramePlan) -> Proof:
    made = float_network(headed.model, replace(network.manifest, head=headed.head))
    return prove(reference, made, plan, made.runtime.name)


def least_agreement(exact: bool, options: ConvertOptions) -> float:
    """Return the least agreement of a float network with the one that it was before its swaps."""
    if options.min_agreement is not None:
        return options.min_agreement
    if options.max_drop is not None and not exact:
        return 0.0
    return MIN_EXACT if exact else MIN_AGREEMENT


def _refusal(proof: Proof, swaps: Sequence[Swap], options: ConvertOptions) -> str:
    """Return why the network changed too much, with the figures of each swap; empty where not."""
    exact = all(swap.exact for swap in swaps)
    asked = Gate(least_agreement(exact, options), options.max_drop, calibrated=False)
    # What a fine-tuned network does at edges is in its agreement: other layers moved with the form.
    still = bool(options.finetune) or all(swap.shift_px <= MAX_SHIFT_PX for swap in swaps)
    return "" if still and asked.holds(proof) else asked.refusal_of_swaps(proof, swaps)


def _shares(
    model: Any,
    headed: Headed,
    chosen: Sequence[_Chosen],
    whole: Proof,
    held: tuple[Network, FloatNetwork, FramePlan],
) -> Mapping[str, float]:
    """Return the agreement of each form's swaps alone."""
    forms = list(dict.fromkeys(one.form.name for one in chosen))
    if len(forms) == 1:
        return {forms[0]: whole.agreement}
    network, reference, plan = held
    shares = {}
    for name in forms:
        part = [one for one in chosen if one.form.name == name]
        swapped = replace(headed, model=_swapped(model, network.preparation.size, part))
        shares[name] = _proof(swapped, network, reference, plan).agreement
    return shares


def _record(one: _Chosen, agreement: float) -> Swap:
    decision, errors = one.decision, one.errors
    return Swap(
        layer=decision.site.name,
        was=describe_layer(decision.site),
        form=one.form.name,
        title=one.form.title,
        exact=one.exact,
        max_interior=errors.max_interior,
        max_border=errors.max_border,
        rms_interior=errors.rms_interior,
        rms_border=errors.rms_border,
        shift_px=errors.shift_px,
        agreement=agreement,
        why=decision.why,
        source=decision.source,
    )
