"""The paper's data: the sums and ratios that its text tells, and a ledger whose every word can be followed."""

import importlib
import json
import re

import pytest

from bncourse import paper
from bncourse.paper import PaperError, Shown
from bncourse.paths import ROOT

TRAINING_IMAGES = 1_281_167  # ILSVRC 2012

GOOD = """
section = "3"
says = "A mean is subtracted."
notebook = ["03"]
shown = [{notebook = "03", section = "Algorithm 1", test = "tests/test_paper.py::test_it"}]
function = ["bncourse.paper.claims"]
verdict = "holds"
"""


def by_model(rows):
    return {row.model: row for row in rows}


# Figure 3.

def test_figure_3_gives_the_ratios_of_the_text():
    steps = {model: row.steps for model, row in by_model(paper.figure3()).items()}
    assert round(steps["Inception"] / steps["BN-x5"], 2) == 14.76  # "14 times fewer"
    assert round(100 * steps["BN-x5"] / steps["Inception"], 2) == 6.77  # "only 7 %"
    assert round(100 * steps["BN-Baseline"] / steps["Inception"], 1) == 42.9  # "less than half"
    assert round(steps["Inception"] / 6e6, 2) == 5.17  # BN-x30, "5 times fewer"
    assert steps["BN-x5-Sigmoid"] is None
    assert steps["BN-x5"] < steps["BN-x30"] < steps["BN-Baseline"]


def test_figure_3_in_epochs():
    epochs = {row.model: round(row.steps * 32 / TRAINING_IMAGES) for row in paper.figure3() if row.steps}
    assert epochs == {"Inception": 774, "BN-Baseline": 332, "BN-x5": 52, "BN-x30": 67}


def test_figure_3_gives_the_accuracies_of_the_text():
    accuracy = {model: row.max_accuracy for model, row in by_model(paper.figure3()).items()}
    assert accuracy == {"Inception": 72.2, "BN-Baseline": 72.7, "BN-x5": 73.0, "BN-x30": 74.8, "BN-x5-Sigmoid": 69.8}


# Figure 4.

def test_the_single_crop_of_figure_4_is_bn_x30_of_figure_3():
    single = by_model(paper.figure4())["BN-Inception single crop"]
    best = by_model(paper.figure3())["BN-x30"]
    assert round(100 - best.max_accuracy, 1) == single.top1_error == 25.2


def test_figure_4_as_printed():
    rows = by_model(paper.figure4())
    assert len(rows) == 7
    assert rows["GoogLeNet ensemble"] == ("GoogLeNet ensemble", "224", 144, 7, None, 6.67)
    assert rows["Deep Image high-res"].top1_error == 24.88
    assert rows["Deep Image ensemble"][1:] == ("variable", None, None, None, 5.98)
    ours = [rows[f"BN-Inception {name}"] for name in ("single crop", "multicrop", "ensemble")]
    assert [(row.crops, row.models) for row in ours] == [(1, 1), (144, 1), (144, 6)]
    assert [row.top5_error for row in ours] == [7.82, 5.82, 4.9]


# Figure 5.

def modules():
    return {row.type[-3:-1]: row for row in paper.figure5() if row.type.startswith("inception")}


def branch_sums():
    """Module -> what its branches add up to; a pooling without projection passes the module's input on."""
    sums, channels = {}, 192
    for name, row in modules().items():
        sums[name] = row.conv1x1 + row.conv3x3 + row.double3x3 + (channels if row.proj is None else row.proj)
        channels = sums[name]
    return sums


def test_the_branches_of_figure_5_add_up_but_for_4c_4d_and_what_4e_passes_on():
    printed = {name: row.output_size[2] for name, row in modules().items()}
    wrong = {name: (total, printed[name]) for name, total in branch_sums().items() if total != printed[name]}
    assert wrong == {"4c": (608, 576), "4d": (608, 576), "4e": (1056, 1024)}


def test_4e_as_printed_passes_on_what_4d_prints():
    row = modules()["4e"]
    assert row.conv3x3 + row.double3x3 + modules()["4d"].output_size[2] == row.output_size[2] == 1024


