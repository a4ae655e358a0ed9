"""The process in which the answers of one submission are judged: `python -m bncourse.grading.worker`, a job on stdin.

A job is JSON: the source of the `preparation`, the name of the module of `checks`, the `exercises` in order, the
`seconds` of processor time and a `token`. What an answer prints goes to stderr, both its streams. The verdicts leave by
another copy of stdout, a line of JSON each that begins with the token, which no answer is told.
"""

import ast
import importlib
import json
import os
import re
import sys

from bncourse.grading import confinement, tampering

LONGEST = 200  # characters of a clause


def main() -> None:
    """Judges the exercises of the job one by one, and ends at once: no thread and no exit handler lives on."""
    job = json.loads(sys.stdin.buffer.readline())
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(**message):
        channel.write(job["token"] + json.dumps(message) + "\n")
        channel.flush()

    names = {"__name__": "__main__"}
    exec(compile(job["preparation"], "<the lesson>", "exec"), names)
    checks = importlib.import_module(job["checks"])
    judges = {each["judge"]: getattr(checks, each["judge"]) for each in job["exercises"]}
    tell(lacking=confinement.confine(job["seconds"]))
    before = tampering.snapshot()
    for each in job["exercises"]:
        told = verdict(each, judges[each["judge"]], names)
        if each["judged"]:
            found = tampering.changes(before)
            tell(number=each["number"], **({"state": "tampered", "says": found} if found else told))
    os._exit(0)


def verdict(exercise: dict, judge, names: dict) -> dict[str, str]:
    """State, known mistake and a clause on one answer, whose cell is run first; of one not to be judged, nothing."""
    try:
        exec(compile(without_checks(exercise["source"]), f"<{exercise['number']}>", "exec"), names)
        if not exercise["judged"]:
            return {}
        found = judge(names.get(exercise["answer"]))
    except BaseException as error:  # SystemExit too: whatever an answer raises is about the answer
        state = "ran out of memory" if isinstance(error, MemoryError) else "cell fails"
        return {"state": state, "says": f"{type(error).__name__}: {error}"[:LONGEST]}
    if found.state == "rejected" and re.search(r"raised \w*MemoryError", found.text):
        return {"state": "ran out of memory"}
    if found.state != "rejected":
        return {"state": found.state}
    clauses = [line for line in found.text.splitlines() if not line.startswith("Right so far")]
    return {"state": "rejected", "mistake": found.mistake, "says": clauses[0][:LONGEST]}


def without_checks(source: str) -> ast.Module:
    """The cell without the lines that call its check: the answer is judged once, from here."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body
                 if not (isinstance(node, ast.Expr) and ast.unparse(node).startswith("check."))]
    return tree


if __name__ == "__main__":
    main()
