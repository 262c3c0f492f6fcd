"""The paper's own tables as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import percent, points
from analysis.results.sentences import share
from analysis.results.shown import SETTINGS, Doubts, Family, ShownTable, number
from analysis.results.stored import Results, Row


def show(results: Results) -> Family:
    rows = results.rows("paper_human_response_summary", grouping="overall")
    rows += results.rows("paper_human_response_summary", grouping="respondent_country")
    shown = [
        [
            row["respondent_country"] or "All",
            *(number(row[name], percent) for name in ("personal_culture_rate", "norm_culture_rate")),
            number(row["norm_personal_gap"], points),
            *(number(row[name], percent) for name in ("personal_majority_agreement", "norm_majority_agreement")),
            str(row["n_judgments"]),
        ]
        for row in rows
    ]
    header = [
        "Respondents", "Personal culture rate", "Norm culture rate", "Gap (points)", "Majority agreement, personal",
        "Majority agreement, norm", "Judgments",
    ]  # fmt: skip
    table = ShownTable("paper_human_response_summary", "The paper's summary of human answers", header, shown)
    tables = [table, _gaps(results), _decisions(results), _flips(results)]
    finding = sentence(rows, results.facts.get("why_no_paper_tables", ""))
    doubts = results.facts.get("paper_not_estimable", {})
    missing = Doubts((), sum(doubts.values()), sorted(doubts))
    filled = [one for one in tables if one.rows]
    return Family(FamilyKey.PAPER, finding, _basis(rows), [], [], filled, missing)


def _basis(rows: Sequence[Row]) -> str:
    return f"It rests on {rows[0]['n_judgments']:,.0f} judgments." if rows else ""


def _gaps(results: Results) -> ShownTable:
    shown = [
        [
            row["model"],
            SETTINGS[row["setting"]],
            *(number(row[name], percent) for name in ("culture_rate_personal", "culture_rate_norm")),
            number(row["culture_gap_norm_minus_personal"], points),
        ]
        for row in results.rows("paper_model_norm_personal_gaps_by_model")
    ]
    header = ["Model", "Asked", "Personal culture rate", "Norm culture rate", "Gap (points)"]
    return ShownTable("paper_model_norm_personal_gaps_by_model", "The paper's gaps of models", header, shown)


def _decisions(results: Results) -> ShownTable:
    shown = [
        [
            row["eval_model"],
            row["model_stage"],
            row["prompt_condition"],
            *(number(row[name], percent) for name in ("allow_rate_valid", "unknown_rate_all")),
            str(row["n_rows"]),
        ]
        for row in results.rows("paper_overall_metrics")
    ]
    header = ["Model", "Stage", "Prompt", "Allows the preference", "Unknown", "Decisions"]
    return ShownTable("paper_overall_metrics", "Decisions of behaviour runs, by the paper's measures", header, shown)


def _flips(results: Results) -> ShownTable:
    shown = [
        [
            row["model_family"],
            f"{row['left_model_stage']}, {row['left_prompt_condition']} → "
            f"{row['right_model_stage']}, {row['right_prompt_condition']}",
            number(row["allow_rate_delta_right_minus_left"], points),
            number(row["flip_pos_culture_to_preference"], percent),
            number(row["flip_neg_preference_to_culture"], percent),
            str(row["n_paired"]),
        ]
        for row in results.rows("paper_paired_flip_overall")
    ]
    header = ["Family", "From → to", "Shift (points)", "Culture to preference", "Preference to culture", "Pairs"]
    return ShownTable("paper_paired_flip_overall", "Flips between paired runs, by the paper's measures", header, shown)


def sentence(rows: Sequence[Row], why_not: str) -> str:
    if why_not:
        return f"The paper's tables could not be computed: {why_not}."
    if not rows:
        return "The paper's tables are empty: there are no human answers yet."
    first = rows[0]
    return (
        f"By the paper's measures, people follow the culture in {share(first['personal_culture_rate'])} of personal "
        f"choices and {share(first['norm_culture_rate'])} of norm judgments; it gives no intervals."
    )