def test_modules_of_stride_2_print_the_size_of_their_input():
    sizes = {name: row.output_size[0] for name, row in modules().items()}
    assert [name for name, row in modules().items() if row.patch_stride == "stride 2"] == ["3c", "4e"]
    assert sizes["3c"] == sizes["3b"] == 28 and sizes["4e"] == sizes["4d"] == 14
    assert sizes["4a"] == 14 and sizes["5a"] == 7


def test_figure_5_is_34_layers_deep_with_the_second_convolution_counted_right():
    rows = paper.figure5()
    assert len(rows) == 15
    printed = sum(row.depth for row in rows)
    classifier, missing = 1, 1  # the softmax's layer has no row; a 1x1 before the 3x3 has no depth
    assert printed + classifier + missing == 34 == 22 + 9 + 3  # GoogLeNet, nine 5x5 as two 3x3, module 3c


def test_pooling_is_the_printed_one():
    assert {name: (row.pool, row.proj) for name, row in modules().items()} == {
        "3a": ("avg", 32), "3b": ("avg", 64), "3c": ("max", None), "4a": ("avg", 128), "4b": ("avg", 128),
        "4c": ("avg", 128), "4d": ("avg", 128), "4e": ("max", None), "5a": ("avg", 128), "5b": ("max", 128)}


# Errors in tables name the row and the field.

@pytest.mark.parametrize("figure, old, new, complaint", [
    ("figure3", "31.0e6", "many", r"figure3\.csv, row 1: steps is 'many'"),
    ("figure3", "72.7%", "", r"figure3\.csv, row 2: max_accuracy is empty"),
    ("figure3", "model,steps", "name,steps", r"figure3\.csv has the columns name, steps, max_accuracy; expected model"),
    ("figure3", "2.1e6,", "", r"figure3\.csv, row 3 has 2 fields; expected 3"),
    ("figure4", "6.67%", "6.67 of 100", r"figure4\.csv, row 1: top5_error is '6.67 of 100'"),
    ("figure4", "224,144,7", "224,all,7", r"figure4\.csv, row 1: crops is 'all'"),
    ("figure5", "112x112x64", "112x64", r"figure5\.csv, row 1: output_size is '112x64'"),
    ("figure5", "avg,32", "avg,none", r"figure5\.csv, row 5: proj is 'none'"),
])
def test_a_malformed_table_is_refused_by_row_and_field(tmp_path, figure, old, new, complaint):
    text = (paper.PAPER / f"{figure}.csv").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{figure}.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PaperError, match=complaint):
        getattr(paper, figure)(tmp_path)


# The ledger.

def test_the_ledger_has_61_claims_in_order():
    assert list(paper.claims()) == [f"C{number}" for number in range(1, 62)]


def test_the_sections_follow_the_paper():
    order = ["Abstract", "1", "2", "3", "3.1", "3.2", "3.3", "3.4", "4.1", "4.2", "4.2.1", "4.2.2", "4.2.3", "5",
             "Appendix"]
    assert list(dict.fromkeys(claim.section for claim in paper.claims().values())) == order


def test_every_claim_has_a_notebook_and_every_notebook_a_claim():
    claims = paper.claims().values()
    assert all(claim.notebook for claim in claims)
    assert {number for claim in claims for number in claim.notebook} == {f"{number:02}" for number in range(16)}
    assert [claim.id for claim in paper.claims_of("08")] == ["C39"]


def test_the_numbers_of_the_claims_are_those_of_the_figures():
    claims = paper.claims()
    for row in paper.figure3():
        assert f"{row.max_accuracy}" in claims["C48"].says
        assert row.steps is None or f"{row.steps / 1e6}" in claims["C48"].says
    for row in paper.figure4()[-3:]:
        assert f"{row.top1_error} %" in claims["C52"].says and f"{row.top5_error} %" in claims["C52"].says


@pytest.mark.parametrize("name", sorted({name for claim in paper.claims().values() for name in claim.function}))
def test_every_function_of_the_ledger_can_be_called(name):
    module, function = name.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function))


