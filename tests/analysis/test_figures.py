"""Figures: places, texts, what is left undrawn."""

import pytest

from analysis.figures import (
    LABEL_WIDTH,
    FigureRow,
    Value,
    bar,
    coefficient,
    coefficient_scale,
    difference_scale,
    draw,
    percent,
    points,
    share_scale,
    statistic_scale,
    write_value,
)

NOTHING = Value(None)


def test_share_scale_spans_the_track() -> None:
    scale = share_scale()
    assert [scale.place(value) for value in (0.0, 0.5, 1.0)] == [10.0, 124.0, 238.0]


def test_difference_scale_is_symmetric_and_holds_every_interval() -> None:
    scale = difference_scale([FigureRow("a", [Value(0.1, -0.33, 0.2)])])
    assert (scale.low, scale.high, scale.reference) == (-0.4, 0.4, 0.0)


def test_difference_scale_ends_at_100_points_and_cuts_what_is_beyond() -> None:
    scale = difference_scale([FigureRow("a", [Value(0.1, -3.0, 3.0)])])
    assert (scale.low, scale.high) == (-1.0, 1.0)
    assert scale.place(-3.0) == 10.0


def test_a_scale_of_statistics_has_no_tick_that_would_touch_zeros() -> None:
    far, near = ([FigureRow("a", [Value(high), Value(-5.0)])] for high in (1188.0, 20.0))
    assert (statistic_scale(far).low, list(statistic_scale(far).ticks)) == (-10, [0.0, 595.0, 1190])
    assert list(statistic_scale(near).ticks) == [-10, 0.0, 10.0, 20]


def test_coefficient_scale_reaches_below_zero_where_something_does() -> None:
    assert coefficient_scale([FigureRow("a", [Value(0.4, 0.1, 0.7)])]).low == 0.0
    assert coefficient_scale([FigureRow("a", [Value(0.4, -0.1, 0.7)])]).low == -0.25


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(0.641, 0.58, 0.7), "64% [58, 70]"),
        (Value(0.641), "64%, no interval"),
        (NOTHING, "not estimable"),
    ],
)
def test_value_is_written_with_its_interval(value: Value, text: str) -> None:
    assert write_value(value, percent) == text


def test_points_carry_a_sign() -> None:
    assert [points(value) for value in (0.1234, -0.05, 0.0)] == ["+12.3", "−5.0", "+0.0"]


def test_nothing_is_written_as_minus_zero() -> None:
    assert (points(-0.0001), coefficient(-0.001), coefficient(-0.01)) == ("+0.0", "0.00", "−0.01")


def test_row_without_number_has_text_and_no_mark() -> None:
    figure = draw("f", "F", [FigureRow("a", [NOTHING])], series=["s"], scale=share_scale())
    (mark,) = figure.rows[0].marks
    assert (mark.x, mark.left, mark.text) == (None, None, "not estimable")


def test_long_label_is_wrapped_and_makes_room_for_itself() -> None:
    long = "models over rule personal: rehearsal_simulated_tracking, first_token"
    short, wrapped = (
        draw("f", "F", [FigureRow(one, [NOTHING])], series=["s"], scale=share_scale()) for one in ("a", long)
    )
    assert [line.text for line in wrapped.rows[0].label] == [
        "models over rule personal:", "rehearsal_simulated_tracking, first_token",
    ]  # fmt: skip
    assert max(len(line.text) for line in wrapped.rows[0].label) <= LABEL_WIDTH
    assert wrapped.height - short.height == wrapped.rows[0].marks[0].y - short.rows[0].marks[0].y == 14


def test_series_differ_in_shape() -> None:
    row = FigureRow("a", [Value(0.2, 0.1, 0.3), Value(0.4, 0.3, 0.5)])
    figure = draw("f", "F", [row], series=["s", "t"], scale=share_scale())
    assert [mark.marker for mark in figure.rows[0].marks] == ["circle", "square"]
    assert [key.marker for key in figure.legend] == ["circle", "square"]


def test_description_says_what_is_drawn() -> None:
    row = FigureRow("Brazil", [Value(0.2, 0.1, 0.3)])
    assert draw("f", "F", [row], series=["rate"], scale=share_scale()).description == "Brazil: rate 20% [10, 30]."


def test_note_makes_room_for_itself() -> None:
    plain, noted = (draw("f", "F", [], series=["s"], scale=share_scale(), note=note) for note in ("", "simulated"))
    assert noted.height == plain.height + 14
    assert noted.bottom == plain.bottom


def test_bar_is_as_wide_as_target_or_content() -> None:
    assert bar("b", "B", done=5, live=1, target=10)[1:4] == (100.0, 20.0, 200.0)
    assert bar("b", "B", done=20, target=10)[1:4] == (200.0, 0, 100.0)
    assert bar("b", "B", done=0, target=0)[1:4] == (0.0, 0, 0.0)


def test_bar_says_its_numbers() -> None:
    assert bar("b", "B", done=5, live=1, target=10).description == "5 done, 1 under way, target 10"


def test_test_statistics_are_written_alike_and_ticks_short() -> None:
    scale = statistic_scale([FigureRow("a", [Value(31.0), Value(-0.04)])])
    assert [scale.write(value) for value in (31.0, 12.44, -1.0, -0.04)] == ["31.0", "12.4", "−1.0", "0.0"]
    assert [scale.write_tick(tick) for tick in scale.ticks] == ["−10", "0", "20", "40"]
