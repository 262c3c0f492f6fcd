"""The Hessian of the random effects, factored: blocks of one factor eliminated, a dense Schur complement for the rest.

With rows z_n (what each answer's effects are multiplied by, standard deviations included) and weights w_n,
H = I + sum w_n z_n z_n' = [[A, C], [C', B]]. A is block-diagonal, S = B - C' A^-1 C is dense and small.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack

from analysis.stats.mixed.layout import Chunk, Effects, Layout
from analysis.stats.observations import Floats


class Leverage(NamedTuple):
    """What the derivative of log|H| needs, from H^-1.

    `by_term` is (H^-1 z_n) at each row's own effect, per term; `shrinkage` is 1 less the diagonal of H^-1.
    """

    by_term: list[Floats]
    total: Floats
    shrinkage: list[Floats]


class Hessian:
    """H at given weights and standard deviations, ready to solve with."""

    def __init__(self, layout: Layout, weights: Floats, scale: Sequence[Floats | float]) -> None:
        self.layout, self.weights, self.scale = layout, weights, scale
        self.inverse = _inverted(self._own_blocks())
        self.schur = np.eye(layout.width) if layout.width else np.zeros((0, 0))
        self._add_dense()
        half = np.linalg.cholesky(self.inverse)
        for chunk in layout.chunks if layout.width else ():
            cross = self._cross(chunk)
            for j in range(layout.n_own):
                part = sum(half[chunk.levels, i, j, None] * cross[i] for i in range(j, layout.n_own))
                self.schur -= part.T @ part
        self.factor = cho_factor(self.schur, lower=True, check_finite=False) if layout.width else None
        self.log_determinant = -2.0 * float(np.log(np.diagonal(half, axis1=1, axis2=2)).sum())
        if self.factor is not None:
            self.log_determinant += 2.0 * float(np.log(np.diag(self.factor[0])).sum())

    def solve(self, gradient: Effects) -> Effects:
        """Give H^-1 times the gradient."""
        layout = self.layout
        first = self._own_solve(gradient.own)
        if self.factor is None:
            return Effects(first, gradient.dense)
        carried = layout.gather(Effects(first, np.zeros(layout.width)), [*self.scale[: layout.n_own], *self._zeros])
        rest = gradient.dense - layout.scatter_dense(self.weights * carried, self.scale)
        dense = np.asarray(cho_solve(self.factor, rest, check_finite=False), dtype=np.float64)
        returned = np.zeros(len(layout.level))
        for column, one in zip(layout.column, self.scale[layout.n_own :], strict=True):
            returned += one * dense[column]
        return Effects(first - self._own_solve(layout.scatter_own(self.weights * returned, self.scale)), dense)

    def leverage(self) -> Leverage:
        """Give the parts of H^-1 that belong to the answers' own pairs of effects."""
        layout, n_own = self.layout, self.layout.n_own
        inverse = self._dense_inverse()
        own_scale, dense_scale = self.scale[:n_own], self.scale[n_own:]
        by_term = [np.zeros(len(layout.level)) for _ in layout.terms]
        own = self.inverse.copy()
        for chunk in layout.chunks if layout.width else ():
            cross = self._cross(chunk)
            reduced = (
                np.einsum("rij,jrm->irm", self.inverse[chunk.levels], cross)
                if n_own > 1
                else (self.inverse[chunk.levels, :, 0].T[:, :, None] * cross)
            )
            mixed = -(reduced.reshape(-1, layout.width) @ inverse).reshape(reduced.shape)
            own[chunk.levels] -= np.einsum("irm,jrm->rij", reduced, mixed)
            for d, cell in enumerate(layout.cells):
                for e in range(n_own):
                    found = mixed[e].ravel()[cell[chunk.rows]]
                    by_term[e][chunk.rows] += found * _rows(dense_scale[d], chunk)
                    by_term[n_own + d][chunk.rows] += found * _rows(own_scale[e], chunk)
        for e in range(n_own):
            for f in range(n_own):
                by_term[e] += layout.spread(own[:, e, f]) * own_scale[f]
        for d, column in enumerate(layout.column):
            for f, other in enumerate(layout.column):
                found = np.diag(inverse)[column] if d == f else inverse.ravel()[column * layout.width + other]
                by_term[n_own + d] += found * dense_scale[f]
        total = np.zeros(len(layout.level))
        for one, part in zip(self.scale, by_term, strict=True):
            total += one * part
        shrinkage = [1.0 - own[:, e, e] for e in range(n_own)]
        shrinkage += [1.0 - np.diag(inverse)[part] for part in layout.parts]
        return Leverage(by_term, total, shrinkage)

    @property
    def _zeros(self) -> list[float]:
        return [0.0] * len(self.layout.column)

    def _own_blocks(self) -> Floats:
        layout = self.layout
        blocks = np.zeros((layout.n_levels, layout.n_own, layout.n_own))
        for e in range(layout.n_own):
            for f in range(e + 1):
                products = self.weights * self.scale[e] * self.scale[f]
                blocks[:, e, f] = blocks[:, f, e] = np.add.reduceat(products, layout.starts)
            blocks[:, e, e] += 1.0
        return blocks

    def _own_solve(self, values: Floats) -> Floats:
        if self.layout.n_own == 1:
            return values * self.inverse[:, 0, 0]
        return np.asarray(np.einsum("rij,jr->ir", self.inverse, values), dtype=np.float64)

    def _add_dense(self) -> None:
        """Add B less the identity to the Schur complement."""
        layout, width = self.layout, self.layout.width
        scale = self.scale[layout.n_own :]
        for d, column in enumerate(layout.column):
            self.schur[np.diag_indices(width)] += np.bincount(column, self.weights * scale[d] * scale[d], width)
            for f in range(d):
                key = column * width + layout.column[f]
                both = np.bincount(key, self.weights * scale[d] * scale[f], width * width).reshape(width, width)
                self.schur += both + both.T

    def _cross(self, chunk: Chunk) -> Floats:
        """Build the chunk's part of C: (own terms, levels, dense effects)."""
        layout = self.layout
        shape = (chunk.levels.stop - chunk.levels.start, layout.width)
        cross = np.zeros((layout.n_own, *shape))
        weights = self.weights[chunk.rows]
        for d, cell in enumerate(layout.cells):
            for e in range(layout.n_own):
                products = weights * _rows(self.scale[e], chunk) * _rows(self.scale[layout.n_own + d], chunk)
                cross[e] += np.bincount(cell[chunk.rows], products, shape[0] * shape[1]).reshape(shape)
        return cross

    def _dense_inverse(self) -> Floats:
        if self.factor is None:
            return np.zeros((0, 0))
        inverse, _ = lapack.dpotri(self.factor[0], lower=1)
        lower = np.tril(inverse)
        return np.asarray(lower + np.tril(inverse, -1).T, dtype=np.float64)


def _inverted(blocks: Floats) -> Floats:
    inverse = 1.0 / blocks if blocks.shape[1] == 1 else np.linalg.inv(blocks)
    return np.asarray(inverse, dtype=np.float64)


def _rows(scale: Floats | float, chunk: Chunk) -> Floats | float:
    return scale if isinstance(scale, float) else scale[chunk.rows]
