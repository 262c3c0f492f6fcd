"""What a model's answers to both option orders say together: one row per question as it was put.

Each column says how it comes about, in its SQL and its label.
"""

from analysis.columns import (
    COMPLETIONS,
    ITEM_CODE,
    NOT_SENT,
    SCENARIO_COUNTRY,
    STUDY,
    Column,
    Table,
)

ACROSS_ORDERS = ("option_order", "repeat", "yoked_to")
FACTORS = tuple(name for name in COMPLETIONS.key if name not in ACROSS_ORDERS)
BY_NAME = {column.name: column for column in COMPLETIONS.columns}
NO_VALUE = "no answer of this order could be read or gave a probability"
ONE_ORDER = "only one order was answered"
SCORE = (
    "CASE WHEN cell.method IN ('first_token', 'verbalised') THEN completion.p_culture"
    " ELSE (nullif(completion.choice, '') = 'culture')::int END"
)


def _of_order(order: str) -> str:
    """Average in one order: sums of floating-point numbers depend on it in the last digit."""
    return f"avg({SCORE} ORDER BY {SCORE}) FILTER (WHERE cell.option_order = '{order}')"


def _count(label: str, condition: str, name: str) -> Column:
    return Column(name, "integer", f"count(*) FILTER (WHERE {condition})", label)


FIRST, LAST = _of_order("culture_first"), _of_order("preference_first")
PROBABILITIES = Table(
    "model_probabilities",
    "One row per model and question as it was put, the two option orders together; methods stand apart",
    FACTORS,
    (
        *STUDY,
        BY_NAME["run"],
        BY_NAME["run_kind"],
        BY_NAME["model_tag"],
        BY_NAME["model_stage"],
        BY_NAME["is_simulated"],
        ITEM_CODE,
        SCENARIO_COUNTRY,
        *(BY_NAME[name] for name in FACTORS if name not in ("run", "model_tag", "item_code")),
        _count("Answers, of both orders and all samples", "true", "n_answers"),
        _count("Answers read as a choice", "completion.choice <> ''", "n_read"),
        _count("Refusals", "completion.parse_stage = 'refusal'", "n_refused"),
        Column("p_culture_first", "number", FIRST, "p(culture) where the culture stood first", (), NO_VALUE),
        Column("p_preference_first", "number", LAST, "p(culture) where the preference stood first", (), NO_VALUE),
        Column(
            "p_culture",
            "number",
            f"({FIRST} + {LAST}) / 2",
            "Mean of the two orders: the probability or sampled share of the culture, free of a pull towards a place",
            (),
            ONE_ORDER,
        ),
        Column(
            "order_bias",
            "number",
            f"{FIRST} - {LAST}",
            "By how much the culture gains from standing first",
            (),
            ONE_ORDER,
        ),
        Column(
            "label_mass",
            "number",
            "avg(completion.label_mass ORDER BY completion.label_mass) FILTER (WHERE true)",
            "Mean probability of both labels together at the first token",
            (),
            NOT_SENT,
        ),
    ),
)
MODEL_TABLES = {PROBABILITIES.name: PROBABILITIES}
