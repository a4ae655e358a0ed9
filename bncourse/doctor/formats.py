"""A report for other readers: HTML for a notebook, JSON for a program, SARIF 2.1.0 for the page of a code host.

report                                     the last line of a notebook's cell: the table
report.to_json()                           {"bncourse": "0.1.0", "examined": 5, "clean": false, "findings": [...
to_sarif(report, uri="model.py", line=12)  the layers as logical locations, the file and line as the physical one
"""

import json
from dataclasses import asdict
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bncourse.doctor.handbook import HANDBOOK
from bncourse.doctor.report import Finding, Report, listed

COLOURS = {"fault": "#b3261e", "risk": "#8a5300", "note": "#2f5d8a"}  # white text is read on each
LEVELS = {"fault": "error", "risk": "warning", "note": "note"}
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

BADGE = "background:{};color:#fff;border-radius:3px;padding:0 .5em;font-size:.85em"
BOX = "border:1px solid var(--jp-border-color2,#8888);border-radius:4px;margin:.4em 0;padding:.3em .7em;max-width:60em"
ROWS = "display:grid;grid-template-columns:max-content 1fr;gap:.25em 1em;margin:.5em 0"
CODE = "margin:0;padding:.3em .6em;background:var(--jp-layout-color2,#8882);color:inherit;white-space:pre-wrap"


def to_html(report: Report) -> str:
    """A self-contained piece of HTML: the summary, and each finding folded, the first one open."""
    findings = [finding_html(each, opened=i == 0) for i, each in enumerate(report.findings)]
    remarks = [f'<p style="max-width:60em">{escape(remark)}</p>' for remark in report.remarks]
    return "\n".join([f"<div><p><b>{escape(report.summary)}</b></p>", *findings, *remarks, "</div>"])


def finding_html(finding: Finding, opened: bool) -> str:
    """One finding: its severity, name and layers, and below, where it is open, all that is said of it."""
    rows = {label: escape(getattr(finding, label)) for label in ("law", "evidence", "why")}
    rows["repair"] = f'<pre style="{CODE}">{escape(finding.repair)}</pre>'
    rows["lesson"] = escape(finding.lesson)
    listing = "".join(f"<b>{label}</b><span>{text}</span>" for label, text in rows.items())
    badge = f'<span style="{BADGE.format(COLOURS[finding.severity])}">{finding.severity}</span>'
    layers = escape(listed(finding.layers))
    return (
        f'<details{" open" * opened} style="{BOX}"><summary style="cursor:pointer">{badge} '
        f'<b>{escape(finding.name)}</b> in {layers}</summary><div style="{ROWS}">{listing}</div></details>'
    )


def to_dict(report: Report) -> dict[str, Any]:
    """The report as lists, dictionaries and plain values; the keys of a finding are the attributes of `Finding`."""
    return {
        "bncourse": version("bncourse"),
        "examined": report.examined,
        "clean": report.clean,
        "findings": [asdict(finding) | {"layers": list(finding.layers)} for finding in report.findings],
        "remarks": list(report.remarks),
    }


def to_json(report: Report) -> str:
    """The report as JSON text; see `to_dict`."""
    return json.dumps(to_dict(report), indent=2, ensure_ascii=False)


def to_sarif(report: Report, uri: str | None = None, line: int | None = None) -> str:
    """The report as the text of a SARIF 2.1.0 log, which code hosts show beside the code.

    A fault is an error, a risk a warning, and a note a note; rules are named as findings, and layers are logical
    locations. `uri` is the file to show them at, relative to the repository or absolute, and `line` the line in it,
    from 1; without a uri there is no physical location.
    """
    used = list(dict.fromkeys(finding.name for finding in report.findings))
    driver = {"name": "bncourse doctor", "version": version("bncourse"), "rules": [rule(name) for name in used]}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(map(remark, report.remarks))}],
        "results": [result(finding, used.index(finding.name), uri, line) for finding in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def uri_of(file: str) -> str:
    """A file as SARIF names it: relative to the working folder, where it lies inside it, with percents for spaces."""
    path = Path(file).resolve()
    inside = path.is_relative_to(Path.cwd())
    return quote(path.relative_to(Path.cwd()).as_posix()) if inside else path.as_uri()


def rule(name: str) -> dict[str, Any]:
    """What the handbook says of a finding, as a SARIF reportingDescriptor."""
    entry = HANDBOOK[name]
    return {
        "id": name,
        "shortDescription": {"text": entry.law},
        "fullDescription": {"text": f"{entry.law} {entry.why}"},
        "help": {"text": f"{entry.repair}\n({entry.lesson} of the course)"},
    }


def remark(text: str) -> dict[str, Any]:
    """What could not be examined, as a SARIF notification."""
    return {"level": "note", "message": {"text": text}}


def result(finding: Finding, index: int, uri: str | None, line: int | None) -> dict[str, Any]:
    """A finding as a SARIF result; `index` is that of its rule."""
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": path or "the model itself", "kind": "module"}
                             for path in finding.layers]
    }  # fmt: skip
    if uri is not None:
        place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
        location["physicalLocation"] = place | ({"region": {"startLine": line}} if line is not None else {})
    text = f"{finding.name} in {listed(finding.layers)}: {finding.evidence}. {finding.why} Repair: {finding.repair}"
    return {
        "ruleId": finding.name,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [location],
    }
