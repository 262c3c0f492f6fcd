"""Figures as geometry: rows of numbers in, places and texts out; templates draw them as SVG. Pure and light."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH = 360
TRACK = (10.0, 238.0)  # left and right end of the plotting area; right of it the longest number has room
LABEL_HEIGHT, LINE_HEIGHT, ROW_GAP, AXIS_HEIGHT, TOP = 17, 17, 9, 24, 6
NOTE_HEIGHT, TITLE_HEIGHT, LEGEND_STEP = 14, 44, 120
LABEL_WIDTH, LABEL_STEP = 46, 14  # characters of a bold label that fit a line, and the lines' distance
MARKERS = ("circle", "square")
BAR_WIDTH = 200.0
ROOM_OF_TICK = 0.15  # of the track, so that two labels stand apart

Format = Callable[[float], str]


class Value(NamedTuple):
    """One number with its interval, any of which may be missing."""

    estimate: float | None
    low: float | None = None
    high: float | None = None


class FigureRow(NamedTuple):
    """What stands in one row: a value per series."""

    label: str
    values: Sequence[Value]


@dataclass(frozen=True)
class Scale:
    """The ends of an axis, its ticks, and how numbers on it are written."""

    low: float
    high: float
    ticks: Sequence[float]
    write: Format
    write_tick: Format
    reference: float | None = None
    has_intervals: bool = True  # a test statistic has none by its nature, which need not be said of each

    def place(self, value: float) -> float:
        """Give the x of a value; what lies outside is drawn at the end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(TRACK[0] + share * (TRACK[1] - TRACK[0]), 1)


class Mark(NamedTuple):
    """A dot with its interval, and the text beside it."""

    marker: str
    y: float
    x: float | None
    left: float | None
    right: float | None
    text: str
    text_y: float

    @property
    def box(self) -> tuple[float, float]:
        """Give the corner of a square marker."""
        return (self.x or 0.0) - 4, self.y - 4

    @property
    def box_x(self) -> float:
        return self.box[0]

    @property
    def box_y(self) -> float:
        return self.box[1]


class Line(NamedTuple):
    """One line of a row's label."""

    text: str
    y: float


class DrawnRow(NamedTuple):
    label: Sequence[Line]
    marks: Sequence[Mark]


class Key(NamedTuple):
    """One entry of the legend, and where it stands in a file."""

    marker: str
    text: str
    x: float

    @property
    def x_middle(self) -> float:
        return self.x + 4

    @property
    def text_x(self) -> float:
        return self.x + 13


class Tick(NamedTuple):
    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class Figure:
    """A finished figure: dots with intervals, one row per group."""

    name: str
    title: str
    description: str
    series: Sequence[str]
    rows: Sequence[DrawnRow]
    ticks: Sequence[Tick]
    reference: float | None
    height: float
    note: str
    width: int = WIDTH

    @property
    def bottom(self) -> float:
        return self.height - AXIS_HEIGHT - (NOTE_HEIGHT if self.note else 0)

    @property
    def file_height(self) -> float:
        """Give the height with the title and legend that a file of its own carries."""
        return self.height + TITLE_HEIGHT

    @property
    def legend(self) -> list[Key]:
        return [
            Key(MARKERS[place % len(MARKERS)], text, TRACK[0] + LEGEND_STEP * place)
            for place, text in enumerate(self.series)
        ]

    @property
    def note_y(self) -> float:
        return self.height - 4

    @property
    def tick_y(self) -> float:
        return self.bottom + 12


def percent(value: float) -> str:
    return f"{100 * value:.0f}%".replace("-", "−")


def points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")  # adding zero makes −0 plain 0


def whole_points(value: float) -> str:
    return f"{100 * value:+.0f}".replace("-", "−") if value else "0"


def coefficient(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def one_decimal(value: float) -> str:
    return f"{value:.1f}"


def signed_number(value: float) -> str:
    return f"{round(value, 1) + 0.0:g}".replace("-", "−")


def signed_decimal(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}".replace("-", "−")


def size_in_points(value: float) -> str:
    return f"{100 * value:.1f}"


def share_scale() -> Scale:
    return Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), percent, percent, reference=0.5)


def difference_scale(rows: Sequence[FigureRow]) -> Scale:
    """Give a scale around zero, wide enough for all intervals up to ±100 points."""
    bound = min(1.0, max(0.1, math.ceil(10 * _reach(rows)) / 10))
    return Scale(-bound, bound, (-bound, -bound / 2, 0.0, bound / 2, bound), points, whole_points, reference=0.0)


def size_scale(rows: Sequence[FigureRow]) -> Scale:
    """Give a scale of points from zero, wide enough for all intervals."""
    bound = max(0.05, math.ceil(20 * _reach(rows)) / 20)
    return Scale(0.0, bound, (0.0, bound / 2, bound), size_in_points, size_in_points)


def coefficient_scale(rows: Sequence[FigureRow]) -> Scale:
    """Give a scale from zero, or below where something is, to one."""
    ends = [end for row in rows for value in row.values for end in value if end is not None]
    low = max(-1.0, min(0.0, math.floor(4 * min(ends, default=0.0)) / 4))
    ticks = tuple(tick for tick in (-1.0, -0.5, 0.0, 0.5, 1.0) if tick >= low)
    return Scale(low, 1.0, ticks, coefficient, coefficient, reference=0.0)


