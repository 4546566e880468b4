"""One runtime tries one model in this process, which may not survive it.

`python -m edgeseg.converters.compilers.child KIND MODEL RESULT PROBES`; see `process.run_child`.
What it finds out is written to RESULT as JSON, at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeseg.converters.delegates.op import read_ops
from edgeseg.runtimes import delegated_operators

from .culprit import find_culprit
from .litert import is_hybrid
from .probes import Arrays, difference, probe
from .reference import as_reference_wants
from .verdict import is_wrong

_ARENA_BYTES, _LARGE_BYTES = 2**26, 2**29

Facts = dict[str, Any]


def main() -> None:
    """Try the model that the command line names."""
    kind, model, result, probes = sys.argv[1:]
    facts = _KINDS[kind](Path(model).read_bytes(), int(probes))
    Path(result).write_text(json.dumps(facts), encoding="utf-8")


def _xnnpack(model: bytes, probes: int) -> Facts:
    """The delegate that LiteRT takes by itself on CPUs."""
    subject = _interpreter(model, "AUTO")
    facts: Facts = {"taken": sorted(delegated_operators(subject._get_ops_details()))}
    reference = _Reference(model, probes)
    if reference.is_comparable:
        outputs = _invoke(subject, reference.inputs)
        facts["difference"] = reference.compare(outputs, _kernels(model, "BUILTIN_REF"))
    return facts


def _gpu(model: bytes, probes: int) -> Facts:
    """LiteRT's GPU accelerator, alone and then with the CPU for what it does not take."""
    reference = _Reference(model, probes)
    facts: Facts = {}
    compiled = _compiled(model, with_cpu=False, facts=facts)
    if compiled is None:
        compiled = _compiled(model, with_cpu=True, facts=facts)
    if compiled is None or not reference.is_comparable:
        return facts
    try:
        facts["difference"] = _gpu_difference(compiled, reference, model)
    except (RuntimeError, ValueError) as error:  # int16 inputs, for one
        facts["run_error"] = str(error)
    return facts


def _gpu_difference(compiled: Any, reference: _Reference, model: bytes) -> Facts:
    outputs = [_run_compiled(compiled, given, reference) for given in reference.inputs]
    return reference.compare(outputs, _kernels(model, "AUTO"))


def _gpu_culprit(model: bytes, probes: int) -> Facts:
    """Which operator is the first with wrong numbers on the GPU."""

    def goes_wrong(part: bytes) -> bool:
        compiled = _compiled(part, with_cpu=False, facts={})
        if compiled is None:
            raise RuntimeError("a part of the model does not load")
        found = _gpu_difference(compiled, _Reference(part, probes), part)
        return is_wrong(found, is_hybrid=is_hybrid(read_ops(part)))

    return {"culprit": find_culprit(model, goes_wrong)}


def _tflm(model: bytes, probes: int) -> Facts:
    """TFLite Micro's interpreter, whose integer kernels have the reference kernels' arithmetic."""
    from tflite_micro.python.tflite_micro import runtime

    subject, arena = _micro(runtime, model)
    facts: Facts = {"arena_bytes": arena}
    try:
        reference = _Reference(model, probes, "BUILTIN_REF")
    except (RuntimeError, ValueError) as error:
        return {**facts, "run_error": str(error)}
    if not reference.is_comparable:
        return facts
    outputs: Arrays = []
    for given in reference.inputs:
        subject.set_input(given, 0)
        subject.invoke()
        outputs.append(subject.get_output(0))
    subject.print_allocations()
    facts["difference"] = reference.compare(outputs, None)
    return facts


_KINDS: dict[str, Callable[[bytes, int], Facts]] = {
    "xnnpack": _xnnpack,
    "gpu": _gpu,
    "gpu-culprit": _gpu_culprit,
    "tflm": _tflm,
}


class _Reference:
    """The probes, and what LiteRT's own kernels make of them, without any delegate."""

    def __init__(
        self, model: bytes, probes: int, kernels: str = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
    ) -> None:
        interpreter = _interpreter(model, kernels)
        given, made = interpreter.get_input_details(), interpreter.get_output_details()
        self.is_comparable = len(given) == 1 and len(made) == 1
        self.inputs: Arrays = []
        self.outputs: Arrays = []
        if self.is_comparable:
            self.scales = [bool(made[0]["quantization"][0])]
            self.inputs = [probe(given[0], model, seed) for seed in range(probes)]
            self.outputs = _invoke(interpreter, self.inputs)

    def compare(self, outputs: Arrays, other: Callable[[Arrays], Arrays] | None) -> Facts:
        """Return how far outputs are from these, and how far other kernels' are for integers."""
        found = difference(outputs, self.outputs, self.scales)
        noise = 0.0
        if other is not None and found["kind"] != "float":
            with suppress(RuntimeError, ValueError):  # kernels that do not take this model
                others = other(self.inputs[:1])
                noise = difference(others, self.outputs[:1], self.scales)["largest"]
        return {**found, "noise": noise}


def _kernels(model: bytes, kernels: str) -> Callable[[Arrays], Arrays]:
    return lambda inputs: _invoke(_interpreter(model, kernels), inputs)


def _interpreter(model: bytes, kernels: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=as_reference_wants(model) if kernels == "BUILTIN_REF" else model,
        experimental_op_resolver_type=OpResolverType[kernels],
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter


def _invoke(interpreter: Any, inputs: Arrays) -> Arrays:
    given = interpreter.get_input_details()[0]["index"]
    made = interpreter.get_output_details()[0]["index"]
    outputs: Arrays = []
    for tensor in inputs:
        interpreter.set_tensor(given, tensor)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(made))
    return outputs


def _compiled(model: bytes, *, with_cpu: bool, facts: Facts) -> Any:
    """Return the model compiled for the GPU, None where that fails; `facts` tell."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import GpuOptions, Options

    where = HardwareAccelerator.GPU
    if with_cpu:
        where |= HardwareAccelerator.CPU
    # A GPU computes in 16 bits by default; here its arithmetic is judged, not its precision.
    options = Options(hardware_accelerators=where, gpu_options=GpuOptions(enforce_f32=True))
    try:
        compiled = CompiledModel.from_buffer(model, options=options)
    except RuntimeError as error:
        facts["loads_with_cpu" if with_cpu else "loads"] = False
        facts["error"] = str(error)
        return None
    facts["loads_with_cpu" if with_cpu else "loads"] = True
    facts["is_full"] = bool(compiled.is_fully_accelerated())
    return compiled


def _run_compiled(compiled: Any, given: Any, reference: _Reference) -> Any:
    inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    inputs[0].write(given)
    compiled.run_by_index(0, inputs, outputs)
    want = reference.outputs[0]
    return outputs[0].read(want.size, want.dtype).reshape(want.shape)


def _micro(runtime: Any, model: bytes) -> tuple[Any, int]:
    """Return TFLite Micro's interpreter, with an arena that is large enough."""
    try:
        return runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES), _ARENA_BYTES
    except RuntimeError:
        return runtime.Interpreter.from_bytes(model, arena_size=_LARGE_BYTES), _LARGE_BYTES


if __name__ == "__main__":
    main()
