"""The Laplace approximation of a logistic mixed model's likelihood, with its gradient."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from analysis.stats.mixed.hessian import Hessian
from analysis.stats.mixed.layout import Effects, Layout, RandomTerm
from analysis.stats.observations import Codes, Floats

MAX_STEPS = 200
MODE_FOUND = 1e-18  # decrement of the last step towards the mode: the effects are then right to 1e-9
FAR = 1e-2  # a step with a larger decrement is checked for progress
SLOW = 0.05  # the Hessian is formed anew where a step leaves more than this of the decrement


class NotFound(ArithmeticError):
    """The mode of the random effects could not be found."""


class Point(NamedTuple):
    """Minus the approximate log likelihood at some parameters, and its gradient."""

    parameters: Floats
    value: float
    gradient: Floats


class Laplace:
    """Minus the log likelihood of eta = x b + sum of sd_t slope_t u_t, u standard normal, by Laplace's approximation.

    Parameters are the coefficients b and the standard deviations, in the order of the given terms; the sign of a
    standard deviation does not matter.
    """

    def __init__(self, value: Floats, x: Floats, pattern: Codes, random: Sequence[RandomTerm]) -> None:
        self.layout = Layout(random)
        self.x = x
        self.y = value[self.layout.order]
        self.pattern = pattern[self.layout.order]
        self.mode = Effects(np.zeros((self.layout.n_own, self.layout.n_levels)), np.zeros(self.layout.width))
        self.hessian: Hessian | None = None
        self.n_evaluations = 0

    @property
    def n_columns(self) -> int:
        return int(self.x.shape[1])

    def sd(self, parameters: Floats) -> Floats:
        """Give the standard deviations in the layout's order of terms."""
        return parameters[self.n_columns :][self.layout.terms]

    @property
    def hessian_found(self) -> Hessian:
        """The Hessian at the mode found last."""
        if self.hessian is None:
            raise NotFound("nothing has been evaluated")
        return self.hessian

    def at(self, parameters: Floats) -> Floats:
        """Find the mode of the random effects at some parameters; give eta there, in the layout's order."""
        fixed = (self.x @ parameters[: self.n_columns])[self.pattern]
        return self._find_mode(fixed, self.sd(parameters))[0]

    def evaluate(self, parameters: Floats) -> Point:
        """Compute the value and the gradient.

        Notes
        -----
        F = f(u^) + log|H| / 2 with f = sum log(1 + exp(eta)) - y eta + |u|^2 / 2 at its minimum u^ and H = f_uu.
        With h_n = z_n' H^-1 z_n, t_n = h_n w_n (1 - 2 mu_n) / 2, s = H^-1 sum t_n z_n and
        e_n = mu_n - y_n + t_n - w_n z_n' s (the last from the movement of u^):
        dF/db = sum e_n x_n and dF/dsd_t = sum [slope u e + w slope (H^-1 z)_t - (mu - y) slope s_t]_n.

        References
        ----------
        Skaug & Fournier (2006), Computational Statistics & Data Analysis 51, 699-709. R: `glmmTMB`, and `lme4::glmer`
        with `nAGQ = 1`.
        """
        self.n_evaluations += 1
        layout, eta = self.layout, self.at(parameters)
        hessian = self.hessian_found
        scale = hessian.scale
        mu = expit(eta)
        residual, weights = self.y - mu, mu * (1.0 - mu)
        leverage = hessian.leverage()
        t = 0.5 * leverage.total * weights * (1.0 - 2.0 * mu)
        moved = hessian.solve(layout.scatter(t, scale))
        error = t - residual - weights * layout.gather(moved, scale)
        gradient = np.empty_like(parameters)
        gradient[: self.n_columns] = self.x.T @ np.bincount(self.pattern, error, len(self.x))
        for place, number in enumerate(layout.terms):
            of_sd = error * self._rows(self.mode, place) + weights * leverage.by_term[place]
            of_sd += residual * self._rows(moved, place)
            slope = layout.slope[place]
            gradient[self.n_columns + number] = of_sd.sum() if slope is None else of_sd @ slope
        value = self._loss(eta, self.mode) + 0.5 * hessian.log_determinant
        return Point(parameters, value, gradient)

    def information(self, parameters: Floats) -> Floats:
        """Approximate the information at the point evaluated last: exact but for the change of log|H| with b.

        For b: x'Wx - x'WZ H^-1 Z'Wx. For a standard deviation: 2 sum (1 - H^-1_ll)^2 / sd^2 over its levels.
        """
        hessian, k = self.hessian_found, self.n_columns
        information = np.zeros((len(parameters), len(parameters)))
        information[:k, :k] = self.information_of_coefficients()
        shrinkages = hessian.leverage().shrinkage
        for shrinkage, sd, number in zip(shrinkages, self.sd(parameters), self.layout.terms, strict=True):
            information[k + number, k + number] = 2.0 * float(shrinkage @ shrinkage) / max(sd * sd, 1e-2)
        return information

    def information_of_coefficients(self) -> Floats:
        """Give x'Wx - x'WZ H^-1 Z'Wx at the mode found last."""
        hessian, layout, k = self.hessian_found, self.layout, self.n_columns
        per_pattern = np.bincount(self.pattern, hessian.weights, len(self.x))
        information = np.asarray((self.x.T * per_pattern) @ self.x, dtype=np.float64)
        for j in range(k):
            solved = hessian.solve(layout.scatter(hessian.weights * self.x[self.pattern, j], hessian.scale))
            carried = np.bincount(self.pattern, hessian.weights * layout.gather(solved, hessian.scale), len(self.x))
            information[:, j] -= self.x.T @ carried
        return 0.5 * (information + information.T)

    def _find_mode(self, fixed: Floats, sd: Floats) -> tuple[Floats, Hessian]:
        """Minimise f over u by Newton steps that keep the Hessian while it serves; give eta and H at the mode."""
        layout, mode, hessian = self.layout, self.mode, self.hessian
        scale = layout.scaled(sd)
        eta = fixed + layout.gather(mode, scale)
        before = np.inf
        for _ in range(MAX_STEPS):
            mu = expit(eta)
            gradient = layout.scatter(self.y - mu, scale).plus(mode, -1.0)
            if hessian is None:
                hessian = Hessian(layout, mu * (1.0 - mu), sd)
            step = hessian.solve(gradient)
            decrement = gradient.dot(step)
            if not np.isfinite(decrement):
                raise NotFound("the random effects are not finite")
            mode, eta = self._advance(mode, eta, step, decrement, fixed, scale)
            if abs(decrement) < MODE_FOUND:
                mu = expit(eta)
                self.mode, self.hessian = mode, Hessian(layout, mu * (1.0 - mu), sd)
                return eta, self.hessian
            if decrement > SLOW * before or decrement > FAR:
                hessian = None
            before = decrement
        raise NotFound("the mode of the random effects was not found")

    def _advance(
        self,
        mode: Effects,
        eta: Floats,
        step: Effects,
        decrement: float,
        fixed: Floats,
        scale: Sequence[Floats | float],
    ) -> tuple[Effects, Floats]:
        """Take the step, halved until the loss falls where the mode is far away."""
        length = 1.0
        loss = self._loss(eta, mode) if decrement > FAR else np.inf
        while True:
            tried = mode.plus(step, length)
            moved = fixed + self.layout.gather(tried, scale)
            if decrement <= FAR or length < 1e-6 or self._loss(moved, tried) <= loss:
                return tried, moved
            length /= 2.0

    def _loss(self, eta: Floats, mode: Effects) -> float:
        softplus = np.log1p(np.exp(-np.abs(eta)))  # half the time of logaddexp(0, eta), which adds max(eta, 0)
        return float(softplus.sum() + np.maximum(eta, 0.0).sum() - self.y @ eta) + 0.5 * mode.dot(mode)

    def _rows(self, effects: Effects, place: int) -> Floats:
        """Give each row's effect of one term, by its place in the layout."""
        if place < self.layout.n_own:
            return self.layout.spread(effects.own[place])
        rows: Floats = effects.dense[self.layout.column[place - self.layout.n_own]]
        return rows
