"""What the doctor says: a `Finding` for each thing that is wrong, and a `Report` of them, which prints as text.

`formats` has the other forms of a report: HTML, which a notebook shows by itself, JSON and SARIF.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from textwrap import fill, indent

from bncourse.doctor.handbook import HANDBOOK

SEVERITIES = ("fault", "risk", "note")  # provably wrong; wrong in some uses; wasted, or a matter of opinion


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in one or more layers.

    name       what it is called in `handbook.HANDBOOK`, such as "batch-statistics-at-inference"
    layers     the paths of the modules in the model, as `model.get_submodule` takes them, the worst first
    severity   "fault", "risk" or "note": see SEVERITIES
    law        what holds for every healthy batch norm, and does not hold here
    evidence   what was measured, in numbers
    why        what follows from it for the owner, in a sentence
    repair     what to do, as code or in a sentence
    lesson     the lesson of the course that explains it, and its section
    """

    name: str
    layers: tuple[str, ...]
    severity: str
    law: str
    evidence: str
    why: str
    repair: str
    lesson: str

    def __str__(self) -> str:
        lines = [
            f"{self.severity.upper()}  {self.name}  in {listed(self.layers)}",
            *(paragraph(label, getattr(self, label)) for label in ("law", "evidence", "why")),
            f"  {'repair':<9} {indent(self.repair, ' ' * 12).strip()}",
            paragraph("lesson", self.lesson),
        ]
        return "\n".join(lines)


def finding(name: str, layers, severity: str, evidence: str, repair: str | None = None) -> Finding:
    """A `Finding` whose law, reason, repair and lesson are those of the handbook.

    `layers` is a series of the modules' paths; `repair` replaces that of the handbook where a case has one of its own.
    """
    entry = HANDBOOK[name]
    return Finding(name, tuple(layers), severity, entry.law, evidence, entry.why, repair or entry.repair, entry.lesson)


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the gravest first, those of one name as one: with all their layers, and the gravest severity."""
    by_name: dict[str, Finding] = {}
    for new in findings:
        old = by_name.get(new.name)
        by_name[new.name] = new if old is None else both(old, new)
    return sorted(by_name.values(), key=lambda each: SEVERITIES.index(each.severity))


def both(one: Finding, other: Finding) -> Finding:
    """Two findings of one name as one, which begins with the graver one."""
    first, second = sorted((one, other), key=lambda each: SEVERITIES.index(each.severity))
    layers = tuple(dict.fromkeys(first.layers + second.layers))
    return replace(first, layers=layers, evidence="; ".join(dict.fromkeys((first.evidence, second.evidence))))


@dataclass(frozen=True)
class Report:
    """The findings of an examination, the gravest first, as text where it is printed.

    findings   a tuple of `Finding`
    remarks    sentences about what could not be examined and why
    examined   how many batch norms of every kind were examined
    """

    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    examined: int = 0

    @property
    def clean(self) -> bool:
        """Whether there is no finding at all."""
        return not self.findings

    @property
    def nothing_examined(self) -> bool:
        """Whether no batch norm was found, and remarks say what might hide one: no news, which is not good news."""
        return not self.examined and self.clean and bool(self.remarks)

    def __str__(self) -> str:
        return "\n\n".join([self.summary, *map(str, self.findings), *(fill(r, 100) for r in self.remarks)])

    def _repr_html_(self) -> str:
        from bncourse.doctor import formats  # which imports this file

        return formats.to_html(self)

    def to_dict(self) -> dict:
        """The report as lists, dictionaries and plain values; see `formats.to_dict`."""
        from bncourse.doctor import formats

        return formats.to_dict(self)

    def to_json(self) -> str:
        """The report as JSON text; see `formats.to_dict`."""
        from bncourse.doctor import formats

        return formats.to_json(self)

    @property
    def summary(self) -> str:
        """One line: how many batch norms were examined, and how many findings there are of each severity."""
        if self.nothing_examined:
            return "No batch norm was found, and nothing could be examined."
        if not self.examined and self.clean:
            return "The model has no batch norm: nothing to examine."
        counts = [(sum(f.severity == severity for f in self.findings), severity) for severity in SEVERITIES]
        found = ", ".join(f"{n} {severity}{'s' * (n > 1)}" for n, severity in counts if n) or "nothing found"
        return f"{self.examined} batch norm{'s' * (self.examined != 1)} examined: {found}."


def paragraph(label: str, text: str) -> str:
    """A labelled paragraph of a printed finding, its lines no longer than 100 characters."""
    return fill(text, 100, initial_indent=f"  {label:<9} ", subsequent_indent=" " * 12)


def listed(layers: tuple[str, ...], shown: int = 6) -> str:
    """The layers' paths in a row, and how many more there are after the first `shown`."""
    names = [name or "the model itself" for name in layers[:shown]]
    more = len(layers) - shown
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
