"""The choice of data: by name or by the environment, and never by unpickling."""

import ast
from pathlib import Path

import numpy as np
import pytest

from bncourse import datasets
from bncourse.datasets import glyphs, mnist

MODULES = sorted(Path(datasets.__file__).parent.glob("*.py"))


def test_glyphs_are_the_default(monkeypatch):
    for unset in (lambda: monkeypatch.delenv("BNCOURSE_DATASET", raising=False),
                  lambda: monkeypatch.setenv("BNCOURSE_DATASET", "")):
        unset()
        assert datasets.chosen() == "glyphs"
        assert "synthetic" in datasets.describe()


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("BNCOURSE_DATASET", "mnist")
    digits = np.zeros((3, 28, 28), np.uint8), np.arange(3)
    monkeypatch.setattr(mnist, "load", lambda split: {"train": digits}[split])
    assert datasets.chosen() == "mnist"
    assert datasets.load() is digits


def test_a_name_is_stronger_than_the_environment(monkeypatch):
    monkeypatch.setenv("BNCOURSE_DATASET", "mnist")
    images, labels = datasets.load("glyphs", "test")
    expected = glyphs.load("test")
    np.testing.assert_array_equal(images, expected[0])
    np.testing.assert_array_equal(labels, expected[1])
    assert datasets.describe("glyphs") == datasets.TITLES["glyphs"]


def test_an_unknown_name_is_refused_with_the_names_there_are(monkeypatch):
    with pytest.raises(ValueError, match="name is 'minst'; expected one of glyphs, mnist"):
        datasets.load("minst")
    monkeypatch.setenv("BNCOURSE_DATASET", "minst")
    with pytest.raises(ValueError, match="BNCOURSE_DATASET is 'minst'; expected one of glyphs, mnist"):
        datasets.load()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_nothing_unpickles(path):
    words = {getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
             or getattr(node, "name", None) or getattr(node, "module", None)
             for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))}
    assert not words & {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "allow_pickle"}
