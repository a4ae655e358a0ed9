"""Fresh outputs against stored ones: words are exact, a number has one unit of its last digit, a picture little."""

import base64
import io

import numpy as np
import pytest
from nbformat.v4 import new_output
from PIL import Image

from bncourse.comparison import different_pictures, moved_numbers, pictures, reconcile
from bncourse.figures import picture
from bncourse.figures.style import Picture, blank


def passes(now, stored, *tags):
    """Whether a cell that printed `now` passes where `stored` is stored."""
    outputs = [[new_output("stream", name="stdout", text=text)] for text in (now, stored)]
    return reconcile(*outputs, tags) == outputs[1]


WITHIN = [("loss 0.52", "loss 0.53"), ("1.0e-05", "9.9e-06"), ("-0.0", "0.0"), ("| 9.9 |", "| 10.0 |"),
          ("a    9.9 b", "a   10.0 b"), ("3.1, -0.25", "3.2, -0.26"), ("+0.01", "-0.00"),
          ("NumPy 2.4.6, 0.5", "NumPy 3.2.1rc1, 0.5")]
BEYOND = {"two units": ("0.51", "0.53"), "one unit too many of two numbers": ("0.5 0.3", "0.5 0.5"),
          "an integer": ("42", "43"), "a signed integer": ("+4, -1", "+4, -2"), "thousands": ("1,285,224", "1,285,225"),
          "a shape": ("(60, 100)", "(60, 101)"), "fewer digits": ("0.5", "0.53"), "an integer for it": ("1", "1.0"),
          "a sign": ("0.5", "-0.5"), "a power of ten": ("1.0e-05", "1.0e-06"), "a word": ("low 0.5", "high 0.5"),
          "a name with a digit": ("C41", "C42"), "another's version": ("pip 2.13.0", "pip 2.13.1"),
          "a blank": ("a 0.5", "a  0.5"),
          "not a number": ("nan", "0.5"), "one number more": ("0.5 0.5", "0.5"), "a line": ("0.5\n", "0.5")}


@pytest.mark.parametrize(("now", "stored"), WITHIN)
def test_a_number_may_differ_by_one_unit_of_its_last_digit(now, stored):
    assert passes(now, stored) and passes(stored, now)
    assert passes(now, stored, "measured")


@pytest.mark.parametrize(("now", "stored"), BEYOND.values(), ids=BEYOND)
def test_anything_else_has_to_be_as_stored(now, stored):
    assert not passes(now, stored) and not passes(stored, now)


def test_measured_integers_have_one_unit_too_and_no_more():
    assert passes("+4, -1, 80 %", "+4, -2, 79 %", "measured")
    assert not passes("+4, 0, 80 %", "+4, -2, 79 %", "measured")


def test_an_exact_cell_has_no_room():
    assert not passes("0.52", "0.53", "exact") and passes("0.53", "0.53", "exact")


def test_every_kind_of_text_is_compared_and_a_picture_is_left_to_its_own_comparison():
    now, stored = [[new_output("display_data", {"text/markdown": f"| {text} |", "image/png": text})]
                   for text in ("0.52", "0.53")]
    assert reconcile(now, stored)[0].data == {"text/markdown": "| 0.53 |", "image/png": "0.52"}
    assert now[0].data["text/markdown"] == "| 0.52 |"


def test_outputs_of_another_number_or_kind_are_left_as_they_are():
    one, other = new_output("stream", name="stdout", text="0.52"), new_output("display_data", {"text/plain": "0.53"})
    assert reconcile([one, one], [one]) == [one, one]
    assert reconcile([one], [other]) == [one] and reconcile([other], [one]) == [other]


def test_what_moved_is_told_in_units_of_the_finer_number():
    (each,) = moved_numbers("0.0999", "0.1")
    assert (each.stored, each.now, each.units, each.far) == ("0.1", "0.0999", 1, False)


def upside_down(png):
    """The same picture, turned over."""
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_equal_pictures_may_differ_by_half_a_grey_level(rng):
    old = rng.integers(0, 250, size=(20, 30, 4)).astype(float)
    assert list(different_pictures([old + 0.4], [old])) == []
    assert list(different_pictures([old + 0.6], [old])) == [
        "picture 1 differs from the stored one by 0.60 of 255 on the mean; expected at most 0.5"]


def test_pictures_of_another_number_or_size_are_different():
    small, large = np.zeros((20, 30, 4)), np.zeros((20, 40, 4))
    assert list(different_pictures([], [small])) == ["0 pictures were drawn, but 1 are stored"]
    assert list(different_pictures([large], [small])) == [
        "picture 1 has 40 x 20 pixels, but the stored one has 30 x 20"]


def test_of_a_live_picture_the_size_alone_is_compared():
    def stored(live, turned):
        png = picture(blank(title="A"), alt="A", live=live).png
        data, metadata = Picture(png, "A", 640, live)._repr_mimebundle_()
        if turned:
            data["image/png"] = upside_down(data["image/png"])
        return [{"data": data, "metadata": metadata}]

    assert list(different_pictures(pictures(stored(True, True)), pictures(stored(True, False)))) == []
    assert list(different_pictures(pictures(stored(False, True)), pictures(stored(False, False)))) != []
    assert len(list(different_pictures([], pictures(stored(True, False))))) == 1
