"""What the device tells of itself, from files as boards have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.device import read_device


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_board_is_read(tmp_path: Path) -> None:
    thermal, clocks = "sys/class/thermal", "sys/devices/system/cpu/cpufreq"
    write(
        tmp_path,
        {
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "proc/loadavg": "1.50 1.00 0.50 2/300 4321\n",
            "proc/meminfo": "MemTotal:        4096000 kB\nMemAvailable:    1024000 kB\n",
            "proc/self/statm": "9000 1000 500 1 0 2000 0\n",
            f"{thermal}/thermal_zone0/type": "cpu-thermal\n",
            f"{thermal}/thermal_zone0/temp": "71250\n",
            f"{thermal}/thermal_zone2/type": "cpu-thermal\n",
            f"{thermal}/thermal_zone2/temp": "68000\n",
            f"{thermal}/thermal_zone10/type": "asleep\n",
            f"{thermal}/cooling_device0/type": "pwm-fan\n",
            f"{thermal}/cooling_device0/cur_state": "3\n",
            f"{thermal}/cooling_device1/type": "cpufreq-cpu0\n",
            f"{thermal}/cooling_device1/cur_state": "2\n",
            f"{clocks}/policy0/scaling_cur_freq": "1500000\n",
            f"{clocks}/policy0/cpuinfo_max_freq": "2400000\n",
            f"{clocks}/policy0/scaling_governor": "ondemand\n",
        },
    )
    device = read_device(tmp_path)
    assert device.name == "Raspberry Pi 5 Model B Rev 1.0"
    assert device.load1 == 1.5
    assert device.memory_total_bytes == 4096000 * 1024
    assert device.memory_available_bytes == 1024000 * 1024
    assert device.temperatures_c == {"cpu-thermal": 71.25, "cpu-thermal 2": 68.0}
    assert (device.clock_hz, device.clock_max_hz) == (1_500_000_000, 2_400_000_000)
    assert device.governor == "ondemand"
    # A fan that turns slows nothing down.
    assert device.throttled == ("cooling by cpufreq-cpu0",)


def test_a_raspberry_pi_says_what_its_firmware_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text('#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50005\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    device = read_device(tmp_path)
    assert device.throttled == ("under-voltage", "throttled")
    assert device.throttled_before == ("under-voltage", "throttled")


def test_a_firmware_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert read_device(tmp_path).throttled == ()


def test_a_system_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    device = read_device(tmp_path)
    assert device.load1 is None
    assert device.memory_available_bytes is None
    assert device.temperatures_c == {}
    assert device.clock_hz is None
    assert device.cores >= 1


def test_this_device_is_read() -> None:
    device = read_device()
    assert device.name
    assert (device.process_memory_bytes or 0) > 1 << 20
