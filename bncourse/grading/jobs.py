"""The answers of one submission, judged in processes of their own: what each process says, and how it ends.

One process judges all answers, since most are harmless. Where one of them ends the process, by an endless loop or a
crash, the state of that answer is how it ended, and another process goes on after it.
"""

import contextlib
import json
import os
import queue
import secrets
import signal
import site
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from bncourse.grading import tampering
from bncourse.grading.exercises import Task, checks_of, preparation
from bncourse.lectures.lessons import Lesson
from bncourse.paths import PACKAGE

COMMAND = [sys.executable, "-P", "-m", "bncourse.grading.worker"]
PREPARATION = 120  # seconds for the imports and the statements of the lesson
LARGEST_OUTPUT = 2**20  # bytes that the answers of a submission may print
KEPT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH")  # of the environment's variables


class Unprepared(Exception):
    """What the answers of a lesson need of it cannot be run; the message is the last that was said."""


@dataclass(frozen=True)
class Grade:
    """The state of one exercise; `mistake` is the name of a known one, and `says` a clause on what was found."""

    exercise: str
    state: str
    mistake: str = ""
    says: str = ""


def grades(lesson: Lesson, tasks: Sequence[Task], answers: dict[str, str],
           seconds: int | float) -> tuple[list[Grade], set[str]]:
    """The grade of each task, in order, and the limits that this system does not set.

    `answers` maps the number of an exercise to the source that was handed in for it; `seconds` is the time for one.
    Raises Unprepared where the lesson itself does not run.
    """
    found = {task.number: before_it_runs(task, answers, checks_of(lesson.name)) for task in tasks}
    runnable, lacking = [task for task in tasks if found[task.number] is None], set()
    uses = [answers[task.number] for task in runnable]
    while any(found[task.number] is None for task in runnable):
        exercises = [{"number": task.number, "source": answers[task.number], "answer": task.answer, "judge": task.judge,
                      "judged": found[task.number] is None} for task in runnable]
        job = {"preparation": preparation(lesson, uses), "checks": checks_of(lesson.name), "exercises": exercises}
        try:
            told, missing = process(job, seconds)
        except Unprepared:
            if not uses:
                raise
            uses = []  # an answer took a name of the lesson that cannot be had apart from the rest
            continue
        lacking |= missing
        found |= {grade.exercise: grade for grade in told}
        broken = {grade.exercise for grade in told if grade.state not in JUDGED}
        runnable = [task for task in runnable if task.number not in broken]
    return list(found.values()), lacking


JUDGED = {"passed", "right so far", "rejected", "not attempted yet", "cell fails"}  # an answer that did no harm


def before_it_runs(task: Task, answers: dict[str, str], checks: str) -> Grade | None:
    """The grade of an answer that need not run to be known; None for one that does."""
    if task.number not in answers:
        return Grade(task.number, "no stub")
    try:
        compile(answers[task.number], task.number, "exec")
        found = tampering.suspicion(answers[task.number], checks)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Grade(task.number, "cell fails", says=f"{type(error).__name__}: {error}")
    return Grade(task.number, "tampered", says=found) if found else None


def process(job: dict, seconds: int | float) -> tuple[list[Grade], set[str]]:
    """What a process says of the exercises of its job, and the limits that it could not set.

    The last grade is how the process ended where it did not come to the end of the job. Raises Unprepared.
    """
    token, messages, told, lacking = secrets.token_hex(16), queue.SimpleQueue(), [], None
    pending = [each["number"] for each in job["exercises"] if each["judged"]]
    allowed = int(PREPARATION + seconds * len(job["exercises"])) + 1
    with tempfile.TemporaryDirectory(prefix="bncourse-", ignore_cleanup_errors=True) as folder:
        worker = started(folder)
        try:
            listen(worker, token, messages)
            with contextlib.suppress(OSError):  # it ended already, which is the next message
                worker.stdin.write(json.dumps({**job, "token": token, "seconds": allowed}).encode() + b"\n")
                worker.stdin.close()
            while pending:
                kind, content = next_message(messages, PREPARATION if lacking is None else seconds)
                if kind == "lacking" and lacking is None:
                    lacking = set(content)
                elif lacking is None:
                    raise Unprepared(f"{job['checks']}: {content or kind}")
                elif kind == "grade":
                    if content.exercise == pending[0]:  # and not said twice, by an answer that forked
                        told.append(content)
                        pending = pending[1:] if content.state in JUDGED else []
                else:
                    told.append(Grade(pending[0], *ending(kind, worker)))
                    break
        finally:
            end(worker)
    return told, lacking or set()


def started(folder: str) -> subprocess.Popen:
    """A process that waits for its job, in an empty folder, with few of this process's variables."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "MPLCONFIGDIR", "BNCOURSE_HOME"), folder)
    env |= {"PYTHONPATH": str(PACKAGE.parent), "BNCOURSE_PROGRESS": "off", "MPLBACKEND": "agg", "PYTHONUTF8": "1",
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUSERBASE": site.getuserbase()}
    return subprocess.Popen(COMMAND, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)


def listen(worker: subprocess.Popen, token: str, messages: queue.SimpleQueue) -> None:
    """Puts what the process says into the queue, as it comes: ("lacking" or "grade", content), "output" or "end"."""
    said = []
    printed = threading.Thread(target=count_output, args=(worker.stderr, messages, said), daemon=True)
    printed.start()
    threading.Thread(target=read_verdicts, args=(worker.stdout, token, messages, printed, said), daemon=True).start()


def count_output(stream, messages: queue.SimpleQueue, said: list[bytes]) -> None:
    """Reads what the answers print, up to the most that is allowed, and keeps the last of it."""
    size = 0
    while piece := stream.read1(2**16):
        size += len(piece)
        said[:] = [piece]
        if size > LARGEST_OUTPUT:
            messages.put(("output", None))
            return


def read_verdicts(stream, token: str, messages: queue.SimpleQueue, printed: threading.Thread, said: list) -> None:
    """Reads lines of the process's own; a line without its token was written by an answer, and says nothing."""
    while line := stream.readline(2**16):
        if line.startswith(token.encode()):
            message = json.loads(line[len(token):])
            if "lacking" in message:
                messages.put(("lacking", message["lacking"]))
            else:
                messages.put(("grade", Grade(message.pop("number"), **message)))
    printed.join(1)
    messages.put(("end", b"".join(said).decode(errors="replace").strip().rpartition("\n")[2]))


def next_message(messages: queue.SimpleQueue, patience: int | float) -> tuple[str, object]:
    """The next message of a worker, its kind and what it holds; kind "time" where none comes in `patience` seconds."""
    try:
        return messages.get(timeout=patience)
    except queue.Empty:
        return "time", None


def ending(kind: str, worker: subprocess.Popen) -> tuple[str, str, str]:
    """State, no mistake, and a clause, for an answer that ended its process or had it ended."""
    if kind in ("time", "output"):
        return {"time": "ran out of time", "output": "too much output"}[kind], "", ""
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(5)
    status = worker.returncode or 0
    if status in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGXFSZ", 0)) and status:
        return ("ran out of time" if status == -signal.SIGXCPU else "too much output"), "", ""
    return "crashed", "", (f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}")


def end(worker: subprocess.Popen) -> None:
    """Ends the process and what it started, and closes its pipes."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout, worker.stderr):
        with contextlib.suppress(OSError):
            pipe.close()
