"""Tables at the end of the test output, of what the tests record as properties, in whichever process they run:

    notebook  the name that a test's seconds are counted under; the cells of a notebook are counted without
    latency   (name, milliseconds from a key on a slider to its new picture)
    mistake   (package, planted mistake, the law that caught it)
    room      (cell, the tag by which its numbers are compared otherwise than others are)
    patient   (number of the fault and the patient's name, what the doctor said of it)
"""

import statistics
from collections import defaultdict

import pytest


def pytest_configure(config):
    config.pluginmanager.register(Tables(), "tables")


class Tables:
    def __init__(self):
        self.seconds, self.latencies, self.mistakes = defaultdict(float), {}, defaultdict(dict)
        self.rooms, self.patients = {}, {}

    def pytest_runtest_logreport(self, report):
        file, _, _ = report.nodeid.partition("::")
        counted = file if file.endswith(".ipynb") else None
        for name, value in report.user_properties:
            if name == "notebook":
                counted = value
            elif name == "latency":
                self.latencies[value[0]] = value[1]
            elif name == "mistake":
                self.mistakes[value[0]][value[1]] = value[2]
            elif name == "room":
                self.rooms[value[0]] = value[1]
            elif name == "patient":
                self.patients[value[0]] = value[1]
        if counted:
            self.seconds[counted.rpartition("/")[2]] += report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        for package, caught in self.mistakes.items():
            table(terminalreporter, f"bncourse.{package}: mistake, caught by", caught)
        table(terminalreporter, "patients of the doctor: severity, finding, layers",
              dict(sorted(self.patients.items())))
        table(terminalreporter, "cells whose numbers have more room (measured integers), or none (exact)",
              dict(sorted(self.rooms.items())))
        table(terminalreporter, "milliseconds from slider to picture, in JupyterLab",
              {name: f"median {statistics.median(took):4.0f}, longest {max(took):4.0f}, {len(took)} moves"
               for name, took in sorted(self.latencies.items()) if took})
        seconds = dict(sorted(self.seconds.items())) | {"total": sum(self.seconds.values())}
        table(terminalreporter, "seconds per notebook",
              {name: f"{each:8.1f}" for name, each in seconds.items()} if self.seconds else {})


def table(terminalreporter, title, rows):
    if rows:
        terminalreporter.section(title)
    for name, text in rows.items():
        terminalreporter.write_line(f"{name:{max(map(len, rows))}}  {text}")
