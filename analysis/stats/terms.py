"""Covariates of a regression: answers counted per covariate pattern, and the design matrix of a list of terms.

A regression on factors needs no row per answer: all answers with the same covariates share one linear predictor.
A million answers are then some hundred patterns, with the same likelihood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.observations import Codes, Floats, require

Term = tuple[str, ...]

NOT_GIVEN = "not given"
INTERCEPT = "intercept"
DIRECT_ADDRESSES = 1 << 22  # patterns are found by direct addressing while a table of all combinations is this small


class Variable(NamedTuple):
    """A covariate per pattern: the code of its level, and the levels: labels of a factor or numbers."""

    codes: Codes
    labels: list[str]
    numbers: Floats | None

    @property
    def width(self) -> int:
        """Count the columns that the variable fills by itself: dummies without the first, or one."""
        return len(self.labels) - 1 if self.numbers is None else 1


@dataclass(frozen=True)
class Patterns:
    """The distinct combinations of covariates, how many answers each has, and how many of them are 1."""

    variables: Mapping[str, Variable]
    successes: Floats
    trials: Floats
    pattern: Codes

    def __len__(self) -> int:
        return len(self.trials)


class Design(NamedTuple):
    """A design matrix with a row per pattern; `term` says of which term each column is, -1 for the intercept."""

    names: list[str]
    matrix: Floats
    term: Codes


def count_patterns(frame: pd.DataFrame, *, value: str, variables: Sequence[str]) -> Patterns:
    """Count the answers, and those that are 1, per combination of covariates.

    Parameters
    ----------
    frame : DataFrame
        One answer per row, none missing.
    value : str
        Column of 0/1 answers.
    variables : sequence of str
        Columns of covariates. Booleans, text and categories are factors with levels in sorted (or the
        categories') order, where a missing value is a level of its own, the last; numbers stay numbers.

    Returns
    -------
    Patterns
        `pattern` gives each row's pattern.
    """
    require(frame, [value, *variables])
    y = frame[value].to_numpy(float)
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError(f"{value}: answers must be 0 or 1")
    read = {name: read_variable(frame[name]) for name in dict.fromkeys(variables)}
    key, size = np.zeros(len(frame), np.int64), 1
    for variable in read.values():
        n_levels = _n_levels(variable)
        if size > 2**62 // max(n_levels, 1):
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            size = int(key.max(initial=0)) + 1
        key, size = key * n_levels + variable.codes, size * n_levels
    first, pattern, n_patterns = _distinct(key, size)
    return Patterns(
        {name: variable._replace(codes=variable.codes[first]) for name, variable in read.items()},
        np.asarray(np.bincount(pattern, y, n_patterns), dtype=np.float64),
        np.bincount(pattern, minlength=n_patterns).astype(float),
        pattern,
    )


def read_variable(column: "pd.Series[Any]") -> Variable:
    """Read one covariate: codes from 0, and the levels that occur."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        if column.isna().any():
            raise ValueError(f"missing numbers in {column.name}")
        numbers, codes = np.unique(column.to_numpy(float), return_inverse=True)
        return Variable(codes.astype(np.intp), [str(number) for number in numbers], numbers.astype(np.float64))
    if isinstance(column.dtype, pd.CategoricalDtype):
        raw, labels = column.cat.codes.to_numpy(), [str(label) for label in column.cat.categories]
    else:
        raw, found = pd.factorize(column, sort=True)
        labels = [str(label) for label in found]
    codes = raw.astype(np.intp)
    codes[codes < 0] = len(labels)
    labels.append(NOT_GIVEN)
    occurs = np.bincount(codes, minlength=len(labels)) > 0
    renumbered = np.cumsum(occurs) - 1
    return Variable(renumbered[codes], [label for label, kept in zip(labels, occurs, strict=True) if kept], None)


def design(patterns: Patterns, terms: Sequence[Term]) -> Design:
    """Build the columns of an intercept and of each term.

    Parameters
    ----------
    patterns : Patterns
        With every variable that the terms name.
    terms : sequence of tuple of str
        One variable, or several for their interaction.

    Returns
    -------
    Design
        Columns named such as `country[India]` and `question[norm]:country[India]`.

    Notes
    -----
    Treatment contrasts: a factor gives a 0/1 column per level but the first; an interaction gives the products
    of its variables' columns. R: `model.matrix` with `contr.treatment`, where an interaction stands with its main
    effects.
    """
    names, columns, owner = [INTERCEPT], [np.ones(len(patterns))], [-1]
    for number, term in enumerate(terms):
        for name, column in _columns(patterns, term):
            names.append(name)
            columns.append(column)
            owner.append(number)
    return Design(names, np.column_stack(columns), np.array(owner, np.intp))


def with_level(patterns: Patterns, variable: str, label: str) -> Patterns:
    """Give the same patterns as if everybody had this level of a factor."""
    found = patterns.variables[variable]
    codes = np.full_like(found.codes, found.labels.index(label))
    return replace(patterns, variables={**patterns.variables, variable: found._replace(codes=codes)})


def without(terms: Sequence[Term], dropped: Sequence[Term]) -> list[Term]:
    """Leave out the dropped terms and every interaction that contains one of them."""
    return [term for term in terms if not any(set(gone) <= set(term) for gone in dropped)]


def _columns(patterns: Patterns, term: Term) -> list[tuple[str, Floats]]:
    columns: list[tuple[str, Floats]] = [("", np.ones(len(patterns)))]
    for name in term:
        own = _own_columns(name, patterns.variables[name])
        columns = [
            (f"{before}:{label}" if before else label, left * right) for before, left in columns for label, right in own
        ]
    return columns


def _own_columns(name: str, variable: Variable) -> list[tuple[str, Floats]]:
    if variable.numbers is not None:
        return [(name, variable.numbers[variable.codes])]
    return [
        (f"{name}[{label}]", (variable.codes == code).astype(float))
        for code, label in enumerate(variable.labels)
        if code > 0
    ]


def _n_levels(variable: Variable) -> int:
    return max(len(variable.labels), 1)


def _distinct(key: npt.NDArray[np.int64], size: int) -> tuple[Codes, Codes, int]:
    """Give a row of each distinct key, each row's number among the distinct keys, and how many there are."""
    if size > max(DIRECT_ADDRESSES, len(key)):
        _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
        return first, pattern, len(first)
    occurs = np.zeros(size, bool)
    occurs[key] = True
    number = np.cumsum(occurs) - 1
    pattern = number[key]
    n_patterns = int(occurs.sum())
    first = np.zeros(n_patterns, np.intp)
    first[pattern] = np.arange(len(key))
    return first, pattern, n_patterns
