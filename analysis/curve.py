"""A curve over numbers of people as geometry: a line, points with intervals beside it, what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 360.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 350.0, 10.0, 196.0
Y_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
N_X_TICKS = 4


class Tick(NamedTuple):
    place: float
    label: str
    anchor: str = "middle"


class Point(NamedTuple):
    """A simulated value with its interval."""

    x: float
    y: float
    top: float
    bottom: float


class Simulated(NamedTuple):
    """What was simulated at a number of people."""

    people: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A finished curve."""

    name: str
    title: str
    description: str
    path: str
    points: Sequence[Point]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    wanted_y: float
    asked_x: float
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM


def draw_curve(
    name: str,
    title: str,
    line: Sequence[tuple[int, float]],
    simulated: Sequence[Simulated],
    *,
    wanted: float,
    asked: int,
) -> Curve:
    """Lay out a curve of shares over numbers of people."""
    most = max(n for n, _ in line)

    def across(n: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * n / most, 1)

    def up(share: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * min(max(share, 0.0), 1.0), 1)

    path = " ".join(f"{'L' if place else 'M'}{across(n)} {up(value)}" for place, (n, value) in enumerate(line))
    points = [Point(across(one.people), up(one.estimate), up(one.high), up(one.low)) for one in simulated]
    step = _step(most / N_X_TICKS)
    x_ticks = [Tick(across(n), f"{n:,}") for n in range(0, int(most) + 1, step)]
    told = [f"{n} people: {value:.2f}" for n, value in line[:: max(1, len(line) // 6)]]
    told += [f"simulated at {one.people}: {one.estimate:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in simulated]
    y_ticks = [Tick(up(share), f"{share:g}") for share in Y_TICKS]
    return Curve(name, title, "; ".join(told) + ".", path, points, x_ticks, y_ticks, up(wanted), across(asked))


def _step(rough: float) -> int:
    """Round a distance of ticks to 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for times in (1, 2, 5):
            if times * power >= rough:
                return times * power
        power *= 10
