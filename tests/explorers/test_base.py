"""What an explorer promises its reader: the picture follows the controls, comes back, and never hides an error."""

import base64
import io
import threading
import time

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from bncourse.explorers import Explorer
from bncourse.explorers.base import moving, other_settings
from bncourse.figures.style import DPI, compressed_png

T = np.linspace(0, 1, 50)


def wave(fig, frequency, style):
    """Draws anew at every change."""
    ax = fig.add_subplot()
    ax.plot(T, np.sin(frequency * T), style)
    ax.set(xlim=(0, 1), ylim=(-1, 1), title=f"frequency {frequency}", xlabel="t")


def steady_wave(fig, frequency, style):
    """Draws once, and changes what is there, axes and all."""
    ax = fig.add_subplot()
    line, = ax.plot(T, T)
    ax.set(xlim=(0, 1), xlabel="t")

    def update(frequency, style):
        line.set(ydata=np.sin(frequency * T), linestyle=style)
        ax.set(title=f"frequency {frequency}", ylim=(-1, 1))

    return update


def named_wave(fig, frequency, style):
    """Draws once, and names what it changes."""
    update = steady_wave(fig, frequency, style)
    fig.axes[0].set_ylim(-1, 1)
    moving(fig.axes[0].lines[0])
    return update


def added_wave(fig, frequency, style):
    """Draws the axes once, and adds the wave at every change."""
    ax = fig.add_subplot()
    ax.set(xlim=(0, 1), ylim=(-1, 1), xlabel="t")

    def update(frequency, style):
        ax.plot(T, np.sin(frequency * T), style, color="C0")
        ax.set_title(f"frequency {frequency}")

    return update


def explorer(draw=wave, **more):
    return Explorer(draw, alt="A sine wave", figsize=(3.2, 1.8), **more,
                    frequency=ipywidgets.FloatSlider(2.0, min=1, max=9), style=ipywidgets.Dropdown(options=["-", ":"]))


WAVES = [wave, steady_wave, named_wave, added_wave]


@pytest.fixture(params=WAVES)
def either(request):
    return explorer(request.param)


def test_every_control_changes_the_picture(either):
    pictures = {either.image.value}
    for frequency, style in [(3, "-"), (3, ":"), (9, ":")]:
        either.controls["frequency"].value, either.controls["style"].value = frequency, style
        pictures.add(either.image.value)
    assert len(pictures) == 4


def test_reset_gives_back_the_first_picture_to_the_byte(either):
    first = either.image.value
    either.controls["frequency"].value, either.controls["style"].value = 7, ":"
    either.reset_button.click()
    assert either.values() == {"frequency": 2.0, "style": "-"}
    assert either.image.value == first


def pixels(example):
    return np.asarray(Image.open(io.BytesIO(example.image.value)), float)


@pytest.mark.parametrize("draw", WAVES)
def test_what_is_drawn_anew_every_time_and_over_a_background_is_the_same_picture(draw):
    one, other = explorer(draw), explorer(wave)
    for example in (one, other):
        for frequency in (9, 3):
            example.controls["frequency"].value, example.controls["style"].value = frequency, ":"
    assert np.abs(pixels(one) - pixels(other)).mean() < 0.5


def test_what_an_update_added_is_taken_away_by_the_next():
    example = explorer(added_wave)
    for frequency in (9, 3, 4):
        example.controls["frequency"].value = frequency
    assert len(example.figure.axes[0].lines) == 1


def test_an_update_that_adds_nothing_at_first_is_drawn_all_the_same():
    def late_wave(fig, frequency, style):
        ax = fig.add_subplot()
        return lambda frequency, style: frequency > 2 and ax.plot(T, T, style)

    assert explorer(late_wave).dead_controls() == ["style"]
    example = explorer(late_wave)
    example.controls["frequency"].value = 3
    assert example.dead_controls() == []


def test_reset_redraws_once_however_many_controls_it_moves():
    drawn = []
    example = explorer(lambda fig, **values: drawn.append(values))
    example.controls["frequency"].value, example.controls["style"].value = 7, ":"
    drawn.clear()
    example.reset()
    assert drawn == [{"frequency": 2.0, "style": "-"}]


@pytest.mark.parametrize("anew", [True, False])
def test_the_axes_stay_where_the_first_picture_put_them(anew):
    places = []

    def growing(fig, frequency, style):
        ax = fig.add_subplot()

        def update(frequency, style):
            ax.set_ylabel("y\n" * int(frequency))
            places.append(ax)

        update(frequency, style)
        return None if anew else update

    example = explorer(growing)
    first = places[-1].get_position()
    example.controls["frequency"].value = 9
    assert np.array_equal(places[-1].get_position(), first)


