"""The checklist for responsible research that ACL venues ask for: each question, and where a release answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analysis.release.facts import Facts

FOR_AUTHORS = "for the paper to say"


class Question(NamedTuple):
    """One question of the checklist, in short, and where its answer stands."""

    number: str
    asks: str
    answer: str


def questions(facts: Facts) -> Sequence[Question]:
    """List the questions in the checklist's order; what only authors can answer says so."""
    licence = facts.choices.licence
    models = (
        "`data/…completions…` has each model's name, settings and tokens" if facts.has_models else "no models asked"
    )
    return (
        Question(
            "A1", "Limitations", "`croissant.json`: rai:dataLimitations, rai:dataBiases; `documentation/disclosure.md`"
        ),
        Question("A2", "Risks", "`croissant.json`: rai:dataSocialImpact; `documentation/disclosure.md`"),
        Question(
            "B1",
            "Creators of what is used are cited",
            f"`CITATION.cff` for these data; instrument {facts.study.version}",
        ),
        Question("B2", "Licence", f"`LICENSE`: {licence.full_name}"),
        Question("B3", "Intended use", "`croissant.json`: rai:dataUseCases, rai:dataSocialImpact"),
        Question("B4", "Identifying information and its removal", "`documentation/disclosure.md`"),
        Question(
            "B5",
            "Documentation: languages, domains, people",
            "`README.md`, `documentation/codebook.md`, `materials/methods.md`",
        ),
        Question("B6", "Statistics of the data", "`datapackage.json`: rows of each file; `README.md`"),
        Question("C1", "Size of models and computing", f"{models}; hardware: {FOR_AUTHORS}"),
        Question(
            "C2",
            "Set-up of experiments",
            "`documentation/registration_N.json`, `documentation/deviations.csv`, `documentation/analysis_plan.json`"
            " where declared; `results/analysis.json`: parameters",
        ),
        Question(
            "C3",
            "Descriptive statistics and uncertainty",
            "`results/tables/`, with intervals, where an analysis is released",
        ),
        Question(
            "C4", "Versions of packages", "`results/analysis.json`: facts.libraries; `README.md`: version of PACT Site"
        ),
        Question(
            "D1",
            "Full instructions as shown, with pictures",
            "`materials/pages/`: every page and language as text and as HTML copies",
        ),
        Question("D2", "Recruitment and pay, and whether it is adequate", "`materials/methods.md`, D2"),
        Question("D3", "Consent", "`materials/consent/`; `materials/methods.md`, D3"),
        Question("D4", "Ethics review", "`materials/methods.md`, D4"),
        Question(
            "D5", "Demographics and geography of the people", "`materials/methods.md`, D5; data file `participants`"
        ),
        Question(
            "E1",
            "Use of AI assistants",
            f"`data/…texts…`: status of each text, machine drafts among them; else {FOR_AUTHORS}",
        ),
    )


def checklist(facts: Facts) -> str:
    """Write the list as a table."""
    rows = (f"| {one.number} | {one.asks} | {one.answer} |" for one in questions(facts))
    return "\n".join(
        [
            "# Checklist for responsible research",
            "",
            "The questions of the ACL Rolling Review checklist in short, and where this release answers them.",
            "",
            "| | question | answer |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
