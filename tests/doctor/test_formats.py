"""A report as HTML, JSON and SARIF: whole, escaped, and with the keys that other programs rely on."""

import json
import re
from html.parser import HTMLParser

import pytest

from bncourse.doctor.formats import to_sarif, uri_of
from bncourse.doctor.handbook import HANDBOOK
from bncourse.doctor.report import Report, finding

EVIDENCE = 'a "value" < 3 & <script>alert(1)</script>'


@pytest.fixture
def report():
    return Report((finding("dead-channels", ["a.<b>", ""], "fault", EVIDENCE),
                   finding("dead-channels", ["c"], "risk", "2 of 8"),
                   finding("wasted-bias", ["d"], "note", "0 of 1", "if a < b: c & d")),
                  ("The loader ended early.",), 4)


class Elements(HTMLParser):
    """The elements of a piece of HTML, which must be closed in order, and its text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_whole_escaped_and_says_all_that_the_text_says(report):
    page = Elements(report._repr_html_())
    assert set(page.tags) == {"div", "p", "b", "details", "summary", "span", "pre"}
    assert page.tags.count("details") == 3 and report._repr_html_().count("<details open") == 1
    parts = [getattr(f, part) for f in report.findings for part in ("law", "why", "repair", "lesson")]
    for said in (report.summary, EVIDENCE, "a.<b>, the model itself", *report.remarks, *parts):
        assert said in page.text


def test_html_leaves_the_colours_of_text_and_page_to_the_notebook(report):
    html = report._repr_html_()
    assert "#fff" in html and set(re.findall(r"color:([#\w-]+)", html.replace("background", ""))) <= {"#fff", "inherit"}


def test_json_has_the_attributes_of_findings(report):
    told = json.loads(report.to_json())
    assert told == json.loads(json.dumps(report.to_dict()))
    assert set(told) == {"bncourse", "examined", "clean", "findings", "remarks"}
    assert (told["examined"], told["clean"], told["remarks"]) == (4, False, ["The loader ended early."])
    assert told["findings"][0] == vars(report.findings[0]) | {"layers": ["a.<b>", ""]}
    assert json.loads(Report().to_json())["clean"] is True


def test_sarif_names_rules_levels_and_places(report):
    log = json.loads(to_sarif(report, "src/a%20model.py", 12))
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver, rules = run["tool"]["driver"], run["tool"]["driver"]["rules"]
    assert driver["name"] == "bncourse doctor" and [r["id"] for r in rules] == ["dead-channels", "wasted-bias"]
    assert rules[0]["shortDescription"]["text"] == HANDBOOK["dead-channels"].law
    assert [r["level"] for r in run["results"]] == ["error", "warning", "note"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] and r["message"]["text"] for r in run["results"])
    (location,) = run["results"][0]["locations"]
    place = {"artifactLocation": {"uri": "src/a%20model.py"}, "region": {"startLine": 12}}
    assert location["physicalLocation"] == place
    assert [p["fullyQualifiedName"] for p in location["logicalLocations"]] == ["a.<b>", "the model itself"]
    assert run["invocations"][0]["executionSuccessful"] is True
    assert [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]] == list(report.remarks)


def test_sarif_without_a_file_has_no_physical_place_and_without_findings_no_results(report):
    assert "physicalLocation" not in to_sarif(report)
    assert "region" not in to_sarif(report, "a.pt")
    (run,) = json.loads(to_sarif(Report()))["runs"]
    assert run["results"] == run["tool"]["driver"]["rules"] == []


def test_a_file_is_named_from_the_working_folder_where_it_lies_in_it(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert uri_of("a b/model.py") == "a%20b/model.py" == uri_of(str(tmp_path / "in" / "a b" / "model.py"))
    assert uri_of("../model.py") == (tmp_path / "model.py").resolve().as_uri()