def test_the_picture_has_the_size_asked_for(either):
    assert Image.open(io.BytesIO(either.image.value)).size == (320, 180)


def test_controls_that_are_moved_in_several_threads_are_drawn_one_after_the_other_and_the_last_counts():
    drawing, at_once = threading.Lock(), []

    def slow_wave(fig, frequency, style):
        update = named_wave(fig, frequency, style)

        def slow_update(frequency, style):
            at_once.append(not drawing.acquire(blocking=False))
            time.sleep(0.01)
            update(frequency, style)
            drawing.release()

        return slow_update

    def move(name, settings):
        for setting in settings:
            example.controls[name].value = setting

    example = explorer(slow_wave)
    threads = [threading.Thread(target=move, args=job) for job in (("frequency", [3, 5, 9] * 4), ("style", ":-" * 6))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = example.image.value
    example.controls["frequency"].value = 2
    example.controls["frequency"].value = 9
    assert not any(at_once) and example.image.value == last


def test_a_page_without_a_kernel_has_the_picture_and_its_text(either):
    data, metadata = either._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == compressed_png(either.plot(DPI).png(either.values()))
    assert metadata == {"image/png": {"alt": "A sine wave", "width": 320}}
    assert data["text/plain"] == "Explorer(frequency=2.0, style='-')"


def test_its_text_does_not_depend_on_what_was_moved(either):
    either.controls["frequency"].value = 5
    assert repr(either) == "Explorer(frequency=2.0, style='-')"


def test_the_picture_is_described_to_those_who_do_not_see_it(either):
    assert either.image.tooltip == "A sine wave"
    assert either.image.description == ""  # without one the page cannot show an image that has a tooltip


def test_no_control_of_a_live_explorer_is_dead(either):
    either.controls["frequency"].value = 5
    picture = either.image.value
    assert either.dead_controls() == []
    assert either.values() == {"frequency": 5.0, "style": "-"}
    assert either.image.value == picture


def test_a_control_that_draw_ignores_is_dead():
    assert explorer(lambda fig, frequency, style: fig.text(0, 0, str(frequency))).dead_controls() == ["style"]


@pytest.mark.parametrize("control", [
    ipywidgets.IntSlider(3, 0, 9), ipywidgets.FloatLogSlider(10), ipywidgets.FloatRangeSlider(value=(2, 3)),
    ipywidgets.SelectionSlider(options=["a", "b"]), ipywidgets.Dropdown(options=[("one", 1), ("two", 2)]),
    ipywidgets.ToggleButtons(options="ab"), ipywidgets.Checkbox(True), ipywidgets.BoundedIntText(3, 0, 9),
    ipywidgets.SelectMultiple(options="ab"), ipywidgets.SelectionRangeSlider(options="abc", index=(0, 1)),
], ids=lambda control: type(control).__name__)
def test_every_kind_of_control_has_another_setting(control):
    before = control.value
    for trait, setting in other_settings(control):
        setattr(control, trait, setting)
        assert control.value != before
        control.value = before
    assert other_settings(control)


def test_the_ends_of_a_range_are_tried_first():
    assert other_settings(ipywidgets.IntSlider(9, 0, 9)) == [("value", 0)]
    assert other_settings(ipywidgets.FloatLogSlider(10, min=-2, max=3)) == [("value", 1000), ("value", 0.01)]


def test_a_control_without_another_setting_is_refused():
    with pytest.raises(TypeError, match=r"no other setting is known for Text.*use a slider, a selection or a checkbox"):
        other_settings(ipywidgets.Text("a"))


def test_an_error_in_draw_is_said_under_the_picture_until_the_next_that_works():
    def fragile(fig, frequency, style):
        fig.text(0, 0, str(1 / (frequency - 5)))

    example = explorer(fragile)
    first = example.image.value
    with pytest.raises(ZeroDivisionError):
        example.controls["frequency"].value = 5
    assert "frequency=5.0, style=&#x27;-&#x27; could not be drawn. ZeroDivisionError" in example.message.value
    assert example.message.layout.display is None
    assert example.image.value == first
    example.controls["frequency"].value = 6
    assert example.message.value == "" and example.message.layout.display == "none"


def test_an_error_in_the_first_drawing_is_raised():
    with pytest.raises(ZeroDivisionError):
        explorer(lambda fig, frequency, style: 1 / 0)


def test_what_is_not_a_control_is_refused_by_name():
    with pytest.raises(TypeError, match=r"control speed is 3; expected a widget with a value"):
        explorer(speed=3)


def test_controls_bear_their_names_in_one_column():
    example = explorer()
    assert [control.description for control in example.controls.values()] == ["frequency", "style"]
    assert {control.style.description_width for control in example.controls.values()} == {"10ch"}
