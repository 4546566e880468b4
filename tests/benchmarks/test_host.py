"""The machine's record, read from a copy of /proc and /sys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeseg import kernels
from edgeseg.benchmarks.host import (
    Host,
    Strain,
    advice,
    describe_host,
    snapshot,
    strain_between,
)

STAT = "cpu  {user} 0 100 1000 0 0 0 {steal} 0 0\ncpu0 1 2 3\n"
QUIET = Strain(load_before=0.1, load_after=1.0, steal_share=0.0, others_cores=0.05)


def machine_at(root: Path, *, user: int = 0, steal: int = 0, load: str = "0.50") -> Path:
    files = {
        "proc/stat": STAT.format(user=user, steal=steal),
        "proc/loadavg": f"{load} 0.40 0.30 1/100 1234\n",
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU 9000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
        "etc/os-release": 'NAME="x"\nPRETTY_NAME="Some Linux 12"\n',
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def host() -> Host:
    return Host("Some CPU", "x86_64", 2, 2, "performance", "Linux", "3.11", {}, "native")


def test_this_machine_can_be_described() -> None:
    found = describe_host()
    assert found.cores >= found.usable_cores >= 1
    assert found.kernels in kernels.NAMES
    assert snapshot().own_s > 0


def test_the_record_is_read(tmp_path: Path) -> None:
    found = describe_host(machine_at(tmp_path))
    assert found.cpu == "Some CPU 9000"
    assert found.governor == "powersave"
    assert found.system.startswith("Some Linux 12, ")


def test_an_arm_board_names_itself_in_its_device_tree(tmp_path: Path) -> None:
    machine_at(tmp_path)
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 108.00\n")
    (tmp_path / "proc/device-tree").mkdir()
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.4\0")
    assert describe_host(tmp_path).cpu == "Raspberry Pi 4 Model B Rev 1.4"


def test_a_system_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    found = snapshot(tmp_path)
    assert (found.load, found.all) == (None, None)
    strain = strain_between(found, found)
    assert strain == Strain(None, None, None, None)
    assert advice(host(), strain, threads=2) == []


def test_stolen_time_and_other_programs_are_seen(tmp_path: Path) -> None:
    before = snapshot(machine_at(tmp_path, load="3.5"))
    after = snapshot(machine_at(tmp_path, user=1000, steal=250))
    after = replace(after, at_s=before.at_s + 10, own_s=before.own_s + 4)
    strain = strain_between(before, after)
    assert strain.load_before == 3.5
    assert strain.steal_share == pytest.approx(0.2)  # 250 of 1250 ticks
    assert strain.others_cores == pytest.approx(0.6)  # 10 s of work, 4 of them ours, in 10 s


def test_a_quiet_machine_gets_no_advice() -> None:
    assert advice(host(), QUIET, threads=2) == []


@pytest.mark.parametrize(
    ("strain", "words"),
    [
        (replace(QUIET, load_before=3.0), "the load before was 3.0 on 2 cores"),
        (replace(QUIET, steal_share=0.05), "hypervisor took 5%"),
        (replace(QUIET, others_cores=0.9), "other programs used 0.9 of 2 cores"),
    ],
)
def test_a_busy_machine_is_called_busy(strain: Strain, words: str) -> None:
    (note,) = advice(host(), strain, threads=2)
    assert note.startswith("busy host")
    assert words in note
    assert "stop other programs" in note


def test_too_many_threads_and_a_lazy_governor_are_warned_of() -> None:
    notes = advice(replace(host(), governor="ondemand"), QUIET, threads=8)
    assert "try --threads 2" in notes[0]
    assert "governor is 'ondemand'" in notes[1]
