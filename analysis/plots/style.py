"""How every figure looks, and how it is saved: the same tables give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

ONE_COLUMN, TWO_COLUMNS = 3.3, 6.8  # inches
ROW = 0.27
# Okabe and Ito's colours, each with a marker of its own, so that nothing hangs on colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY, LIGHT = "#595959", "#D9DFE4"
WARNING = "#8A4B00"
GAP = "not estimable"
UNDER, WORDS, LINES, DOTS = 1.0, 1.7, 2.0, 3.0  # what covers what
LEVEL = 0.95  # of intervals, where nothing else was chosen
MEAN, DIFFERENCE, REFERENCE = "mean of the models", "gap", "reference"
SUMMARIES = (MEAN, DIFFERENCE, REFERENCE)
RC: Any = {
    "font.size": 7.5,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "pact",
    "path.simplify": False,
}
METADATA: Mapping[str, Mapping[str, None]] = {
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}


Write = Callable[[float, Any], str]


class Drawn(NamedTuple):
    """A figure with the numbers that it shows and a description for those who cannot see it."""

    figure: Figure
    data: pd.DataFrame
    alt: str


def percent(value: float, _: Any = None) -> str:
    return f"{100 * value:.0f}%".replace("-", "−")


def points(value: float, _: Any = None) -> str:
    """Write points with a sign, halves of one too."""
    value = round(100 * value, 1)
    return f"{value:+g}".replace("-", "−") if value else "0"


def size_in_points(value: float, _: Any = None) -> str:
    return f"{round(100 * value, 1):g}"


def plain(value: float, _: Any = None) -> str:
    return f"{value:g}".replace("-", "−")


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def square_panels(n: int) -> tuple[Figure, Any]:
    """Make a figure of so many square panels, three in a row at most, with room for a legend."""
    n_columns = 2 if n == 4 else min(3, max(n, 1))
    n_rows = -(-n // n_columns)
    side = {1: 3.2, 2: 3.1, 3: 2.2}[n_columns]
    figure = new_figure(TWO_COLUMNS, 0.75 + side * n_rows)
    return figure, figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)


def styled(draw: Callable[[], Drawn], level: float = LEVEL, note: str = "") -> tuple[Drawn, dict[str, bytes]]:
    """Draw in our style, say the level of intervals and the note, and save in each format, without dates."""
    with mpl.rc_context(RC):
        drawn = _with_level(draw(), level)
        if note:
            drawn.figure.suptitle(note, x=0.995, ha="right", fontsize=6.5, style="italic", color=WARNING)
            drawn = drawn._replace(alt=f"{drawn.alt} {note}.")
        saved = {}
        for kind, metadata in METADATA.items():
            buffer = BytesIO()
            drawn.figure.savefig(buffer, format=kind, metadata=dict(metadata))
            drawn.figure.set_layout_engine("none")  # laid out once: all formats alike, and a fifth sooner
            saved[kind] = buffer.getvalue()
    return drawn, saved


def _with_level(drawn: Drawn, level: float) -> Drawn:
    """Say below a figure that has intervals, and in its description, which they are."""
    ends = [name for name in drawn.data if str(name).endswith("_low")]
    if not (ends and drawn.data[ends].notna().any(axis=None)):
        return drawn
    told = f"{100 * level:g}% intervals"
    for legend in drawn.figure.legends:
        note = legend.get_title().get_text()
        legend.set_title(f"{note}; lines: {told}" if note else f"Lines: {told}")
    return drawn._replace(alt=f"{drawn.alt} In brackets or as lines: {told}.")


def lay_rows(ax: Axes, labels: Sequence[str], write: Write, reference: float | None) -> None:
    """Prepare an axis with a labelled row per group, the first on top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(FuncFormatter(write))
    ax.grid(axis="x", color=LIGHT, linewidth=0.5)
    if reference is not None:
        ax.axvline(reference, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=UNDER)


