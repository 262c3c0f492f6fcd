"""The paper's own tables as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.figures import percent, points
from analysis.results.sentences import share
from analysis.results.shown import Family, ShownTable, number
from analysis.results.stored import Results, Row


def show(results: Results) -> Family:
    names = [name for name in results.tables if name.startswith("paper_")]
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
    finding = sentence(rows, results.facts.get("why_no_paper_tables", ""))
    return Family("paper", "The paper's own tables", finding, [], [], [table] if shown else [], sorted(names), 0, [])


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
