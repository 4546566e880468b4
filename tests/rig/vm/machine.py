"""A stock Debian kernel in QEMU's software emulation, running on this machine's own files.

The guest sees the host's root folder read-only by 9p, so whatever runs here runs there, the tests'
own Python environment included; one folder of the host is writable and carries the results. What
the guest has that the host has not is kernel drivers: `vivid`, a V4L2 camera that can be unbound,
disconnected and made to fail. Nothing is installed and no right is needed. Times in the guest are
an emulator's and say nothing of any device.

Packages (Debian): qemu-system-x86 seabios busybox-static cpio kmod v4l-utils.
"""

from __future__ import annotations

import lzma
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = "qemu-system-x86 seabios busybox-static cpio kmod v4l-utils"
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "vivid")

_TOOLS = ("qemu-system-x86_64", "busybox", "cpio", "depmod", "modprobe", "dpkg-deb", "v4l2-ctl")
# kmod's programs live where only root's PATH leads.
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_MEMORY_MIB = 1536


class RigMissingError(Exception):
    """Something that the machine is made of is not here; the message says what."""


@dataclass(frozen=True)
class Machine:
    """What QEMU boots.

    Attributes:
        kernel: image.
        initrd: busybox, the modules, `init`.
    """

    kernel: Path
    initrd: Path


@dataclass(frozen=True)
class Outcome:
    """What a command did in the guest.

    Attributes:
        code: its exit code, None where the guest never came that far.
        output: what it wrote to both its streams.
        console: what the kernel said.
    """

    code: int | None
    output: str
    console: str


def make_machine(cache: Path) -> Machine:
    """Return a machine, whose files are made in `cache` unless they are there.

    The kernel package (70 MB) is one that lies in the folder already, or is fetched by apt.

    Raises:
        RigMissingError: a program is not here, or the kernel package cannot be had.
    """
    absent = [tool for tool in _TOOLS if shutil.which(tool, path=_PATH) is None]
    if absent:
        raise RigMissingError(f"no {', '.join(absent)}; type: apt-get install {PACKAGES}")
    cache.mkdir(parents=True, exist_ok=True)
    files = _unpack(_kernel_package(cache), cache / "kernel")
    release = next((files / "lib/modules").iterdir()).name
    initrd = cache / "initrd.gz"
    _make_initrd(files, release, cache / "initrd", initrd)
    return Machine(files / f"boot/vmlinuz-{release}", initrd)


def run_inside(
    machine: Machine, command: Sequence[str | Path], work: Path, *, timeout_s: float
) -> Outcome:
    """Boot, run a command in the guest, and power off.

    Args:
        machine: to boot.
        command: of the host's programs and files.
        work: folder that the guest can write, under the same name; the command starts in it.
        timeout_s: after this the machine is stopped.
    """
    lines = [
        f"cd {shlex.quote(str(work))}",
        f"export HOME={work} TMPDIR=/dev/shm PYTHONDONTWRITEBYTECODE=1",
        f"export PATH={shlex.quote(_PATH)}",
        f"exec {shlex.join(map(str, command))}",
    ]
    (work / "command").write_text("\n".join(lines) + "\n")
    with (work / "console").open("wb") as console:
        try:
            subprocess.run(
                _qemu(machine, work),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            console.write(b"\n(stopped: out of time)\n")
    code = _text(work / "exit").strip()
    return Outcome(int(code) if code else None, _text(work / "output"), _text(work / "console"))


def _qemu(machine: Machine, work: Path) -> list[str]:
    return [
        *("nice", "-n", "5", "qemu-system-x86_64"),
        # Not KVM: where machines are rented it is often there and does not work.
        *("-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-smp", "2"),
        *("-m", str(_MEMORY_MIB), "-display", "none", "-monitor", "none", "-serial", "stdio"),
        *("-no-reboot", "-net", "none", "-kernel", str(machine.kernel)),
        *("-initrd", str(machine.initrd)),
        *("-append", f"console=ttyS0 quiet panic=-1 tsc=reliable edgeseg.work={work}"),
        *("-virtfs", _share("/", "host") + ",readonly=on,multidevs=remap"),
        *("-virtfs", _share(str(work), "work")),
    ]


def _share(folder: str, tag: str) -> str:
    return f"local,path={folder},mount_tag={tag},security_model=none"


def _kernel_package(cache: Path) -> Path:
    packages = sorted(cache.glob("linux-image-*.deb"))
    if packages:
        return packages[-1]
    # The metapackage always depends on the newest image.
    depends = _output("apt-cache", "depends", "linux-image-amd64")
    found = re.search(r"Depends: (linux-image-\S+-amd64)", depends)
    if not found:
        raise RigMissingError("apt knows no Debian kernel for amd64")
    try:
        subprocess.run(
            ["apt-get", "download", "-qq", found[1]],
            cwd=cache,
            capture_output=True,
            timeout=180,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RigMissingError(f"apt cannot download {found[1]}") from error
    return next(cache.glob("linux-image-*.deb"))


def _unpack(package: Path, target: Path) -> Path:
    if not target.is_dir():
        part = target.with_name(target.name + ".part")
        subprocess.run(["dpkg-deb", "-x", package, part], check=True)
        part.rename(target)
    return target


def _make_initrd(files: Path, release: str, folder: Path, target: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("bin", "modules", "proc", "sys", "dev", "host"):
        (folder / name).mkdir(parents=True)
    shutil.copy(_tool("busybox"), folder / "bin")
    (folder / "bin/sh").symlink_to("busybox")
    shutil.copy(HERE / "init", folder / "init")
    (folder / "init").chmod(0o755)
    order = _copy_modules(files, release, folder / "modules")
    (folder / "modules/order").write_text("".join(f"{name}\n" for name in order))
    pack = f"find . | {_tool('cpio')} -o -H newc --quiet | gzip -1 > {shlex.quote(str(target))}"
    subprocess.run(pack, shell=True, cwd=folder, check=True)


def _copy_modules(files: Path, release: str, folder: Path) -> list[str]:
    """Copy the modules and what they need; return their names in the order of loading."""
    subprocess.run([_tool("depmod"), "-b", files, release], check=True)
    paths: dict[str, Path] = {}
    for module in MODULES:
        shown = _output(
            _tool("modprobe"), "-S", release, "-d", str(files), "--show-depends", module
        )
        for path in re.findall(r"^insmod (\S+)", shown, re.MULTILINE):
            paths.setdefault(Path(path).name.removesuffix(".xz"), Path(path))
    for name, path in paths.items():
        content = path.read_bytes()
        (folder / name).write_bytes(lzma.decompress(content) if path.suffix == ".xz" else content)
    return list(paths)


def _tool(name: str) -> str:
    return shutil.which(name, path=_PATH) or name


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
