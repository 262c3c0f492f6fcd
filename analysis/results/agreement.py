"""Agreement between people as the results page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import (
    Figure,
    FigureRow,
    coefficient,
    coefficient_scale,
    difference_scale,
    draw,
    one_decimal,
    percent,
    points,
    share_scale,
)
from analysis.results.sentences import doubt, in_sentence, size, written
from analysis.results.shown import (
    NO_ESTIMATE,
    QUESTIONS,
    SERIES,
    Family,
    Panel,
    ShownTable,
    adjustment,
    basis,
    cell,
    family,
    group_label,
    number,
    ordered,
    p_pair,
    value_of,
)
from analysis.results.stored import Results, Row, find

MEASURES = {
    "pairwise_agreement": "Chance that two people agree",
    "alpha": "Krippendorff's alpha",
    "latent_icc": "Agreement free of the mean",
    "ac1": "Gwet's AC1",
    "fleiss_kappa": "Fleiss' kappa",
    "brennan_prediger": "Brennan–Prediger",
}
DRAWN = ("pairwise_agreement", "alpha")
PLURALISM = {
    "disagreement": "Difference in disagreement",
    "from_mean": "of it, by the shift of the mean",
    "given_mean": "of it, given the mean",
}


def show(results: Results) -> Family:
    rows = results.rows("agreement")
    panels = [
        Panel("Agreement within countries", [_agreement_figure(results, name) for name in DRAWN]),
        _across_panel(results),
        _pluralism_panel(results),
        Panel(
            "Other measures of agreement", [_agreement_figure(results, name) for name in MEASURES if name not in DRAWN]
        ),
    ]
    tables = [_shown_measures(rows), _shown_reliability(results), _shown_across(results), _shown_pluralism(results)]
    tables.append(_shown_consensus(results))
    finding = sentence(rows, results.rows("pluralism"))
    rests_on = basis(find(rows, grouping="overall", question="personal", measure="pairwise_agreement"))
    return family(FamilyKey.AGREEMENT, finding, rows, panels, tables, rests_on)


def _shown_measures(rows: Sequence[Row]) -> ShownTable:
    measures = [*MEASURES, "majority_agreement_paper"]
    writes = [percent if "agreement" in name else coefficient for name in measures]
    found: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row["grouping"], row["group"], row["question"]), {})[row["measure"]] = row
    shown = [
        [
            f"{group_label(grouping, group)}, {question}",
            *(cell(own.get(name), write) for name, write in zip(measures, writes, strict=True)),
            f"{own['pairwise_agreement']['n']:g}",
        ]
        for (grouping, group, question), own in found.items()
    ]
    header = ["Group, question", *MEASURES.values(), "Larger side of the pooled answers (paper)", "Answers"]
    return ShownTable("agreement", "Agreement of people of the same country about the same item", header, shown)


def _shown_reliability(results: Results) -> ShownTable:
    shown = [
        [
            f"{group_label(row['grouping'], row['group'])}, {row['question']}",
            number(row["n_per_item"], one_decimal),
            cell(row, coefficient),
            _answers_needed(row),
        ]
        for row in results.rows("reliability")
    ]
    header = ["Group, question", "Answers per item and country", "Reliability of an item's share", "Answers for 0.8"]
    caption = "How well the share of each item is known"
    return ShownTable("reliability", caption, header, shown)


def _answers_needed(row: Row) -> str:
    if row["answers"] is None:
        return NO_ESTIMATE
    most = "no limit" if row["answers_ci_high"] is None else f"{row['answers_ci_high']:.0f}"
    if row["answers_ci_low"] is None:
        return f"{row['answers']:.0f}"
    return f"{row['answers']:.0f} [{row['answers_ci_low']:.0f}, {most}]"


def _shown_across(results: Results) -> ShownTable:
    shown = [
        [
            f"{group_label('country', row['group'])}, {row['question']}",
            number(row["within"], percent),
            number(row["across"], percent),
            cell(row, points),
            *p_pair(row),
            str(row["n_items"]),
            row["reason"],
        ]
        for row in results.rows("agreement_across")
    ]
    header = [
        "Country, question",
        "Two of one country",
        "Two of different ones",
        "Difference (points)",
        "p",
        "p adjusted",
        "Items",
        "Why not",
    ]
    caption = "Agreement within and across countries on shared items" + adjustment(results.rows("agreement_across"))
    return ShownTable("agreement_across", caption, header, shown)


def _across_panel(results: Results) -> Panel:
    rows = results.rows("agreement_across")
    drawn = [
        FigureRow(group_label("country", group), [value_of(find(rows, group=group, question=q)) for q in QUESTIONS])
        for group in ordered("country", (row["group"] for row in rows))
    ]
    title = "Within minus across countries, in points"
    figure = draw("agreement_across", title, drawn, series=SERIES, scale=difference_scale(drawn), note=results.note)
    return Panel("Do people agree more with people of their own country?", [figure])


def _pluralism_panel(results: Results) -> Panel:
    rows = [row for row in results.rows("pluralism", grouping="relation") if row["measure"] in PLURALISM]
    figures = []
    for first, second in dict.fromkeys((row["first"], row["second"]) for row in rows):
        own = [row for row in rows if row["second"] == second]
        drawn = [
            FigureRow(label, [value_of(find(own, measure=measure, question=q)) for q in QUESTIONS])
            for measure, label in PLURALISM.items()
        ]
        title = f"{group_label('relation', first)} minus {group_label('relation', second)}, in points"
        scale = difference_scale(drawn)
        name = f"pluralism_{second}"
        figures.append(draw(name, title, drawn, series=SERIES, scale=scale, note=results.note))
    return Panel("More disagreement inside items, or only another mean?", figures)


def _shown_pluralism(results: Results) -> ShownTable:
    rows = results.rows("pluralism")
    found: dict[tuple[str, str, str, str], dict[str, Row]] = {}
    for row in rows:
        key = row["grouping"], row["first"], row["second"], row["question"]
        found.setdefault(key, {})[row["measure"]] = row
    shown = [
        [
            f"{group_label(grouping, first)} − {group_label(grouping, second)}, {question}",
            *(cell(own.get(measure), points) for measure in PLURALISM),
            *p_pair(own["given_mean"]),
            cell(own.get("alpha"), coefficient),
            own["given_mean"]["reason"],
        ]
        for (grouping, first, second, question), own in found.items()
    ]
    header = [
        "Groups, question",
        *(f"{label} (points)" for label in PLURALISM.values()),
        "p",
        "p adjusted",
        "Alpha",
        "Why not",
    ]
    caption = f"Disagreement inside items told apart from a shift of the mean{adjustment(rows)}"
    return ShownTable("pluralism", caption, header, shown)


def _agreement_figure(results: Results, measure: str) -> Figure:
    rows = results.rows("agreement", measure=measure)
    places = [
        (grouping, group)
        for grouping in dict.fromkeys(row["grouping"] for row in rows)
        for group in ordered(grouping, (row["group"] for row in rows if row["grouping"] == grouping))
    ]
    drawn = [
        FigureRow(
            group_label(grouping, group),
            [value_of(find(rows, grouping=grouping, group=group, question=question)) for question in QUESTIONS],
        )
        for grouping, group in places
    ]
    scale = share_scale() if measure == "pairwise_agreement" else coefficient_scale(drawn)
    title = MEASURES[measure]
    return draw(f"agreement_{measure}", title, drawn, series=SERIES, scale=scale, note=results.note)


def _shown_consensus(results: Results) -> ShownTable:
    shown = [
        [
            f"{group_label('country', row['group'])}, {row['question']}",
            number(row["eigenvalue_ratio"], one_decimal),
            number(row["mean_competence"], coefficient),
            f"{row['n_negative']} of {row['n_respondents']}",
            row["reason"],
        ]
        for row in results.rows("consensus")
    ]
    header = ["Country, question", "First to second eigenvalue", "Mean competence", "Below zero", "Why not"]
    return ShownTable("consensus", "Is there one culture behind a country's answers?", header, shown)


def sentence(rows: Sequence[Row], told_apart: Sequence[Row] = ()) -> str:
    overall = {(row["question"], row["measure"]): row for row in rows if row["grouping"] == "overall"}
    pairwise = {question: overall.get((question, "pairwise_agreement")) for question in ASKED}
    known = {question: row for question, row in pairwise.items() if row and row["estimate"] is not None}
    if not known:
        return "Nothing can be said yet: agreement needs two answers from the same country to one item."
    shares = " and ".join(f"in {written(row)} of {ASKED[question]}" for question, row in known.items())
    alphas = [overall.get((question, "alpha")) for question in known]
    alpha = " and ".join(in_sentence(value_of(row), coefficient) for row in alphas if row)
    lacking = "".join(f" No item has two {name} of one country." for key, name in ASKED.items() if key not in known)
    return (
        f"Two people of the same country agree about an item {shares}; beyond chance, Krippendorff's alpha is "
        f"{alpha}.{lacking}{_pluralism_sentence(told_apart)}"
    )


ASKED = {"personal": "personal choices", "norm": "norm judgments"}


def _pluralism_sentence(rows: Sequence[Row]) -> str:
    """Say of personal choices in one's own country whether they are more disputed than far ones, given the mean."""
    row = find(rows, grouping="relation", second="far", question="personal", measure="given_mean")
    if row is None or row["estimate"] is None:
        return ""
    direction = "more" if row["estimate"] >= 0 else "less"
    return (
        f" Given the mean, people disagree {size(row)} {direction} about personal choices in scenarios of their own "
        f"country than of far ones{doubt(row)}."
    )
