"""The spread of a factor's levels, freed of sampling noise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.effects import level_contrasts, level_spread, spread_by_factor
from analysis.stats.rates import difference

WHO: dict[str, Any] = {"value": "y", "respondent": "r", "item": "i"}


def answers_of(rng: np.random.Generator, effects: list[float], *, n_people: int, n_items: int = 40) -> pd.DataFrame:
    """Draw answers: people of each level to all items, the share of 1s of a level 1/2 plus its effect."""
    person = rng.normal(size=(len(effects), n_people, 1)) * 0.08
    item = rng.normal(size=n_items) * 0.12
    p = np.clip(0.5 + np.array(effects)[:, None, None] + person + item, 0.01, 0.99)
    places = np.indices(p.shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "y": (rng.random(p.shape) < p).astype(float).ravel(),
            "r": places[0] * n_people + places[1],
            "i": places[2],
            "level": [f"l{place}" for place in places[0]],
        }
    )


def test_a_large_spread_is_the_sd_of_the_effects() -> None:
    effects = [-0.2, -0.1, 0.0, 0.1, 0.2]
    found = level_spread(answers_of(np.random.default_rng(1), effects, n_people=400), factor="level", seed=1, **WHO)
    assert found.estimate == pytest.approx(np.std(effects, ddof=1), rel=0.05)
    assert found.ci_low < np.std(effects, ddof=1) < found.ci_high
    assert found.p_value < 0.001
    assert found.sd_observed > found.estimate > found.sd_observed - found.sd_sampling
    assert (found.n_levels, found.is_truncated, found.reason) == (5, False, "")


def test_levels_alike_have_no_spread_but_what_sampling_makes() -> None:
    rng = np.random.default_rng(2)
    found = [level_spread(answers_of(rng, [0.0] * 4, n_people=15), factor="level", seed=1, **WHO) for _ in range(40)]
    squares = np.array([one.sd_observed**2 - one.sd_sampling**2 for one in found])
    raw = np.mean([one.sd_observed**2 for one in found])
    assert abs(squares.mean()) < 0.35 * raw  # unbiased around zero, where the observed spread is not
    assert all(one.estimate == 0 for one in found if one.is_truncated)
    assert any(one.is_truncated for one in found)
    assert np.mean([one.ci_low == 0 for one in found]) >= 0.9


def test_levels_that_lie_closer_than_noise_lets_them_are_no_certainty() -> None:
    frame = answers_of(np.random.default_rng(3), [0.0, 0.0], n_people=40)
    mirrored = frame.assign(level=np.where(frame["level"] == "l0", "l1", "l0"), y=frame["y"], r=frame["r"] + 1000)
    found = level_spread(pd.concat([frame, mirrored]), factor="level", seed=1, **WHO)
    assert (found.estimate, found.sd_observed, found.ci_low) == (0.0, 0.0, 0.0)
    assert found.ci_high > 1.5 * found.sd_sampling


def test_two_levels_are_their_difference_on_the_same_scale() -> None:
    frame = answers_of(np.random.default_rng(3), [0.1, -0.1], n_people=100)
    found = level_spread(frame, factor="level", seed=1, **WHO)
    two = difference(frame, group="level", first="l0", second="l1", **WHO)
    assert found.sd_observed == pytest.approx(abs(two.estimate) / np.sqrt(2), rel=1e-12)
    assert found.sd_sampling == pytest.approx(two.se / np.sqrt(2), rel=1e-9)
    assert found.mean_abs_difference == found.largest_difference == pytest.approx(abs(two.estimate))
    ends = np.array([two.ci_low, two.ci_high]) / np.sqrt(2)
    assert [found.ci_low, found.ci_high] == pytest.approx(sorted(np.abs(ends)), abs=0.01)
    assert found.p_value == pytest.approx(two.p_value, abs=0.002)


def test_mean_and_largest_difference_by_hand() -> None:
    shares = {"a": 0.2, "b": 0.5, "c": 0.6}
    rows = [
        (k + 10 * n, k, name, float(k < 10 * share))
        for n, (name, share) in enumerate(shares.items())
        for k in range(10)
    ]
    frame = pd.DataFrame(rows, columns=["r", "i", "level", "y"])
    found = level_spread(frame, factor="level", seed=1, **WHO)
    assert found.largest_difference == pytest.approx(0.4)
    assert found.mean_abs_difference == pytest.approx((0.3 + 0.4 + 0.1) / 3)
    assert found.sd_observed == pytest.approx(np.std([0.2, 0.5, 0.6], ddof=1))


def test_items_of_one_level_each_count_as_sampled() -> None:
    """Scenario countries differ in their items: with items this different, that alone is no effect of the country."""
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(60):
        p = rng.beta(1, 1, size=24)
        frame = pd.DataFrame(
            [(r, i, f"l{i % 4}", float(rng.random() < p[i])) for r in range(30) for i in range(24)],
            columns=["r", "i", "level", "y"],
        )
        p_values.append(level_spread(frame, factor="level", seed=1, **WHO).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.12


def test_interval_covers_the_spread() -> None:
    rng = np.random.default_rng(5)
    effects = [-0.06, 0.0, 0.06]
    truth = np.std(effects, ddof=1)
    frames = (answers_of(rng, effects, n_people=40) for _ in range(60))
    found = [level_spread(frame, factor="level", seed=n, **WHO) for n, frame in enumerate(frames)]
    assert np.mean([one.ci_low <= truth <= one.ci_high for one in found]) >= 0.88


def test_one_models_answers_have_items_as_clusters_only() -> None:
    rng = np.random.default_rng(6)
    item = rng.random(50)
    rows = [(i, f"p{level}", float(item[i] + 0.3 * level > 0.65)) for i in range(50) for level in range(3)]
    frame = pd.DataFrame(rows, columns=["i", "level", "y"])
    found = level_spread(frame, value="y", respondent=None, item="i", factor="level", seed=1)
    table = frame.pivot_table(index="i", columns="level", values="y").to_numpy()
    centred = table - table.mean(axis=1, keepdims=True)
    influence = (centred - centred.mean(axis=0)) / 50
    assert found.sd_sampling**2 == pytest.approx((influence**2).sum() / 2, rel=1e-10)
    assert (found.df, found.n_respondents, found.n_items) == (49, 0, 50)


def test_a_level_of_one_person_is_left_out() -> None:
    frame = answers_of(np.random.default_rng(7), [0.1, -0.1, 0.2], n_people=10)
    one = frame[(frame["level"] != "l2") | (frame["r"] == 20)]
    found = level_spread(one, factor="level", seed=1, **WHO)
    assert (found.n_levels, found.n) == (2, 800)
    alone = level_spread(frame[frame["level"] == "l0"], factor="level", seed=1, **WHO)
    assert alone.reason == "fewer than two levels with two respondents and two items"
    assert np.isnan([alone.estimate, alone.p_value]).all()
    nobody = level_spread(frame.drop_duplicates("level"), factor="level", seed=1, **WHO)
    assert (nobody.reason, nobody.n_levels, nobody.n) == (alone.reason, 0, 0)


def test_answers_without_variation_have_no_interval() -> None:
    frame = answers_of(np.random.default_rng(8), [0.0, 0.0], n_people=5).assign(y=1.0)
    found = level_spread(frame, factor="level", seed=1, **WHO)
    assert (found.estimate, found.reason) == (0.0, "no variation between respondents or items")


def test_the_same_seed_gives_the_same_interval(answers: pd.DataFrame) -> None:
    who: dict[str, Any] = {"value": "norm", "respondent": "respondent_id", "item": "scenario_item_id"}
    factors = {"country": "respondent_country", "relation": "rel", "gender": "respondent_gender"}
    table = spread_by_factor(answers, factors=factors, seed=3, **who)
    assert table["factor"].tolist() == list(factors)
    pd.testing.assert_frame_equal(table, spread_by_factor(answers, factors=factors, seed=3, **who))
    assert table["n_levels"].tolist() == [5, 3, 2]
    assert (table["ci_low"] <= table["estimate"]).all()
    assert (table["estimate"] <= table["ci_high"]).all()


PERSONA = {"BR": 0.12, "IN": 0.04, "ZA": 0.0, "GB": -0.05, "US": -0.11}
CONDITION = {"plain": 0.08, "balance": -0.08}


def model_answers(rng: np.random.Generator) -> pd.DataFrame:
    """Draw a model's answers to 60 items under every persona and condition; what personas do differs by item."""
    shape = 60, len(PERSONA), len(CONDITION)
    p = 0.5 + rng.normal(0, 0.1, (60, 1, 1)) + rng.normal(0, 0.05, (60, len(PERSONA), 1))
    p = p + np.array([*PERSONA.values()])[:, None] + np.array([*CONDITION.values()])
    place = np.indices(shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "y": (rng.random(shape) < np.clip(p, 0, 1)).astype(float).ravel(),
            "i": place[0],
            "persona": np.array([*PERSONA])[place[1]],
            "condition": np.array([*CONDITION])[place[2]],
        }
    )


