"""`edgeseg run` as typed: real sources, a real (tiny) model, real files, real signals."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.cli import main

# Names the strongest colour of a picture: class 0 red, 1 green, 2 blue.
MODEL = str(Path(__file__).parent / "data" / "tiny-int8.tflite")
STREET = "synthetic://street?size=64x48"


def run(*arguments: object) -> int:
    return main(["run", MODEL, "--no-window", *map(str, arguments)])


def frames_in(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, pixels = capture.read()
        if not ok:
            return frames
        frames.append(pixels)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A red, a green and a blue picture, 64x48."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, name in enumerate(("10-blue", "9-green", "2-red")):
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[..., index] = 255
        assert cv2.imwrite(str(folder / f"{name}.png"), pixels)
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "in.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for index in range(40):
        writer.write(np.full((48, 64, 3), (0, index, 200), np.uint8))
    writer.release()
    return path


def test_every_output_of_a_folder(pictures: Path, tmp_path: Path) -> None:
    masks, log, last = tmp_path / "masks", tmp_path / "run.jsonl", tmp_path / "last.png"
    code = run("--source", pictures, "--masks", masks, "--stats", log, "--snapshot", last)
    assert code == 0
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [record["name"] for record in records] == ["2-red", "9-green", "10-blue"]
    assert [max(r["coverage"], key=r["coverage"].get) for r in records] == ["red", "green", "blue"]
    shown = cv2.imread(str(masks / "9-green.png"))
    assert shown.shape == (48, 64, 3)
    assert (shown == (0, 200, 0)).all()
    # The middle of the picture: no legend there, blue in the frame and in the palette.
    assert cv2.imread(str(last))[40, 50].tolist() == pytest.approx([228, 0, 0], abs=1)


def test_a_video_keeps_every_frame_its_size_and_its_rate(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert run("--source", video, "--save", out, "--alpha", 0.25) == 0
    frames = frames_in(out)
    assert len(frames) == 40
    assert frames[0].shape == (48, 64, 3)
    assert cv2.VideoCapture(str(out)).get(cv2.CAP_PROP_FPS) == pytest.approx(25)


def test_the_summary_for_people(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--source", video, "--frames", 10) == 0
    shown = capsys.readouterr().out
    for words in ("10 frames of 64x48", "tiny-int8", "input 48x32", "frame age", "p95", "red 100%"):
        assert words in shown


def test_the_summary_for_programs(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--source", video, "--json", "--threads", 1) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["frames"] == 40
    assert summary["signal"] == 0
    assert summary["dropped"] == {}
    assert summary["captured"] == summary["frames"]
    assert summary["threads"] == 1
    assert summary["coverage"]["red"] == 1.0
    assert summary["size"] == [64, 48]
    assert set(summary["times"]) == {"age", "prepare", "infer", "decode"}
    assert set(summary["times"]["age"]) == {"p50_ms", "p95_ms", "p99_ms"}


def test_a_live_source_drops_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--source", f"{STREET}&live=1&fps=50&frames=25", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["live"]
    assert summary["frames"] + sum(summary["dropped"].values()) == summary["captured"] == 25


def test_the_duration_ends_an_endless_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--source", STREET, "--duration", 0.3, "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] > 0


def test_a_street_that_nobody_watches_ends_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--source", STREET, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["frames"] == 300
    assert "ending after 300 frames" in said.err


def test_a_note_about_what_was_skipped(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "3-broken.png").write_bytes(b"broken")
    assert run("--source", pictures) == 0
    assert "1 of 4 images could not be read: 3-broken.png" in capsys.readouterr().err


def test_no_display_is_a_note_and_no_error(
    video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    assert main(["run", MODEL, "--source", str(video), "--frames", "1"]) == 0
    assert "no window" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "missing.mp4"], "no file or folder missing.mp4"),
        (["--source", STREET, "--camera", "0"], "exclude"),
        (["--camera", "987"], "synthetic://street"),
        (["--source", "synthetic://street?sed=2"], "sed"),
        (["--source", STREET, "--save", "missing/out.mp4"], "missing/out.mp4"),
        (["--source", STREET, "--save", "out.gif"], ".mp4"),
        (["--source", STREET, "--stats", "same.png", "--snapshot", "same.png"], "same name"),
        (["--source", STREET, "--stats", "/dev/full"], "No space left"),
        (["--source", STREET, "--frames", "0"], "--frames"),
        (["--source", STREET, "--normalize", "weird"], "--normalize"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("edgeseg: error: ")
    assert words in line
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over_the_source(video: Path, pictures: Path) -> None:
    before = video.read_bytes()
    assert run("--source", video, "--save", video) == 2
    assert run("--source", pictures, "--masks", pictures) == 2
    assert run("--source", pictures, "--snapshot", pictures / "2-red.png") == 2
    assert video.read_bytes() == before


def test_a_failing_output_keeps_the_others(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    (tmp_path / "masks" / "000005.png").mkdir(parents=True)  # in the way of the sixth mask
    assert run("--source", STREET, "--save", out, "--masks", tmp_path / "masks") == 2
    assert len(frames_in(out)) >= 5
    assert (tmp_path / "masks" / "000004.png").is_file()
    assert [path.name for path in (tmp_path / "masks").glob(".*")] == []


def _hear_signals() -> None:
    """Signals ignored by whoever started the tests, nohup for one, stay ignored in children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Process:
    """`edgeseg run` in a process of its own, saving a video and a log."""

    def __init__(self, folder: Path, source: str) -> None:
        self.video, self.log = folder / "out.mp4", folder / "run.jsonl"
        command = [sys.executable, "-m", "edgeseg", "run", MODEL, "--no-window", "--json"]
        outputs = ["--save", str(self.video), "--stats", str(self.log)]
        self._child = subprocess.Popen(
            [*command, "--source", source, "--duration", "600", *outputs],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_signals,
        )

    def wait_for_frames(self, count: int) -> None:
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s and self._child.poll() is None:
            if self.log.exists() and self.log.read_text().count("\n") >= count:
                return
            time.sleep(0.02)
        pytest.fail(f"no frames: {self._child.communicate()[1]}")

    def end(self, *signals: signal.Signals) -> tuple[int, str, str, float]:
        start_s = time.monotonic()
        for number in signals:
            self._child.send_signal(number)
            time.sleep(0.1)
        try:
            out, err = self._child.communicate(timeout=60)
        finally:
            self._child.kill()
        return self._child.returncode, out, err, time.monotonic() - start_s


