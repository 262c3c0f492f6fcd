"""Random effects laid out for elimination: one factor in independent blocks, all others in one dense block."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from analysis.stats.observations import Codes, Floats

CHUNK = 1 << 17  # entries of the cross block built at a time: what a core's cache holds


class RandomTerm(NamedTuple):
    """A normal effect per level of a factor, independent of the other terms.

    `level` numbers each answer's level from 0, none missing; `slope` is what the effect is multiplied by, 1 for an
    intercept.
    """

    name: str
    factor: str
    level: Codes
    slope: Floats | None = None

    @property
    def n_levels(self) -> int:
        return int(self.level.max(initial=-1)) + 1


class Chunk(NamedTuple):
    """Some levels of the eliminated factor with their rows."""

    levels: slice
    rows: slice


class Effects(NamedTuple):
    """A value per random effect: (terms, levels) of the eliminated factor, and all others in one row."""

    own: Floats
    dense: Floats

    def plus(self, other: "Effects", scale: float = 1.0) -> "Effects":
        """Add a multiple of other values."""
        return Effects(self.own + scale * other.own, self.dense + scale * other.dense)

    def dot(self, other: "Effects") -> float:
        """Give the inner product."""
        return float(np.vdot(self.own, other.own) + self.dense @ other.dense)


class Layout:
    """The answers, sorted by the factor that is eliminated: the one with the most levels.

    Attributes
    ----------
    order : array of int (answers,)
        Where each sorted row stood before.
    terms : list of int
        The given terms' numbers: first those of the eliminated factor, then the dense ones.
    n_own : int
        How many terms the eliminated factor has.
    column : list of array (answers,)
        Per dense term each row's column in the dense block.
    slope : list of array (answers,) or None
        Per term, in the order of `terms`.
    """

    def __init__(self, random: Sequence[RandomTerm]) -> None:
        sizes = {term.factor: term.n_levels for term in random}
        eliminated = max(sizes, key=lambda factor: sizes[factor])
        own = [number for number, term in enumerate(random) if term.factor == eliminated]
        dense = [number for number, term in enumerate(random) if term.factor != eliminated]
        self.terms, self.n_own = [*own, *dense], len(own)
        level = random[own[0]].level
        self.order = np.argsort(level, kind="stable")
        self.level = level[self.order]
        self.counts = np.bincount(self.level)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.n_levels = len(self.counts)
        offsets = np.cumsum([0, *(random[number].n_levels for number in dense)])
        self.width = int(offsets[-1])
        self.parts = [slice(int(low), int(high)) for low, high in pairwise(offsets)]
        self.column = [
            (random[number].level[self.order] + offset).astype(np.intp)
            for number, offset in zip(dense, offsets[:-1], strict=True)
        ]
        self.slope = [None if (one := random[number].slope) is None else one[self.order] for number in self.terms]

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The eliminated levels, so many at a time that their part of the cross block fits a cache."""
        size = max(CHUNK // max(self.width * self.n_own, 1), 1)
        ends = np.append(self.starts, len(self.level))
        bounds = range(0, self.n_levels, size)
        return [
            Chunk(slice(low, high := min(low + size, self.n_levels)), slice(int(ends[low]), int(ends[high])))
            for low in bounds
        ]

    @cached_property
    def cells(self) -> list[Codes]:
        """Per dense term, each row's place in its chunk's part of the cross block (levels x columns)."""
        first = np.zeros(len(self.level), np.intp)
        for chunk in self.chunks:
            first[chunk.rows] = chunk.levels.start
        return [(self.level - first) * self.width + column for column in self.column]

    def scaled(self, sd: Floats) -> list[Floats | float]:
        """Give per term what a standard effect is multiplied by in each row; `sd` in the order of `terms`."""
        return [float(one) if slope is None else one * slope for one, slope in zip(sd, self.slope, strict=True)]

    def spread(self, values: Floats) -> Floats:
        """Give each row the value of its eliminated level."""
        return np.repeat(values, self.counts)

    def gather(self, effects: Effects, scale: Sequence[Floats | float]) -> Floats:
        """Add up each row's effects."""
        total = np.zeros(len(self.level))
        for own, one in zip(effects.own, scale[: self.n_own], strict=True):
            total += one * self.spread(own)
        for column, one in zip(self.column, scale[self.n_own :], strict=True):
            total += one * effects.dense[column]
        return total

    def scatter(self, rows: Floats, scale: Sequence[Floats | float]) -> Effects:
        """Add up the rows of each effect."""
        return Effects(self.scatter_own(rows, scale), self.scatter_dense(rows, scale))

    def scatter_own(self, rows: Floats, scale: Sequence[Floats | float]) -> Floats:
        """Add up the rows of each effect of the eliminated factor."""
        return np.stack([np.add.reduceat(rows * one, self.starts) for one in scale[: self.n_own]])

    def scatter_dense(self, rows: Floats, scale: Sequence[Floats | float]) -> Floats:
        """Add up the rows of each dense effect."""
        total = np.zeros(self.width)
        for column, one in zip(self.column, scale[self.n_own :], strict=True):
            total += np.bincount(column, rows * one, self.width)
        return total
