"""LiteRT's compiler plugin for Intel NPUs: which operators it takes (needs OpenVINO's libraries).

Only the partition is asked for; compiling needs a library that the SDK fetches when it is
installed. Numbers are not compared.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from edgeseg.converters.delegates.op import read_ops

from .litert import PACKAGE, TIMEOUT_S, broke, why_no_litert
from .process import MODEL, installed, run
from .remains import left_out
from .word import Word

_OWN = "CUSTOM DISPATCH_OP"
_OUT = "partitioned.tflite"
_SDK = "ai-edge-litert-sdk-intel"


def why_not() -> str:
    """Return why Intel's partition cannot be asked for here, empty where it can."""
    if why_no_litert():
        return why_no_litert()
    if not installed("openvino"):
        return f"Intel's plugin needs OpenVINO; type: pip install {_SDK}"
    if not (_tool().is_file() and _plugin().is_dir()):
        return f"{PACKAGE} {installed(PACKAGE)} has no compiler plugin for Intel"
    return ""


def judge(tflite: bytes) -> Word | str:
    """Return which operators the plugin takes of a file, or why it cannot be asked."""
    compiler = f"Intel plugin of LiteRT {installed(PACKAGE)}"
    ops = read_ops(tflite)
    with tempfile.TemporaryDirectory(prefix="edgeseg-intel-") as name:
        folder = Path(name)
        (folder / MODEL).write_bytes(tflite)
        libraries = f"{_home('ai_edge_litert')}:{_home('openvino') / 'libs'}"
        done = run(_command(), folder, TIMEOUT_S, {"LD_LIBRARY_PATH": libraries})
        made = folder / _OUT
        if "Loaded 0 plugins" in done.output or "Failed to load plugin" in done.output:
            return f"Intel's plugin wants another OpenVINO; type: pip install {_SDK}"
        if done.ended or not made.is_file():
            return Word(compiler, failed=broke(done, "Intel's plugin"))
        left = left_out(ops, made.read_bytes(), _OWN, lambda _: "")
    return Word(compiler, tuple(left), notes=("only the partition was made, no numbers",))


def _command() -> list[str]:
    return [
        *(str(_tool()), "--cmd=partition", f"--libs={_plugin()}", f"--model={MODEL}"),
        *(f"--o={_OUT}", "--soc_manufacturer=IntelOpenVINO", "--soc_model=PTL"),
    ]


def _tool() -> Path:
    return _home("ai_edge_litert") / "tools" / "apply_plugin_main"


def _plugin() -> Path:
    return _home("ai_edge_litert") / "vendors" / "intel_openvino" / "compiler"


def _home(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else Path(sys.prefix)