@pytest.mark.parametrize(
    ("number", "code", "source"),
    [
        (signal.SIGINT, 130, STREET),
        (signal.SIGTERM, 143, f"{STREET}&live=1"),
        (signal.SIGHUP, 129, f"{STREET}&live=1&fps=3"),
    ],
)
def test_a_signal_ends_the_run_with_whole_files(
    number: signal.Signals, code: int, source: str, tmp_path: Path
) -> None:
    process = Process(tmp_path, source)
    process.wait_for_frames(8)
    returned, out, err, took_s = process.end(number)
    assert returned == code
    assert err == ""
    summary = json.loads(out)
    assert summary["signal"] == number
    assert summary["frames"] >= 8
    assert took_s < 3
    assert len(frames_in(process.video)) >= 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "run.jsonl"]


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    # A pipe that nobody reads: the log's writer hangs, and with it the orderly end.
    os.mkfifo(tmp_path / "run.jsonl")
    reader = os.open(tmp_path / "run.jsonl", os.O_RDONLY | os.O_NONBLOCK)
    process = Process(tmp_path, STREET)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    time.sleep(3)
    returned, out, _, took_s = process.end(signal.SIGINT, signal.SIGINT)
    os.close(reader)
    assert returned == 130
    assert out == ""
    assert took_s < 3


def test_an_interrupted_folder_is_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, masks, log = tmp_path / "pictures", tmp_path / "masks", tmp_path / "log.jsonl"
    pictures.mkdir()
    for index in range(8):
        cv2.imwrite(str(pictures / f"{index}.png"), np.full((24, 32, 3), 20 * index, np.uint8))
    outputs = ("--masks", masks, "--stats", log, "--json")
    assert run("--source", pictures, *outputs, "--frames", 3) == 0
    assert run("--source", pictures, *outputs, "--resume") == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["frames"] == 5
    names = [json.loads(line)["name"] for line in log.read_text().splitlines()]
    assert names == [str(index) for index in range(8)]
    assert sorted(path.stem for path in masks.glob("*.png")) == names
    assert run("--source", pictures, *outputs, "--resume", "--every", 2) == 2
    assert "every" in capsys.readouterr().err


def test_options_that_say_nothing_alone_are_refused_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--source", STREET, "--resume", "--segment", "5m", "--serve-token", "a" * 9) == 2
    error = capsys.readouterr().err
    assert all(f"give it with {other}" in error for other in ("--masks", "--save", "--serve"))


def test_every_second_frame_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--source", f"{STREET}&frames=9", "--every", 2, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["frames"], summary["dropped"]) == (5, {"every": 4})


def test_a_page_is_served_while_the_run_goes_on() -> None:
    pytest.importorskip("aiohttp")
    command = [sys.executable, "-m", "edgeseg", "run", "--source", f"{STREET}&live=1"]
    command += ["--serve", "0", "--no-window", "--duration", "60"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            address = line.split()[-1].rstrip("/")
            with urllib.request.urlopen(f"{address}/status", timeout=20) as answer:
                status = json.load(answer)
        finally:
            process.terminate()
        process.wait(20)
    assert "watch it at http://127.0.0.1:" in line
    assert status["run"]["running_s"] >= 0
    assert process.returncode == 128 + signal.SIGTERM
