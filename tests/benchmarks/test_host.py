"""The machine's record, read from a copy of /proc and /sys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeseg import kernels
from edgeseg.benchmarks.comparable import differences, worse_of
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
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave\n",
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


def test_clocks_heat_and_throttling_are_seen_before_and_after(tmp_path: Path) -> None:
    thermal, clocks = "sys/class/thermal", "sys/devices/system/cpu/cpufreq/policy0"
    machine_at(tmp_path)

    def now(clock_khz: int, heat: int, cooling: int) -> None:
        for name, text in {
            f"{clocks}/scaling_cur_freq": clock_khz,
            f"{thermal}/thermal_zone0/type": "cpu-thermal",
            f"{thermal}/thermal_zone0/temp": heat,
            f"{thermal}/cooling_device0/type": "cpufreq-cpu0",
            f"{thermal}/cooling_device0/cur_state": cooling,
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")

    now(2_400_000, 48_000, 0)
    before = snapshot(tmp_path)
    now(1_500_000, 81_000, 2)
    strain = strain_between(before, snapshot(tmp_path))
    assert (strain.clock_before_hz, strain.clock_after_hz) == (2_400_000_000, 1_500_000_000)
    assert (strain.temperature_before_c, strain.temperature_after_c) == (48.0, 81.0)
    (note,) = advice(host(), strain, threads=2)
    assert note.startswith("throttled device: cooling by cpufreq-cpu0; the clock fell from 2.40 to")
    assert "(48 to 81 °C)" in note


def test_a_lower_clock_alone_is_no_throttling() -> None:
    """A governor that follows the load, or the end of a turbo, does that as well."""
    strain = replace(QUIET, clock_before_hz=3_900_000_000, clock_after_hz=3_400_000_000)
    assert advice(host(), strain, threads=2) == []


def test_a_throttling_between_the_readings_is_seen(tmp_path: Path) -> None:
    """A Raspberry Pi's firmware remembers; what it remembered before does not count."""
    before = replace(snapshot(machine_at(tmp_path)), throttled_before=("under-voltage",))
    after = replace(before, throttled_before=("under-voltage", "throttled"))
    assert strain_between(before, after).throttled == ("throttled",)


def test_a_strain_in_two_parts_is_the_worse_of_both() -> None:
    first = replace(QUIET, throttled=("throttled",), clock_before_hz=9, temperature_before_c=40.0)
    second = replace(QUIET, load_before=3.0, load_after=2.0, others_cores=0.9, clock_after_hz=8)
    both = worse_of(first, second)
    assert (both.load_before, both.load_after, both.others_cores) == (0.1, 2.0, 0.9)
    assert (both.clock_before_hz, both.clock_after_hz) == (9, 8)
    assert both.throttled == ("throttled",)
    assert worse_of(replace(QUIET, steal_share=None), QUIET).steal_share == 0.0


def test_hosts_that_differ_are_told_apart() -> None:
    other = replace(host(), cpu="Other CPU", usable_cores=4, packages={"numpy": "2.0"})
    assert differences(host(), host()) == []
    assert differences(host(), other) == [
        "on Some CPU, this is Other CPU",
        "on 2 usable cores, here are 4",
        "with numpy absent, here is 2.0",
    ]


def test_too_many_threads_and_a_lazy_governor_are_warned_of() -> None:
    notes = advice(replace(host(), governor="ondemand"), QUIET, threads=8)
    assert "try --threads 2" in notes[0]
    assert "governor is 'ondemand'" in notes[1]