def statistic_scale(rows: Sequence[FigureRow]) -> Scale:
    """Give a scale around zero for test statistics, wide enough for all."""
    values = [value.estimate for row in rows for value in row.values if value.estimate is not None]
    low, high = (10 * math.floor(min([0.0, *values]) / 10), 10 * math.ceil(max([10.0, *values]) / 10))
    has_room = -low > ROOM_OF_TICK * (high - low)  # beside the tick at zero
    ticks = (low, 0.0, high / 2, high) if has_room else (0.0, high / 2, high)
    return Scale(low, high, ticks, signed_decimal, signed_number, reference=0.0, has_intervals=False)


def _reach(rows: Sequence[FigureRow]) -> float:
    return max((abs(end) for row in rows for value in row.values for end in value if end is not None), default=0.0)


def draw(
    name: str, title: str, rows: Sequence[FigureRow], *, series: Sequence[str], scale: Scale, note: str = ""
) -> Figure:
    """Lay out a figure: each row's label, wrapped where it is long, below it a line per series."""
    drawn: list[DrawnRow] = []
    y = float(TOP)
    for row in rows:
        label = [
            Line(text, y + LABEL_HEIGHT - 5 + LABEL_STEP * number)
            for number, text in enumerate(textwrap.wrap(row.label, LABEL_WIDTH, break_on_hyphens=False))
        ]
        y += LABEL_STEP * (max(len(label), 1) - 1)
        marks = [_mark(value, place, y, scale) for place, value in enumerate(row.values)]
        drawn.append(DrawnRow(label, marks))
        y += LABEL_HEIGHT + LINE_HEIGHT * len(row.values) + ROW_GAP
    height = y + AXIS_HEIGHT + (NOTE_HEIGHT if note else 0)
    return Figure(
        name=name,
        title=title,
        description=describe(rows, series, scale.write, are_alone=not scale.has_intervals),
        series=series,
        rows=drawn,
        ticks=_ticks(scale),
        reference=None if scale.reference is None else scale.place(scale.reference),
        height=height,
        note=note,
    )


def describe(rows: Sequence[FigureRow], series: Sequence[str], write: Format, *, are_alone: bool = False) -> str:
    """Say in words what a figure shows."""
    parts = []
    for row in rows:
        named = zip(series, row.values, strict=True)
        told = (f"{name} {write_value(value, write, is_alone=are_alone)}" for name, value in named)
        parts.append(f"{row.label}: " + ", ".join(told))
    return "; ".join(parts) + "." if parts else "No rows."


def write_value(value: Value, write: Format, *, is_alone: bool = False) -> str:
    """Write a number with its interval in brackets; one that stands alone by its nature does not miss it."""
    if value.estimate is None:
        return "not estimable"
    if value.low is None or value.high is None:
        return write(value.estimate) if is_alone else f"{write(value.estimate)}, no interval"
    return f"{write(value.estimate)} [{_bare(write(value.low))}, {_bare(write(value.high))}]"


def _bare(text: str) -> str:
    return text.removesuffix("%")


def _mark(value: Value, place: int, top: float, scale: Scale) -> Mark:
    y = top + LABEL_HEIGHT + LINE_HEIGHT * (place + 0.5)
    has_interval = value.low is not None and value.high is not None
    return Mark(
        marker=MARKERS[place % len(MARKERS)],
        y=y,
        x=None if value.estimate is None else scale.place(value.estimate),
        left=scale.place(value.low) if has_interval and value.low is not None else None,
        right=scale.place(value.high) if has_interval and value.high is not None else None,
        text=write_value(value, scale.write, is_alone=not scale.has_intervals),
        text_y=y + 4,
    )


def _ticks(scale: Scale) -> list[Tick]:
    anchors = {scale.low: "start", scale.high: "end"}
    return [Tick(scale.place(tick), scale.write_tick(tick), anchors.get(tick, "middle")) for tick in scale.ticks]


class Bar(NamedTuple):
    """A bar: what is done, what is under way, and where it should end; x in units of its width."""

    name: str
    done: float
    live: float
    target: float | None
    title: str
    description: str
    width: float = BAR_WIDTH

    @property
    def target_x(self) -> float:
        return min(self.target or 0.0, self.width - 1)


def bar(name: str, title: str, *, done: float, live: float = 0, target: float | None = None, scale: float = 0) -> Bar:
    """Lay out one bar; without a scale the larger of target and content fills the width."""
    whole = scale or max(done + live, target or 0) or 1
    unit = BAR_WIDTH / whole
    told = [f"{done:g} done"]
    told += [f"{live:g} under way"] if live else []
    told += [f"target {target:g}"] if target is not None else []
    place = None if target is None else round(target * unit, 1)
    return Bar(name, round(done * unit, 1), round(live * unit, 1), place, title, ", ".join(told))


class Column(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Histogram(NamedTuple):
    """How many things have each count, from the smallest to the largest."""

    name: str
    title: str
    description: str
    columns: Sequence[Column]
    low: int
    high: int
    width: float = BAR_WIDTH
    height: float = 40.0


def histogram(name: str, title: str, counts: Sequence[int], *, most: int = 25) -> Histogram:
    """Lay out one column per count; where counts spread wider than ``most``, a column takes several."""
    low, high = min(counts, default=0), max(counts, default=0)
    step = math.ceil((high - low + 1) / most)
    n_columns = (high - low) // step + 1
    heights = [sum(low + at * step <= count < low + (at + 1) * step for count in counts) for at in range(n_columns)]
    width = min(BAR_WIDTH / n_columns, 24.0)
    unit = 38.0 / max(heights) if counts else 0.0
    columns = [
        Column(round(at * width, 1), round(39 - n * unit, 1), round(max(width - 1.5, 0.5), 1), round(n * unit, 1))
        for at, n in enumerate(heights)
    ]
    told = f"{len(counts)} items, given out {low} to {high} times" if counts else "no items"
    return Histogram(name, title, told, columns, low, high)