class Style(NamedTuple):
    """How the dots of a series look."""

    colour: str
    marker: str
    fill: str


def style_of(place: int, name: str) -> Style:
    """Give a series its colour and marker; every second one is hollow, and what stands for all is black."""
    if name in SUMMARIES:
        return Style("#000000", "D", "#000000")
    colour = COLOURS[place % len(COLOURS)]
    return Style(colour, MARKERS[place % len(MARKERS)], colour if place % 2 == 0 else "white")


def dots(ax: Axes, data: pd.DataFrame, groups: Sequence[str], series: Sequence[str], absent: str = "no data") -> None:
    """Draw a dot with its interval per row and series; what is missing is written, never filled in.

    `data` has the columns group, series, estimate, ci_low and ci_high.
    """
    step = min(0.24, 0.7 / max(len(series), 1))
    found = {(row["group"], row["series"]): row for row in data.to_dict("records")}
    for y, group in enumerate(groups):
        rows = [found.get((group, name)) for name in series]
        if all(row is None or pd.isna(row["estimate"]) for row in rows):
            say(ax, y, absent if all(row is None for row in rows) else GAP, GREY)
            continue
        is_alone = sum(row is not None for row in rows) == 1
        for place, (name, row) in enumerate(zip(series, rows, strict=True)):
            offset = 0.0 if is_alone else (place - (len(series) - 1) / 2) * step
            at, look = y + offset, style_of(place, name)
            if row is None or pd.isna(row["estimate"]):
                say(ax, at, "" if row is None else GAP, look.colour)
                continue
            if pd.notna(row["ci_low"]) and pd.notna(row["ci_high"]):
                ax.plot([row["ci_low"], row["ci_high"]], [at, at], color=look.colour, linewidth=1.1, zorder=LINES)
            ax.plot(row["estimate"], at, zorder=DOTS, **_marker(look))


def say(ax: Axes, y: float, text: str, colour: str) -> None:
    """Write in place of a dot why there is none, over the lines of the panel and under the dots of other rows."""
    ax.text(
        0.5, y, text, transform=ax.get_yaxis_transform(), ha="center", va="center", fontsize=5.5, fontstyle="italic",
        color=colour, zorder=WORDS, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4} if text else None,
    )  # fmt: skip


def _marker(look: Style) -> dict[str, Any]:
    return {
        "marker": look.marker,
        "color": look.colour,
        "markerfacecolor": look.fill,
        "markersize": 4,
        "markeredgewidth": 1.1,
        "linestyle": "",
    }


def add_legend(figure: Figure, series: Sequence[str], note: str = "") -> None:
    """Explain the series below the panels, with a note above them."""
    ax = figure.axes[0]
    handles = [ax.plot([], [], **_marker(style_of(place, name)))[0] for place, name in enumerate(series)]
    figure.legend(
        handles, list(series), loc="outside lower center", ncols=min(len(series), 4), title=note or None,
        title_fontsize=6.5,
    )  # fmt: skip


def row_height(n_groups: int, n_series: int) -> float:
    """Give the height that so many rows need."""
    return n_groups * max(ROW, 0.085 * n_series + 0.09)


def empty_panel(ax: Axes, reason: str) -> None:
    """Leave a labelled gap where a panel's table is missing."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, reason, transform=ax.transAxes, ha="center", va="center", color=GREY, wrap=True)


def describe(data: pd.DataFrame, title: str) -> str:
    """Say in words what a dot plot shows."""
    parts = []
    for row in data.to_dict("records"):
        panel = f"{row['panel']}, " if "panel" in data else ""
        value = GAP if pd.isna(row["estimate"]) else f"{row['estimate']:.3f}"
        interval = f" [{row['ci_low']:.3f}, {row['ci_high']:.3f}]" if pd.notna(row["ci_low"]) else ""
        parts.append(f"{panel}{row['group']}, {row['series']}: {value}{interval}")
    return f"{title}. " + "; ".join(parts) + "."
