"""The Hessian of the random effects, factored: blocks of one factor eliminated, a dense Schur complement for the rest.

With rows z_n (what each answer's effects are multiplied by, standard deviations included) and weights w_n,
H = I + sum w_n z_n z_n' = [[A, C], [C', B]]. A is block-diagonal, S = B - C' A^-1 C is dense and small.

Rows of one kind k (all slopes alike) have the same z but for whose effects it meets: (o_k, d_k), of the eliminated
factor and of the others. So C = sum_k o_k W_k D_k with W_k the kind's weights, summed by (eliminated level, dense
level), and D_k what a dense level's effects are multiplied by. All large products are of the W_k: narrower than C.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack

from analysis.stats.mixed.layout import Chunk, Effects, Kind, Layout
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

    def __init__(self, layout: Layout, weights: Floats, sd: Floats) -> None:
        self.layout, self.weights, self.sd = layout, weights, sd
        self.scale = layout.scaled(sd)
        self.weights_of = [kind.of(weights) for kind in layout.kinds]
        self.inverse = _inverted(self._own_blocks())
        own = np.array([kind.slopes[: layout.n_own] * sd[: layout.n_own] for kind in layout.kinds])
        # What the kinds o_k see of A^-1: A^-1 o_k, and o_k' A^-1 o_l; (levels) last.
        self.seen = np.einsum("ref,kf->ekr", self.inverse, own)
        self.between = np.einsum("ke,elr->klr", own, self.seen)
        self.schur = np.eye(layout.width) if layout.width else np.zeros((0, 0))
        self._add_dense()
        self._take_cross()
        half = np.linalg.cholesky(self.inverse)
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
        met = self._met(inverse, by_term)
        for e in range(n_own):
            for k, of_kind in enumerate(met):
                by_term[e] -= layout.spread(self.seen[e, k]) * of_kind
        own = self._own_covariance(met)
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

    def _met(self, inverse: Floats, by_term: list[Floats]) -> list[Floats]:
        """Give per kind (W_k D_k S^-1) d_n at each row n; take from each dense term's part what they have in common."""
        layout, n_own = self.layout, self.layout.n_own
        met = [np.zeros(len(layout.level)) for _ in layout.kinds]
        for k in range(len(layout.kinds)) if layout.width else ():
            carried = self._through(k, inverse)
            pull = self.between[layout.kind, k, layout.level] if len(met) > 1 else layout.spread(self.between[0, 0])
            for place, chunk in enumerate(layout.chunks):
                product = (self._cross(k, place) @ carried).ravel()
                for d, cell in enumerate(layout.effects_at):
                    found = product[cell[chunk.rows]]
                    met[k][chunk.rows] += found * _rows(self.scale[n_own + d], chunk)
                    by_term[n_own + d][chunk.rows] -= pull[chunk.rows] * found
        return met

    def _own_covariance(self, met: list[Floats]) -> Floats:
        """Give the eliminated factor's blocks of H^-1: A^-1 + A^-1 C S^-1 C' A^-1."""
        layout = self.layout
        summed = np.array(
            [
                [
                    np.bincount(kind.level, weights * kind.of(one), layout.n_levels)
                    for kind, weights in zip(layout.kinds, self.weights_of, strict=True)
                ]
                for one in met
            ]
        )
        returned = np.einsum("klr,flr->kfr", summed, self.seen)
        return np.asarray(self.inverse + np.einsum("ekr,kfr->ref", self.seen, returned), dtype=np.float64)

    def _through(self, k: int, inverse: Floats) -> Floats:
        """Give D_k S^-1, (columns of the kind) x (dense effects)."""
        kind = self.layout.kinds[k]
        carried = np.zeros((kind.n_columns, self.layout.width))
        for d, part in enumerate(kind.parts):
            if part is not None:
                carried[part.columns] += self._multiple(kind, d) * inverse[part.effects]
        return carried

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

    def _take_cross(self) -> None:
        """Take C' A^-1 C from the Schur complement: sums over pairs of kinds of W_k' (o_k' A^-1 o_l) W_l."""
        kinds = self.layout.kinds
        sums = {
            (k, m): np.zeros((kinds[k].n_columns, kinds[m].n_columns)) for k in range(len(kinds)) for m in range(k + 1)
        }
        for place, chunk in enumerate(self.layout.chunks if self.layout.width else ()):
            cross = [self._cross(k, place) for k in range(len(kinds))]
            for (k, m), total in sums.items():
                between = self.between[k, m, chunk.levels, None]
                if k == m:
                    part = np.sqrt(np.maximum(between, 0.0)) * cross[k]
                    total += part.T @ part
                else:
                    total += (between * cross[k]).T @ cross[m]
        for (k, m), total in sums.items():
            self._take(kinds[k], kinds[m], total)
            if k != m:
                self._take(kinds[m], kinds[k], total.T)

    def _take(self, first: Kind, second: Kind, total: Floats) -> None:
        """Take a pair of kinds' sums from the Schur complement, at the effects of each pair of dense terms."""
        for d, one in enumerate(first.parts):
            for f, other in enumerate(second.parts):
                if one is not None and other is not None:
                    multiple = self._multiple(first, d) * self._multiple(second, f)
                    self.schur[np.ix_(one.effects, other.effects)] -= multiple * total[one.columns, other.columns]

    def _multiple(self, kind: Kind, d: int) -> float:
        """Give what a dense term's standard effect is multiplied by in a kind."""
        place = self.layout.n_own + d
        return float(self.sd[place] * kind.slopes[place])

    def _cross(self, k: int, place: int) -> Floats:
        """Build the chunk's part of W_k: (levels) x (columns of the kind)."""
        layout, kind = self.layout, self.layout.kinds[k]
        levels, rows = layout.chunks[place].levels, layout.rows_of_kinds[k][place]
        shape = (levels.stop - levels.start, kind.n_columns)
        cross = np.zeros(shape)
        for cell in layout.cells[k]:
            cross += np.bincount(cell[rows], self.weights_of[k][rows], shape[0] * shape[1]).reshape(shape)
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
