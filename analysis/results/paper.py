"""The paper's own tables as the results page shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from analysis.families import FamilyKey
from analysis.figures import Figure, FigureRow, Scale, Value, difference_scale, draw, percent, points, share_scale
from analysis.results.shown import QUESTIONS, SERIES, SETTINGS, Doubts, Family, Panel, ShownTable, group_label, number
from analysis.results.stored import Results, Row
from survey.enums import Relation

WITHOUT = "The paper's measures: without intervals"


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
    panels = [panel for panel in _panels(results, rows) if panel.figures]
    return Family(FamilyKey.PAPER, finding, _basis(rows), panels[:2], panels[2:], filled, missing)


def _panels(results: Results, people: Sequence[Row]) -> list[Panel]:
    relations = results.rows("paper_human_response_summary", grouping="country_relation")
    relations.sort(key=lambda row: list(Relation).index(row["country_relation"]))
    models = results.rows("paper_alignment_no_persona_summary")
    shifts = results.rows("paper_paired_flip_overall", pair_type="base_vs_instruct")
    of_people = [
        _drawn(results, "paper_rates", "Follow the culture, by respondents' country", _by_question(
            people, lambda row: row["respondent_country"] or "All", "{}_culture_rate")),
        _drawn(results, "paper_gaps", "Norm minus personal, by respondents' country", [
            FigureRow(row["respondent_country"] or "All", [Value(row["norm_personal_gap"])]) for row in people],
            series=["gap (points)"], scale=difference_scale),
    ]  # fmt: skip
    agreement = _by_question(
        relations, lambda row: group_label("relation", row["country_relation"]), "{}_majority_agreement"
    )
    matches = [
        FigureRow(tag, [
            Value(next((row["majority_choice_alignment"] for row in models
                         if (row["model_tag"], row["response_type"]) == (tag, question)), None))
            for question in QUESTIONS])
        for tag in dict.fromkeys(row["model_tag"] for row in models)
    ]  # fmt: skip
    moves = [FigureRow(_pair(row), [Value(row["left_allow_rate"]), Value(row["right_allow_rate"])]) for row in shifts]
    return [
        Panel("What people answered", [figure for figure in of_people if figure]),
        Panel("Models without persona beside people", _filled(
            _drawn(results, "paper_majority", "Choose as the majority of people does", matches))),
        Panel("The larger side of the pooled rate, which the paper calls agreement", _filled(
            _drawn(results, "paper_agreement", "Larger side of the pooled rate, by relation", agreement))),
        Panel("From base to instruct", _filled(
            _drawn(results, "paper_shift", "Allow the preference", moves, series=["base", "instruct"]))),
    ]  # fmt: skip


def _drawn(
    results: Results,
    name: str,
    title: str,
    rows: Sequence[FigureRow],
    *,
    series: Sequence[str] = SERIES,
    scale: Callable[[Sequence[FigureRow]], Scale] = lambda rows: share_scale(),
) -> Figure | None:
    """Draw what has rows; the paper's measures have no intervals, which the figure says once."""
    note = f"{WITHOUT}. {results.note}" if results.note else WITHOUT
    has_none = replace(scale(rows), has_intervals=False)
    return draw(name, title, rows, series=series, scale=has_none, note=note) if rows else None


def _filled(figure: Figure | None) -> list[Figure]:
    return [figure] if figure else []


def _by_question(rows: Sequence[Row], label: Callable[[Row], str], column: str) -> list[FigureRow]:
    return [FigureRow(label(row), [Value(row[column.format(name)]) for name in QUESTIONS]) for row in rows]


def _pair(row: Row) -> str:
    return f"{row['model_family']}, {'told to balance' if row['left_prompt_condition'] == 'balance' else 'not told'}"


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
    rates = {"personal choices": rows[0]["personal_culture_rate"], "norm judgments": rows[0]["norm_culture_rate"]}
    known = " and ".join(f"{percent(rate)} of {name}" for name, rate in rates.items() if rate is not None)
    silent = "".join(f" There are no {name}." for name, rate in rates.items() if rate is None)
    if not known:
        return f"Nothing can be said yet by the paper's measures.{silent}"
    return f"By the paper's measures, people follow the culture in {known}; it gives no intervals.{silent}"
