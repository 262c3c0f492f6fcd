"""Do people follow the culture less (or more) in scenarios of their own country? The effect, by several methods."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pandas as pd

from analysis.stats.observations import require
from analysis.stats.own_culture.models import (
    Fitted,
    Names,
    Outcome,
    fit_outcome,
    own_slopes,
    pool_rare,
    two_way,
    with_item_shares,
    within_item,
)
from analysis.stats.own_culture.rows import (
    ALL_COUNTRIES,
    EFFECT_COLUMNS,
    GAP,
    Choices,
    Effect,
    Method,
    missing,
    of_difference,
)
from analysis.stats.rates import Difference, difference
from analysis.stats.terms import without
from analysis.stats.twoway import require_level

OnStep = Callable[[str], None]
MIN_ORIGINS = 3


def own_culture_effects(
    frame: pd.DataFrame,
    names: Names,
    *,
    level: float = 0.95,
    sesoi: float = 0.05,
    on_step: OnStep = lambda step: None,
) -> pd.DataFrame:
    """Estimate the own-culture effect on each question and on the gap between them.

    Parameters
    ----------
    frame : DataFrame
        One answer per row, questions stacked; rows without an answer or a relation are left out.
    names : Names
        The columns, and which relation is one's own.
    level : float
        Confidence level.
    sesoi : float
        Smallest effect of interest, as a share: the margin of the equivalence test.
    on_step : callable
        Is told what is fitted next.

    Returns
    -------
    DataFrame
        One row per outcome (the questions, then `gap`), country ("all" first), contrast (own minus another relation)
        and method, with the columns of `Effect`. Countries have the primary method and the unadjusted difference.

    Notes
    -----
    Primary (`mixed`): logit P(y = 1) = country + relation + covariates + u_respondent + v_item, u and v normal; the
    effect is P averaged over the answers' covariates and over u and v with everybody in the own relation, less the
    same in the other. By country: country x relation is added, so that a country's effect is judged among items that
    other countries judged too. The gap (norm minus personal): both questions stacked, question x (country +
    relation) added, and slopes of the question by respondent and by item.
    Levels of covariates that fewer than three respondents have are merged.
    Beside it: `logit_two_way` has no random effects but a two-way clustered standard error; `mixed_scenario_country`
    adds an effect of the scenario's country; `mixed_random_slope` lets the effect differ by respondent and item;
    `mixed_item_mean` adds the shares of relations and of countries among each item's answers, so that only differences
    within items count (Mundlak);
    `within_item` is the conditional logit by item, in log odds; `rate_difference` is not adjusted for anything.

    References
    ----------
    Clark (1973), Journal of Verbal Learning and Verbal Behavior 12, 335-359; Judd, Westfall & Kenny (2012), Journal of
    Personality and Social Psychology 103, 54-69; Mundlak (1978), Econometrica 46, 69-85; Barr et al. (2013), Journal
    of Memory and Language 68, 255-278. R: `lme4::glmer`, `glmmTMB`, `survival::clogit`, `sandwich::vcovCL`.
    """
    require_level(level)
    require(frame, names.columns)
    answered = frame[frame[names.value].notna() & frame[names.relation].notna()]
    choices = Choices(level, sesoi)
    rows = [effect for outcome in _outcomes(answered, names) for effect in _effects(outcome, choices, on_step)]
    table = pd.DataFrame([asdict(row) for row in rows], columns=EFFECT_COLUMNS)
    return table.rename(columns={"country": names.country})


def _outcomes(answered: pd.DataFrame, names: Names) -> list[Outcome]:
    first, second = names.gap
    asked = answered[names.question].astype(str)
    found = [
        Outcome(question, pool_rare(answered[asked == question].reset_index(drop=True), names), names)
        for question in (second, first)
        if (asked == question).any()
    ]
    if len(found) == 2:
        both = answered[asked.isin(names.gap)].reset_index(drop=True)
        found.append(Outcome(GAP, pool_rare(both, names), names))
    return found


def _effects(outcome: Outcome, choices: Choices, on_step: OnStep) -> Iterator[Effect]:
    """Go through the methods, from the primary one on."""
    if not outcome.contrasts or outcome.names.own not in set(outcome.frame[outcome.names.relation].astype(str)):
        return

    def tell(step: str) -> None:
        on_step(f"{outcome.name}, {step}")

    tell("mixed model")
    primary = fit_outcome(outcome, outcome.frame, outcome.terms())
    for contrast in outcome.contrasts:
        yield primary.effect(contrast, Method.MIXED, choices)
    tell("mixed model by country")
    yield from _by_country(outcome, choices, primary)
    tell("clustered logit")
    yield from two_way(outcome, choices)
    if not outcome.is_gap:
        for contrast in outcome.contrasts:
            yield primary.log_odds(contrast, choices)
        yield from _beside(outcome, choices, primary, tell)


def _beside(outcome: Outcome, choices: Choices, primary: Fitted, tell: OnStep) -> Iterator[Effect]:
    """Give what shows how much hangs on the primary model, for one question."""
    tell("within items")
    yield from within_item(outcome, choices)
    yield from _refits(outcome, choices, primary, tell)
    for country in [ALL_COUNTRIES, *_countries(outcome)]:
        for contrast in outcome.contrasts:
            label = outcome.label(contrast, Method.RATE_DIFFERENCE, country)
            yield of_difference(label, _rates(outcome, country, contrast.other, choices.level), choices)


def _refits(outcome: Outcome, choices: Choices, primary: Fitted, tell: OnStep) -> Iterator[Effect]:
    """Fit the mixed model with one thing more at a time."""
    terms, start = outcome.terms(), primary.fit
    if outcome.frame[outcome.names.scenario_country].nunique() >= MIN_ORIGINS:
        tell("with the scenario's country")
        fitted = fit_outcome(outcome, outcome.frame, terms, start=start, with_origin=True)
        for contrast in outcome.contrasts:
            yield fitted.effect(contrast, Method.SCENARIO_COUNTRY, choices)
    tell("adjusted for items' shares")
    frame, shares = with_item_shares(outcome)
    fitted = fit_outcome(outcome, frame, outcome.terms(more=shares), start=start)
    for contrast in outcome.contrasts:
        yield fitted.effect(contrast, Method.ITEM_MEAN, choices)
    tell("with random slopes")
    fitted = fit_outcome(outcome, outcome.frame, terms, own_slopes(outcome.names), start=start)
    for contrast in outcome.contrasts:
        yield fitted.effect(contrast, Method.RANDOM_SLOPE, choices)


def _by_country(outcome: Outcome, choices: Choices, primary: Fitted) -> Iterator[Effect]:
    """Give each country's effect, from one model of the countries with answers of each kind in every relation."""
    reasons = {country: _why_not(outcome, country) for country in _countries(outcome)}
    usable = [country for country, reason in reasons.items() if not reason]
    fitted = None
    if usable:
        names = outcome.names
        frame = outcome.frame[outcome.frame[names.country].astype(str).isin(usable)].reset_index(drop=True)
        terms = outcome.terms(by_country=True)
        if len(usable) == 1:
            terms = without(terms, [(names.country,)])
        fitted = fit_outcome(outcome, frame, terms, start=primary.fit)
    for country, reason in reasons.items():
        for contrast in outcome.contrasts:
            if fitted is not None and not reason:
                yield fitted.effect(contrast, Method.MIXED, choices, country)
            else:
                yield missing(outcome.label(contrast, Method.MIXED, country), reason)