ONE_MODEL: dict[str, Any] = {"value": "y", "respondent": None, "item": "i"}


def test_planted_effects_of_personas_and_prompts_are_found_again() -> None:
    rng = np.random.default_rng(11)
    truth = {name: np.std([*levels.values()], ddof=1) for name, levels in (("p", PERSONA), ("c", CONDITION))}
    factors = {"p": "persona", "c": "condition"}
    tables = [spread_by_factor(model_answers(rng), factors=factors, seed=n, **ONE_MODEL) for n in range(60)]
    found = pd.concat(tables).groupby("factor")
    for name, rows in found:
        held = (rows["ci_low"] <= truth[str(name)]) & (truth[str(name)] <= rows["ci_high"])
        assert held.mean() >= 0.866  # of a 95 % interval: less by chance in one of two hundred
        squares = rows["sd_observed"] ** 2 - rows["sd_sampling"] ** 2
        assert abs(squares.mean() - truth[str(name)] ** 2) < 3.5 * squares.std() / 60**0.5


def test_planted_contrasts_of_personas_are_held_by_their_intervals() -> None:
    rng = np.random.default_rng(12)
    tables = pd.concat([level_contrasts(model_answers(rng), factor="persona", **ONE_MODEL) for _ in range(60)])
    truth = tables["factor_level"].map({name: one - np.mean([*PERSONA.values()]) for name, one in PERSONA.items()})
    held = (tables["ci_low"] <= truth) & (truth <= tables["ci_high"])
    assert held.groupby(tables["factor_level"]).mean().min() >= 0.866
    assert 0.92 <= held.mean() <= 0.98
    assert abs((tables["estimate"] - truth).mean()) < 1e-12  # contrasts sum to zero
    assert abs((tables["estimate"] - truth).groupby(tables["factor_level"]).mean()).max() < 0.02


def test_contrasts_of_two_levels_are_half_their_difference() -> None:
    frame = answers_of(np.random.default_rng(3), [0.1, -0.1], n_people=100)
    found = level_contrasts(frame, factor="level", **WHO)
    two = difference(frame, group="level", first="l0", second="l1", **WHO)
    assert found["factor_level"].tolist() == ["l0", "l1"]
    assert found["estimate"].tolist() == pytest.approx([two.estimate / 2, -two.estimate / 2], rel=1e-12)
    assert found["se"].tolist() == pytest.approx([two.se / 2] * 2, rel=1e-9)
    assert found["p_value"].tolist() == pytest.approx([two.p_value] * 2, rel=1e-6)
    alone = level_contrasts(frame[frame["level"] == "l0"], factor="level", **WHO)
    assert alone.empty
