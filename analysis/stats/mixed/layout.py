"""Random effects laid out for elimination: one factor in independent blocks, all others in one dense block."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from analysis.stats.observations import Codes, Floats

CHUNK = 1 << 17  # entries of the cross block built at a time: what a core's cache holds
MOST_KINDS = 16  # combinations of slopes; each costs a matrix product


class RandomTerm(NamedTuple):
    """A normal effect per level of a factor, independent of the other terms.

    `level` numbers each answer's level from 0, none missing; `slope` is what the effect is multiplied by, 1 for an
    intercept. Slopes tell of the settings of an answer: a handful of values, no measurement.
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


class Part(NamedTuple):
    """A dense term within a kind: which of the kind's columns are its levels, and the effects they have."""

    columns: slice
    effects: Codes


class Kind(NamedTuple):
    """The rows whose slopes are all alike; what they share makes their part of the cross block one count of weights.

    `slopes` has a value per term; `rows` None stands for all. A column is a dense factor's level that occurs in the
    kind: `column` has each row's, per dense factor. `parts` has None for a dense term whose slope is 0 here.
    """

    slopes: Floats
    rows: Codes | None
    level: Codes
    n_columns: int
    column: list[Codes]
    parts: list[Part | None]

    def of(self, values: Floats) -> Floats:
        """Give the kind's rows of values of all rows."""
        return values if self.rows is None else values[self.rows]


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
        Per dense term each row's column in the dense block; any column where its slope is 0. A level whose slopes are
        all 0 has no column: no answer tells of its effect.
    slope : list of array (answers,) or None
        Per term, in the order of `terms`.
    kind : array of int (answers,)
        Each row's place in `kinds`.
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
        self.slope = [None if (one := random[number].slope) is None else one[self.order] for number in self.terms]
        dense_slopes = self.slope[self.n_own :]
        live = [_live(random[number], slope, self.order) for number, slope in zip(dense, dense_slopes, strict=True)]
        offsets = np.cumsum([0, *(int(one.max()) + 1 for one in live)])
        self.width = int(offsets[-1])
        self.parts = [slice(int(low), int(high)) for low, high in pairwise(offsets)]
        dense_levels = [random[number].level[self.order] for number in dense]
        self.column = [
            np.maximum(places[level], 0) + offset
            for places, level, offset in zip(live, dense_levels, offsets[:-1], strict=True)
        ]
        factors = [random[number].factor for number in dense]
        self.kind, slopes = _kinds(self.slope, len(self.level))
        self.kinds = [self._kind_of(number, one, factors, dense_levels) for number, one in enumerate(slopes)]

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The eliminated levels, so many at a time that their part of the cross block fits a cache."""
        size = max(CHUNK // max(self.width, sum(kind.n_columns for kind in self.kinds), 1), 1)
        ends = np.append(self.starts, len(self.level))
        bounds = range(0, self.n_levels, size)
        return [
            Chunk(slice(low, high := min(low + size, self.n_levels)), slice(int(ends[low]), int(ends[high])))
            for low in bounds
        ]

    @cached_property
    def rows_of_kinds(self) -> list[list[slice]]:
        """Per kind, the places of each chunk's rows among the kind's."""
        bounds = [0, *(chunk.levels.stop for chunk in self.chunks)]
        return [
            [slice(int(low), int(high)) for low, high in pairwise(np.searchsorted(kind.level, bounds))]
            for kind in self.kinds
        ]

    @cached_property
    def effects_at(self) -> list[Codes]:
        """Per dense term, each row's place in its chunk's (levels x dense effects)."""
        first = self._first_level * self.width
        return [self.level * self.width - first + column for column in self.column]

    @cached_property
    def cells(self) -> list[list[Codes]]:
        """Per kind and dense factor, each of its rows' place in its chunk's (levels x columns of the kind)."""
        found = []
        for kind in self.kinds:
            own = kind.level - self._first_level if kind.rows is None else kind.level - self._first_level[kind.rows]
            found.append([own * kind.n_columns + column for column in kind.column])
        return found

    @cached_property
    def _first_level(self) -> Codes:
        first = np.zeros(len(self.level), np.intp)
        for chunk in self.chunks:
            first[chunk.rows] = chunk.levels.start
        return first

    def _kind_of(self, number: int, slopes: Floats, factors: list[str], levels: list[Codes]) -> Kind:
        """Number the columns of a kind: those levels of each dense factor that occur in it."""
        rows = None if (self.kind == number).all() else np.flatnonzero(self.kind == number)
        at = slice(None) if rows is None else rows
        start, column, columns = 0, dict[str, Codes](), dict[str, slice]()
        for factor, level in dict(zip(factors, levels, strict=True)).items():
            found, place = np.unique(level[at], return_inverse=True)
            column[factor], columns[factor] = start + place, slice(start, start + len(found))
            start += len(found)
        parts: list[Part | None] = [None] * len(factors)
        for d, factor in enumerate(factors):
            if slopes[self.n_own + d]:
                effects = np.zeros(columns[factor].stop - columns[factor].start, np.intp)
                effects[column[factor] - columns[factor].start] = self.column[d][at]
                parts[d] = Part(columns[factor], effects)
        return Kind(slopes, rows, self.level[at], start, list(column.values()), parts)

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


def _live(term: RandomTerm, slope: Floats | None, order: Codes) -> Codes:
    """Number the levels that a slope other than 0 tells of; -1 for the others. One is kept in any case."""
    is_live = np.zeros(term.n_levels, bool)
    is_live[term.level[order] if slope is None else term.level[order][slope != 0]] = True
    is_live[0] |= not is_live.any()
    return np.where(is_live, np.cumsum(is_live) - 1, -1).astype(np.intp)


def _kinds(slopes: Sequence[Floats | None], n: int) -> tuple[Codes, Floats]:
    """Number the combinations of slopes that occur; give each row's, and each one's slopes (kinds, terms)."""
    kind = np.zeros(n, np.intp)
    for slope in slopes:
        if slope is not None:
            values, place = np.unique(slope, return_inverse=True)
            kind = np.unique(kind * len(values) + place, return_inverse=True)[1]
    first = np.unique(kind, return_index=True)[1]
    if len(first) > MOST_KINDS:
        raise ValueError(f"more than {MOST_KINDS} combinations of slopes")
    return kind, np.column_stack([np.ones(len(first)) if slope is None else slope[first] for slope in slopes])
