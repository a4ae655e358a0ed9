"""What goes wrong while pip runs comes out as one sentence that says what to do."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bncourse import environment, installing
from bncourse.installing import diagnosis, show, watched
from bncourse.paths import ROOT

SAID = {
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "The disk is full",
    "OSError: [Errno 122] Disk quota exceeded": "The disk is full",
    "[WinError 112] There is not enough space on the disk": "The disk is full",
    "HINT: This error might have occurred since this system does not have Windows Long Path support": "too long",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed": "PIP_CERT",
    "WARNING: Retrying after connection broken by 'NewConnectionError: Temporary failure in name resolution'\n"
    "ERROR: No matching distribution found for numpy==2.4.6": "cannot be reached",
    "ERROR: Could not find a version that satisfies setuptools>=77 (from versions: none)": "cannot be reached",
    "ERROR: No matching distribution found for torch==2.13.0": "There is no torch==2.13.0 for Python",
    "ERROR: ResolutionImpossible: for help visit": "There is no set of packages that fit together for Python",
    "/usr/bin/python3: No module named ensurepip": "apt-get install python3-venv",
    "ERROR: [Errno 13] Permission denied: 'lib'": "cannot be written",
    "ERROR: [WinError 32] The process cannot access the file": "cannot be written",
}


@pytest.mark.parametrize("said, sentence", SAID.items(), ids=SAID.values())
def test_a_known_failure_is_one_sentence_with_its_remedy(said, sentence, tmp_path):
    told = diagnosis("Collecting numpy\n" + said, tmp_path)
    assert sentence in told
    assert "\n" not in told and "{" not in told


def test_a_full_disk_is_told_with_the_room_that_is_left(tmp_path):
    assert f"GB in {tmp_path}" in diagnosis("[Errno 28] No space left on device", tmp_path / "not" / "there")


def test_an_unknown_failure_shows_the_last_words(tmp_path):
    told = diagnosis("\n".join(f"line {n}" for n in range(100)), tmp_path)
    assert "line 99" in told and "line 88" in told and "line 87" not in told


def module(folder, code):
    """A clone that has, beside the leash, a module `told` with this code."""
    (folder / "bncourse").mkdir()
    (folder / "bncourse" / "leash.py").write_text((ROOT / "bncourse/leash.py").read_text(encoding="utf-8"))
    (folder / "told.py").write_text(code)
    return folder


def test_all_that_a_module_says_is_kept_with_its_status(tmp_path, monkeypatch):
    code = "import sys; print('Collecting x', flush=True); print('broken', file=sys.stderr); sys.exit(3)"
    monkeypatch.setattr(installing, "ROOT", module(tmp_path, code))
    assert watched(sys.executable, ["told"]) == (3, "Collecting x\nbroken\n")


def test_an_interrupted_command_is_stopped(tmp_path, monkeypatch):
    started = []
    popen = installing.subprocess.Popen
    monkeypatch.setattr(installing.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])
    monkeypatch.setattr(installing.threading.Thread, "join", interrupt)
    monkeypatch.setattr(installing, "ROOT", module(tmp_path, "import time; time.sleep(60)"))
    with pytest.raises(KeyboardInterrupt):
        watched(sys.executable, ["told"])
    assert started[0].returncode not in (None, 0)


@pytest.mark.skipif(os.name != "posix", reason="process groups and fork")
def test_what_runs_ends_with_the_process_that_watches_it_and_holds_its_lock_until_then(tmp_path, monkeypatch):
    code = """import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("pids.part", "w").write(f"{os.getpid()} {child.pid}"); os.replace("pids.part", "pids")
time.sleep(60)"""
    clone = module(tmp_path, code)
    watcher = f"""import sys
from bncourse import environment, installing
installing.ROOT = installing.Path({str(clone)!r})
with environment.locked({str(tmp_path / "lock")!r}) as lock:
    installing.watched(sys.executable, ["told"], lock)"""
    with subprocess.Popen([sys.executable, "-c", watcher], cwd=ROOT) as process:
        wait_until((clone / "pids").exists)
        process.kill()
    with environment.locked(tmp_path / "lock"):  # is free as soon as `told` is gone
        told, child = map(int, (clone / "pids").read_text().split())
        assert not alive(told)
    wait_until(lambda: not alive(child))


def wait_until(true, seconds=30):
    """Returns once `true()` is, and fails where it is not in time."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(pid):
    """Whether a process of that number runs; one that has ended and was not asked about does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc/self").exists() else (
            os.kill(pid, 0) is None)
    except (FileNotFoundError, ProcessLookupError):
        return False


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("line, step", {
    "Collecting numpy==2.4.6 (from -c constraints.txt (line 80))\n": "Collecting numpy==2.4.6",
    "  Downloading torch-2.13.0-cp311-none-win_amd64.whl (115.0 MB)\n": "Downloading torch-2.13.0 (115.0 MB)",
    "Installing collected packages: six, numpy\n": "Installing collected packages",
    "Using cached six.whl\n": "Starting pip",
}.items())
def test_the_step_is_shown_in_few_words_with_the_seconds(line, step, capsys):
    show([line, "  something else\n"], 12.4, live=False)
    assert capsys.readouterr().out == f"  12 s  {step}\n"


def test_on_a_terminal_the_step_stays_within_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    show(["Downloading " + "x" * 99], 5.0, live=True)
    written = capsys.readouterr().out
    assert written.startswith("\r   5 s  Downloading xxx") and len(written) == 30 and "\n" not in written