def headings(notebook):
    """The headings of a notebook, without their numbers; none where there is no such notebook."""
    for path in (ROOT / "notebooks").glob(f"{notebook}_*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield from re.findall(r"^#+ +(?:\d+ )?(.+?) *$", "".join(cell["source"]), flags=re.MULTILINE)


def is_there(test):
    """Whether a test tests/...::test_name is written in its file."""
    file, name = test.split("::")
    path = ROOT / file
    return path.is_file() and re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("id, place", [(claim.id, place) for claim in paper.claims().values() for place in claim.shown])
def test_a_claim_marked_as_shown_is_in_a_notebook_and_held_by_a_test(id, place):
    found = list(headings(place.notebook))
    assert place.section in found, f"{id}: notebook {place.notebook} has no heading {place.section!r} among {found}"
    assert is_there(place.test), f"{id}: there is no {place.test}"


def ledger(folder, claim=GOOD, ids=paper.IDS):
    """A ledger whose C5 is this claim, and all others are good."""
    path = folder / "claims.toml"
    path.write_text("".join(f"[{id}]{claim if id == 'C5' else GOOD}\n" for id in ids), encoding="utf-8")
    return path


def test_a_good_ledger_is_read_as_it_is_written(tmp_path):
    claim = paper.claims(ledger(tmp_path, GOOD + 'measured = "0 to 1e-15"\n'))["C5"]
    assert claim.shown == (Shown("03", "Algorithm 1", "tests/test_paper.py::test_it"),)
    assert (claim.id, claim.section, claim.verdict, claim.measured) == ("C5", "3", "holds", "0 to 1e-15")


@pytest.mark.parametrize("old, new, complaint", [
    ('section = "3"', "", "section is missing"),
    ('section = "3"', "section = 3", "section is 3; expected a str"),
    ('says = "A mean is subtracted."', 'says = ""', "says is ''"),
    ("A mean is subtracted.", "A | B", r"says is 'A \| B'; expected text that fits a table"),
    ('notebook = ["03"]', 'notebook = ["3"]', "notebook has '3'; expected two digits"),
    ('notebook = ["03"]', "notebook = [3]", "notebook has 3; expected two digits"),
    ('notebook = ["03"]', 'notebook = "03"', "notebook is '03'; expected a list"),
    ('notebook = ["03"]', 'notebook = ["04"]', "shown is in notebook 03, which is not among notebook"),
    ('"tests/test_paper.py::test_it"', '"test_it"', "shown has the test 'test_it'; expected tests/"),
    ('section = "Algorithm 1", ', "", "shown has .* expected the texts notebook, section, test"),
    ('"bncourse.paper.claims"', '"claims"', "function has 'claims'; expected a full name"),
    ('verdict = "holds"', 'verdict = "true"', "verdict is 'true'; expected one of holds, holds in part, contested"),
    ('verdict = "holds"', 'verdict = "holds"\nnote = ""', "note is unknown"),
    ('shown = [{notebook = "03", section = "Algorithm 1", test = "tests/test_paper.py::test_it"}]', "shown = []",
     "verdict is 'holds', but shown is empty"),
])
def test_a_malformed_claim_is_refused_by_its_number_and_field(tmp_path, old, new, complaint):
    assert old in GOOD
    with pytest.raises(PaperError, match=f"C5: {complaint}"):
        paper.claims(ledger(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize("ids, complaint", [
    (paper.IDS[:4] + paper.IDS[5:], "C5 is missing"),
    ((*paper.IDS, "C62"), "C62 is unknown"),
    ((paper.IDS[1], paper.IDS[0], *paper.IDS[2:]), "C2 stands in claims.toml where C1 is expected"),
])
def test_a_ledger_with_other_claims_is_refused(tmp_path, ids, complaint):
    with pytest.raises(PaperError, match=complaint):
        paper.claims(ledger(tmp_path, ids=ids))


def test_the_sentence_counts_each_verdict_in_its_number(tmp_path):
    verdicts = ["holds", "holds", "contested", *["not tested here"] * 58]
    path = tmp_path / "claims.toml"
    records = [f"[{id}]" + GOOD.replace("holds", verdict) for id, verdict in zip(paper.IDS, verdicts, strict=True)]
    path.write_text("\n".join(records))
    assert paper.counted(path) == ("61 claims: 3 are run here, of which 2 hold and 1 is contested; "
                                   "58 are not tested here.")