def _why_not(outcome: Outcome, country: str) -> str:
    """Say what a country lacks: each relation needs both answers, to each question."""
    names = outcome.names
    group = outcome.frame[outcome.frame[names.country].astype(str) == country]
    by = [group[names.relation].astype(str)]
    if outcome.is_gap:
        by.append(group[names.question].astype(str))
    n_kinds = group.groupby(by)[names.value].nunique()
    for relation in [names.own, *(contrast.other for contrast in outcome.contrasts)]:
        if relation not in n_kinds.index.get_level_values(0):
            return f"no answers: {relation}"
    alike = n_kinds[n_kinds < 2]
    if len(alike):
        where = alike.index[0]
        return f"all answers are the same: {', '.join(where) if isinstance(where, tuple) else where}"
    return ""


def _countries(outcome: Outcome) -> list[str]:
    return sorted(str(one) for one in outcome.frame[outcome.names.country].unique())


def _rates(outcome: Outcome, country: str, other: str, level: float) -> Difference:
    frame, names = outcome.frame, outcome.names
    if country != ALL_COUNTRIES:
        frame = frame[frame[names.country].astype(str) == country]
    return difference(
        frame,
        value=names.value,
        respondent=names.respondent,
        item=names.item,
        group=names.relation,
        first=names.own,
        second=other,
        level=level,
    )
