"""A deck is written with nothing left of the deck before."""

from pathlib import Path

from nbformat.v4 import new_notebook

from bncourse.lectures import assets, deck
from bncourse.lectures.lessons import Lesson


def test_the_pdf_of_an_earlier_deck_goes_and_those_of_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "copy_reveal", lambda folder: None)
    monkeypatch.setattr(deck, "deck", lambda lesson, others, beside: "new")
    for name in ("03_a", "04_b"):
        (tmp_path / f"{name}.pdf").write_text("old")
    deck.write([Lesson(Path("03_a.ipynb"), "03", "A", "Why?", new_notebook())], tmp_path)
    assert sorted(path.name for path in tmp_path.glob("0*")) == ["03_a.html", "04_b.pdf"]
