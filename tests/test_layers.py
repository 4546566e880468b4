"""The import arrows of the project, never back, and a device side that never loads TensorFlow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "edgeseg": "edgeseg",
    "converters": "edgeseg.converters",
    "benchmarks": "edgeseg.benchmarks",
}
TRAINING = ("tensorflow", "keras")
WORKSTATION = ("edgeseg.fcn", "edgeseg.converters", "edgeseg.benchmarks")

# Each layer may import its own and those before it; modules not named here may import no layer but
# the first two.
LAYERS = (
    ("edgeseg.kernels", "edgeseg.kernels_numpy", "edgeseg._native"),
    ("edgeseg.prepare", "edgeseg.decode"),
    ("edgeseg.segmenter",),
    ("edgeseg.loop", "edgeseg.results"),
    ("edgeseg.cli", "edgeseg.__main__"),
)
UNNAMED = 1

# Each imports its own runtime, and is imported when that runtime is chosen.
RUNTIMES = tuple(f"edgeseg.runtimes.{name}" for name in ("litert", "tflite_runtime", "tf_lite"))

# The page's server imports aiohttp (extra `serve`), and is imported when a page is served.
SERVER = tuple(f"edgeseg.serve.{name}" for name in ("server", "app", "watching"))


class Import(NamedTuple):
    """One import: from which module, of what, and whether it runs when the module is imported."""

    importer: str
    imported: str
    at_top: bool


def module_name(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([FOLDERS[folder], *rest]).removesuffix(".__init__")


def modules() -> dict[str, Path]:
    return {module_name(path): path for name in FOLDERS for path in (ROOT / name).rglob("*.py")}


def imports_of(path: Path) -> Iterator[Import]:
    """All imports but those that only type checkers see."""
    yield from _walk(ast.parse(path.read_text(encoding="utf-8")), path, at_top=True)


def _walk(node: ast.AST, path: Path, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            for imported in _names(child, path):
                yield Import(module_name(path), imported, at_top)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _walk(child, path, at_top and not inside)


def _names(node: ast.Import | ast.ImportFrom, path: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = module_name(path).split(".")
        package = package if path.name == "__init__.py" else package[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
    # `from package import module` imports the module; `from module import name` the module itself.
    known = modules()
    return [f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names]


def under(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def layer(module: str) -> int | None:
    for rank, members in enumerate(LAYERS):
        if under(module, *members):
            return rank
    return None


ALL = [imported for path in modules().values() for imported in imports_of(path)]
DEVICE = [i for i in ALL if not under(i.importer, *WORKSTATION)]


def listed(imports: list[Import]) -> list[str]:
    return [f"{i.importer} imports {i.imported}" for i in imports]


def test_the_tree_is_read() -> None:
    assert Import("edgeseg.decode", "edgeseg.kernels", True) in ALL
    assert {"edgeseg.converters", "edgeseg.benchmarks"} <= set(modules())


def test_device_layers_import_downwards() -> None:
    back = [
        i
        for i in DEVICE
        if (rank := layer(i.imported)) is not None
        and rank > (own if (own := layer(i.importer)) is not None else UNNAMED)
        and i.importer != "edgeseg"  # its __getattr__ names the layers, and imports none by itself
    ]
    assert not listed(back)


def test_the_device_side_imports_no_workstation_side() -> None:
    wrong = [
        i
        for i in DEVICE
        if under(i.imported, *WORKSTATION) and (i.at_top or not under(i.importer, "edgeseg.cli"))
    ]
    assert not listed(wrong)


def test_the_device_side_imports_no_tensorflow() -> None:
    # TensorFlow's own TFLite interpreter is one of the runtimes, loaded when it is chosen.
    wrong = [
        i
        for i in DEVICE
        if under(i.imported, *TRAINING)
        and (i.at_top or not under(i.importer, "edgeseg.runtimes.tf_lite"))
    ]
    assert not listed(wrong)


def test_the_workstation_side_imports_no_loop_and_no_command_line() -> None:
    above = {
        "edgeseg.fcn": (
            "edgeseg.converters",
            "edgeseg.benchmarks",
            "edgeseg.loop",
            "edgeseg.cli",
        ),
        "edgeseg.converters": (
            "edgeseg.benchmarks",
            "edgeseg.loop",
            "edgeseg.sinks",
            "edgeseg.cli",
        ),
        "edgeseg.benchmarks": ("edgeseg.cli",),
    }
    wrong = [
        i
        for own, banned in above.items()
        for i in ALL
        if under(i.importer, own) and under(i.imported, *banned)
    ]
    assert not listed(wrong)


def test_benchmarks_import_converters_only_to_make_a_variant() -> None:
    wrong = [
        i
        for i in ALL
        if under(i.importer, "edgeseg.benchmarks")
        and under(i.imported, "edgeseg.converters", *TRAINING)
        and i.at_top
    ]
    assert not listed(wrong)


def run_python(code: str) -> str:
    """Run code in a fresh interpreter that knows nothing of this one; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_whole_device_side_loads_no_tensorflow() -> None:
    apart = (*WORKSTATION, *RUNTIMES, *SERVER, "edgeseg.__main__")
    device = sorted(module for module in modules() if not under(module, *apart))
    loaded = run_python(
        f"import importlib, sys\n"
        f"for name in {device!r}: importlib.import_module(name)\n"
        f"print(*sorted({{'tensorflow', 'keras', 'pygame', 'aiohttp'}} & set(sys.modules)))"
    )
    assert loaded.split() == []


def test_importing_the_package_loads_next_to_nothing() -> None:
    loaded = run_python(
        "import sys, edgeseg\n"
        "print(*sorted({'numpy', 'cv2', 'click', 'rich', 'tensorflow'} & set(sys.modules)))"
    )
    assert loaded.split() == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_command_line_starts_light(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "edgeseg", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "edgeseg" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"numpy", "cv2", "rich", "tensorflow", "keras", "ai_edge_litert"}


def test_files_stay_readable_in_one_sitting() -> None:
    sources = [
        path
        for folder in (*FOLDERS, "native", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".pyi", ".cc", ".h"}
    ]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert sources
    assert not long
