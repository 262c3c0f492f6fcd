"""What the numbers say, a sentence per family; a sentence never says more than its interval allows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.figures import Value, coefficient, percent, write_value

Row = Mapping[str, Any]
NOTHING = "Nothing can be said yet: there are too few answers."


def rates(rows: Sequence[Row]) -> str:
    overall = {row["measure"]: row for row in rows if row["grouping"] == "overall"}
    if not overall or overall["personal"]["estimate"] is None:
        return NOTHING
    gap = overall["gap"]
    return (
        f"People follow the local expectation in {_written(overall['personal'])} of their personal choices and call it "
        f"appropriate in {_written(overall['norm'])} of their norm judgments: {_gap(gap)}."
    )


def _gap(row: Row) -> str:
    if row["estimate"] is None:
        return "the gap between the two is not estimable"
    direction = "norm above personal" if row["estimate"] >= 0 else "personal above norm"
    return f"a gap of {_size(row)}, {direction}{_doubt(row)}"


def agreement(rows: Sequence[Row]) -> str:
    overall = {(row["question"], row["measure"]): row for row in rows if row["grouping"] == "overall"}
    pairwise = [overall.get((question, "pairwise_agreement")) for question in ("personal", "norm")]
    alphas = [overall.get((question, "alpha")) for question in ("personal", "norm")]
    if not all(row and row["estimate"] is not None for row in pairwise):
        return "Nothing can be said yet: agreement needs two answers from the same country to one item."
    personal, norm = (_written(row) for row in pairwise if row)
    alpha = " and ".join(write_value(_value(row), coefficient) for row in alphas if row)
    return (
        f"Two people of the same country agree about an item in {personal} of personal choices and in {norm} of norm "
        f"judgments; beyond chance, Krippendorff's alpha is {alpha}."
    )


def own_culture(rows: Sequence[Row]) -> str:
    overall = [row for row in rows if row["respondent_country"] == "all" and row["estimate"] is not None]
    if not overall:
        return "Nothing can be said yet: there are no answers to compare scenarios at home with others."
    personal = [row for row in overall if row["question"] == "personal"] or overall
    parts = [
        f"{_size(row)} {'more' if row['estimate'] >= 0 else 'less'} "
        f"than in {row['contrast'].rpartition(' ')[2]} countries{_doubt(row)}"
        for row in personal
    ]
    return f"In scenarios of their own country people follow the culture {', and '.join(parts)}."


def alignment(rows: Sequence[Row]) -> str:
    matches = [row for row in rows if row["measure"] == "expected_match" and row["estimate"] is not None]
    models = [row for row in matches if row["predictor"] == "model"]
    if not models:
        return "Nothing can be said yet: no item was answered by both a model and people."
    best = max(models, key=lambda row: row["estimate"])
    keys = ("question", "model_tag", "persona_setting")
    beside = {row["predictor"]: row for row in matches if all(row[key] == best[key] for key in keys)}
    setting = "without persona" if best["persona_setting"] == "no_persona" else "with personas"
    sentence = (
        f"The closest is {best['model_tag']} {setting}: it gives a random person's {_question(best)} in "
        f"{_written(best)} of cases; the rule of always following the culture does in "
        f"{_written(beside['always_culture'])}"
    )
    if "another_person" in beside:
        sentence += f", another person in {_written(beside['another_person'])}"
    rule = beside["always_culture"]["estimate"]
    if best["ci_low"] is None or best["ci_low"] <= rule:
        sentence += ". It is not shown to do better than the rule"
    return f"{sentence}."


def paper(rows: Sequence[Row], why_not: str) -> str:
    if why_not:
        return f"The paper's tables could not be computed: {why_not}."
    if not rows:
        return "The paper's tables are empty: there are no human answers yet."
    first = rows[0]
    return (
        f"By the paper's measures, people follow the culture in {_percent(first['personal_culture_rate'])} of personal "
        f"choices and {_percent(first['norm_culture_rate'])} of norm judgments; it gives no intervals."
    )


def _question(row: Row) -> str:
    return "personal choice" if row["question"] == "personal" else "norm judgment"


def _value(row: Row) -> Value:
    return Value(row["estimate"], row["ci_low"], row["ci_high"])


def _written(row: Row) -> str:
    return write_value(_value(row), percent)


def _percent(value: float | None) -> str:
    return "an unknown share" if value is None else percent(value)


def _size(row: Row) -> str:
    """Write a difference as a size with its interval; the words around it say the direction."""
    sign = 1 if row["estimate"] >= 0 else -1
    size = f"{100 * abs(row['estimate']):.1f} points"
    if row["ci_low"] is None:
        return size
    low, high = sorted((100 * sign * row["ci_low"], 100 * sign * row["ci_high"]))
    return f"{size} [{low:.1f}, {high:.1f}]".replace("-", "−")


def _doubt(row: Row) -> str:
    """Say so where the interval leaves the direction open."""
    ends: Iterable[float | None] = (row["ci_low"], row["ci_high"])
    if None in ends:
        return " (no interval: the direction is open)"
    return " (the interval holds zero: the direction is open)" if row["ci_low"] <= 0 <= row["ci_high"] else ""
