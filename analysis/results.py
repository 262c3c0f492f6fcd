"""A finished analysis as its page shows it: per family a finding, figures, tables and doubts. Light: no pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from analysis import findings
from analysis.figures import (
    Figure,
    FigureRow,
    Value,
    coefficient,
    coefficient_scale,
    difference_scale,
    draw,
    percent,
    points,
    share_scale,
    write_value,
)
from analysis.models import AnalysisRun
from survey.enums import AgeBucket, Country, Relation, Theme

Row = Mapping[str, Any]
QUESTIONS = ("personal", "norm")
SERIES = ("personal choice", "norm judgment")
GROUPINGS = {
    "country": "By country of the respondent",
    "relation": "By relation of the scenario's country",
    "theme": "By theme",
    "cell": "By age and gender of the respondent",
}
AGREEMENT_MEASURES = {
    "pairwise_agreement": "Chance that two people agree",
    "alpha": "Krippendorff's alpha",
    "ac1": "Gwet's AC1",
}
SHORT_COUNTRIES = {Country.US: "United States"}
SIMULATED_NOTE = "Contains simulated data"
NO_ESTIMATE = "not estimable"
SETTINGS = {"no_persona": "without persona", "persona": "with personas"}


class Panel(NamedTuple):
    """Figures that belong together, under a heading."""

    title: str
    figures: Sequence[Figure]


class ShownTable(NamedTuple):
    """A table as text: the first column names the row."""

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Family:
    """One section of the results page."""

    key: str
    title: str
    finding: str
    panels: Sequence[Panel]
    more_panels: Sequence[Panel]
    tables: Sequence[ShownTable]
    csv_names: Sequence[str]
    n_not_estimable: int
    reasons: Sequence[str]

    @property
    def how(self) -> str:
        return f"analysis/how/{self.key}.html"


class Results:
    """The stored tables of a finished analysis, readable by name."""

    def __init__(self, run: AnalysisRun) -> None:
        stored = run.results or {"facts": {}, "tables": {}}
        self.facts: dict[str, Any] = stored["facts"]
        self.tables: dict[str, dict[str, list[Any]]] = stored["tables"]

    def rows(self, table: str, **wanted: str) -> list[Row]:
        """Give the rows of a table that have these values."""
        if table not in self.tables:
            return []
        columns = self.tables[table]["columns"]
        rows = (dict(zip(columns, values, strict=True)) for values in self.tables[table]["rows"])
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    @property
    def is_simulated(self) -> bool:
        models = self.facts.get("models", [])
        return bool(self.facts.get("n_simulated_respondents") or any(model["is_simulated"] for model in models))

    @property
    def note(self) -> str:
        return SIMULATED_NOTE if self.is_simulated else ""

    def families(self) -> list[Family]:
        made = (_rates, _agreement, _own_culture, _alignment, _paper)
        return [make(self) for make in made]

    def figure(self, name: str) -> Figure | None:
        for family in self.families():
            for panel in (*family.panels, *family.more_panels):
                for figure in panel.figures:
                    if figure.name == name:
                        return figure
        return None


def value_of(row: Row | None) -> Value:
    return Value(row.get("estimate"), row.get("ci_low"), row.get("ci_high")) if row else Value(None, None, None)


def group_label(grouping: str, group: str) -> str:
    """Name a group as people do."""
    if group == "not_given":
        return "Not given"
    if grouping == "country":
        return SHORT_COUNTRIES.get(Country(group), Country(group).label) if group != "all" else "All countries"
    if grouping == "relation":
        return f"{Relation(group).label}" if group == "same" else f"{Relation(group).label} countries"
    if grouping == "theme":
        return Theme(group).label
    if grouping == "cell":
        bucket, _, gender = group.partition("_")
        return f"{AgeBucket(bucket).label} {'women' if gender == 'female' else 'men'}"
    return "All"


def _ordered(grouping: str, groups: Iterable[str]) -> list[str]:
    """Give the groups in their own order, countries by name after all together, what was not given last."""

    def rank(group: str) -> tuple[bool, bool, str]:
        return group == "not_given", group != "all", group_label(grouping, group) if grouping == "country" else ""

    return sorted(dict.fromkeys(groups), key=rank)


def _rates(results: Results) -> Family:
    rows = results.rows("rates")
    panels = [_rate_panel(results, grouping, title) for grouping, title in GROUPINGS.items()]
    shown = [
        [
            group_label(row["grouping"], group),
            *(_cell(_find(rows, grouping=row["grouping"], group=group, measure=q), percent) for q in QUESTIONS),
            _cell(_find(rows, grouping=row["grouping"], group=group, measure="gap"), points),
            str(row["n_respondents"]),
            str(row["n"]),
        ]
        for row in rows
        if row["measure"] == "personal" and (group := row["group"])
    ]
    header = ["Group", "Personal choice", "Norm judgment", "Gap (points)", "Respondents", "Answers"]
    table = ShownTable("rates", "Share that follows the culture, with 95% intervals", header, shown)
    return _family("rates", "Culture-following rates", findings.rates(rows), rows, panels, [table])


def _rate_panel(results: Results, grouping: str, title: str) -> Panel:
    rows = results.rows("rates", grouping=grouping)
    shares = [
        FigureRow(
            group_label(grouping, group),
            [value_of(_find(rows, group=group, measure=question)) for question in QUESTIONS],
        )
        for group in _ordered(grouping, (row["group"] for row in rows))
    ]
    gaps = [
        FigureRow(group_label(grouping, group), [value_of(_find(rows, group=group, measure="gap"))])
        for group in _ordered(grouping, (row["group"] for row in rows))
    ]
    share = draw(
        f"rates_{grouping}",
        "Share that follows the culture",
        shares,
        series=SERIES,
        scale=share_scale(),
        note=results.note,
    )
    gap = draw(
        f"gap_{grouping}",
        "Gap: norm minus personal, in points",
        gaps,
        series=["gap"],
        scale=difference_scale(gaps),
        note=results.note,
    )
    return Panel(title, [share, gap] if shares else [])


def _agreement(results: Results) -> Family:
    rows = results.rows("agreement")
    panels = [Panel("Agreement within countries", [_agreement_figure(results, name) for name in AGREEMENT_MEASURES])]
    measures = [*AGREEMENT_MEASURES, "majority_agreement_paper"]
    shown = []
    for grouping, group, question in dict.fromkeys((row["grouping"], row["group"], row["question"]) for row in rows):
        own = [row for row in rows if (row["grouping"], row["group"], row["question"]) == (grouping, group, question)]
        writes = [percent if "agreement" in name else coefficient for name in measures]
        cells = [_cell(_find(own, measure=name), write) for name, write in zip(measures, writes, strict=True)]
        shown.append([f"{group_label(grouping, group)}, {question}", *cells, f"{own[0]['n']:g}"])
    header = ["Group, question", *AGREEMENT_MEASURES.values(), "Larger side of the pooled answers (paper)", "Answers"]
    table = ShownTable("agreement", "Agreement of people of the same country about the same item", header, shown)
    return _family("agreement", "Agreement between people", findings.agreement(rows), rows, panels, [table])


def _agreement_figure(results: Results, measure: str) -> Figure:
    rows = results.rows("agreement", measure=measure)
    places = [
        (grouping, group)
        for grouping in dict.fromkeys(row["grouping"] for row in rows)
        for group in _ordered(grouping, (row["group"] for row in rows if row["grouping"] == grouping))
    ]
    drawn = [
        FigureRow(
            group_label(grouping, group),
            [value_of(_find(rows, grouping=grouping, group=group, question=question)) for question in QUESTIONS],
        )
        for grouping, group in places
    ]
    scale = share_scale() if measure == "pairwise_agreement" else coefficient_scale(drawn)
    title = AGREEMENT_MEASURES[measure]
    return draw(f"agreement_{measure}", title, drawn, series=SERIES, scale=scale, note=results.note)


def _own_culture(results: Results) -> Family:
    rows = results.rows("own_culture")
    contrasts = list(dict.fromkeys(row["contrast"] for row in rows))
    figures = [_own_culture_figure(results, contrast) for contrast in contrasts]
    panels = [Panel("Own country against other countries, in points", figures)] if figures else []
    shown = [
        [
            f"{group_label('country', row['respondent_country'])}, {row['question']}",
            row["contrast"].replace(" - ", " − "),
            _cell(row, points),
            _p_value(row["p_value"]),
            str(row["n_respondents"]),
            str(row["n_items"]),
            row["reason"],
        ]
        for row in rows
    ]
    header = ["Respondents, question", "Contrast", "Difference (points)", "p", "Respondents", "Items", "Why not"]
    table = ShownTable("own_culture", "Difference in the share that follows the culture", header, shown)
    finding = findings.own_culture(rows)
    return _family("own_culture", "Own-country effect", finding, rows, panels, [table])


def _own_culture_figure(results: Results, contrast: str) -> Figure:
    rows = results.rows("own_culture", contrast=contrast)
    countries = _ordered("country", (row["respondent_country"] for row in rows))
    drawn = [
        FigureRow(
            group_label("country", country),
            [value_of(_find(rows, respondent_country=country, question=question)) for question in QUESTIONS],
        )
        for country in countries
    ]
    other = contrast.rpartition(" ")[2]
    return draw(
        f"own_culture_{other}",
        f"Own country minus {other} countries",
        drawn,
        series=SERIES,
        scale=difference_scale(drawn),
        note=results.note,
    )


def _alignment(results: Results) -> Family:
    rows = results.rows("alignment")
    settings = list(dict.fromkeys(row["persona_setting"] for row in rows))
    figures = [_match_figure(results, setting) for setting in settings]
    shown = [
        _alignment_row(results, setting, tag, question)
        for setting in settings
        for tag in dict.fromkeys(row["model_tag"] for row in rows)
        for question in QUESTIONS
        if _find(rows, persona_setting=setting, model_tag=tag, question=question)
    ]
    header = [
        "Model, setting, question", "Matches a random person", "Another person does", "Always culture does",
        "Above chance (κₓ)", "Majority match (paper)", "Always culture (paper)", "Rate gap (points)", "Items",
    ]  # fmt: skip
    table = ShownTable("alignment", "How close models come to people", header, shown)
    panels = [Panel("Chance that an answer equals a random person's", figures)] if figures else []
    return _family("alignment", "Alignment of models with people", findings.alignment(rows), rows, panels, [table])


def _match_figure(results: Results, setting: str) -> Figure:
    rows = results.rows("alignment", persona_setting=setting, measure="expected_match")
    tags = list(dict.fromkeys(row["model_tag"] for row in rows))
    names = [(tag, "model", tag) for tag in tags]
    names += [(tags[0], "another_person", "Another person"), (tags[0], "always_culture", "Always follows the culture")]
    drawn = [
        FigureRow(
            label,
            [value_of(_find(rows, model_tag=tag, predictor=predictor, question=question)) for question in QUESTIONS],
        )
        for tag, predictor, label in names
    ]
    title = f"Models {SETTINGS[setting]}"
    return draw(f"alignment_{setting}", title, drawn, series=SERIES, scale=share_scale(), note=results.note)


def _alignment_row(results: Results, setting: str, tag: str, question: str) -> list[str]:
    rows = results.rows("alignment", persona_setting=setting, model_tag=tag, question=question)

    def cell(predictor: str, measure: str, write: Callable[[float], str]) -> str:
        return _cell(_find(rows, predictor=predictor, measure=measure), write)

    return [
        f"{tag} {SETTINGS[setting]}, {question}",
        cell("model", "expected_match", percent),
        cell("another_person", "expected_match", percent),
        cell("always_culture", "expected_match", percent),
        cell("model", "kappa_x", coefficient),
        cell("model", "majority_match_paper", percent),
        cell("always_culture", "majority_match_paper", percent),
        cell("model", "signed_rate_gap", points),
        str(rows[0]["n_items"]),
    ]


def _paper(results: Results) -> Family:
    names = [name for name in results.tables if name.startswith("paper_")]
    rows = results.rows("paper_human_response_summary", grouping="overall")
    rows += results.rows("paper_human_response_summary", grouping="respondent_country")
    shown = [
        [
            row["respondent_country"] or "All",
            *(_number(row[name], percent) for name in ("personal_culture_rate", "norm_culture_rate")),
            _number(row["norm_personal_gap"], points),
            *(_number(row[name], percent) for name in ("personal_majority_agreement", "norm_majority_agreement")),
            str(row["n_judgments"]),
        ]
        for row in rows
    ]
    header = [
        "Respondents", "Personal culture rate", "Norm culture rate", "Gap (points)", "Majority agreement, personal",
        "Majority agreement, norm", "Judgments",
    ]  # fmt: skip
    table = ShownTable("paper_human_response_summary", "The paper's summary of human answers", header, shown)
    finding = findings.paper(rows, results.facts.get("why_no_paper_tables", ""))
    return Family("paper", "The paper's own tables", finding, [], [], [table] if shown else [], sorted(names), 0, [])


def _family(
    key: str, title: str, finding: str, rows: Sequence[Row], panels: Sequence[Panel], tables: Sequence[ShownTable]
) -> Family:
    missing = [row for row in rows if row["reason"] and row.get("measure") != "majority_agreement_paper"]
    reasons = sorted({row["reason"] for row in missing})
    filled = [panel for panel in panels if panel.figures and any(figure.rows for figure in panel.figures)]
    shown = [table for table in tables if table.rows]
    return Family(key, title, finding, filled[:2], filled[2:], shown, [key] if rows else [], len(missing), reasons)


def _find(rows: Iterable[Row], **wanted: str) -> Row | None:
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)


def _cell(row: Row | None, write: Callable[[float], str]) -> str:
    return write_value(value_of(row), write)


def _number(value: float | None, write: Callable[[float], str]) -> str:
    return NO_ESTIMATE if value is None else write(value)


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
