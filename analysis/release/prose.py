"""What people read first: README, CHANGES, CITATION.cff, LICENSE, and how people were made hard to recognise."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.disclosure import Detail
from analysis.release import registered
from analysis.release.changes import changes
from analysis.release.choices import SmallPlaces
from analysis.release.facts import SIMULATED_MARK, Facts
from analysis.release.writing import CHECKSUMS, Folder, Written
from survey.enums import Country, Locale, Status
from survey.flow.counted import counted

LICENCES = Path(__file__).parent / "licences"


def add_prose(folder: Folder, facts: Facts, *, has_analysis: bool) -> None:
    folder.add_text("documentation/disclosure.md", disclosure(facts))
    folder.add_text(
        "CHANGES.md", changes(facts, {file.table.name: file.n_rows for file in folder.tables if file.table})
    )
    folder.add_text("CITATION.cff", citation(facts))
    folder.add_text("LICENSE", licence(facts))
    folder.add_text("README.md", readme(facts, folder.tables, has_analysis=has_analysis))


HOW_TO_USE = [
    f"`sha256sum -c {CHECKSUMS}` checks every file. With PACT Site, and without a database:",
    "",
    "- `manage.py validate_release FOLDER` checks checksums, descriptions, counts and identifiers;",
    "- `manage.py verify_design --input FOLDER` derives the orders of items and options anew;",
    "- `manage.py analyse --input FOLDER --layer methods --out OUT` computes the analysis anew"
    " (`--layer paper`: the paper's tables).",
]


def readme(facts: Facts, files: list[Written], *, has_analysis: bool) -> str:
    choices, version = facts.choices, facts.study.version
    rows = [f"| `{file.path}` | {file.n_rows} | {file.table.title} |" for file in files if file.table]
    return "\n".join(
        [
            f"# {facts.title}",
            "",
            facts.description,
            "",
            f"Release `{facts.release_id}`, {facts.day.isoformat()}. {choices.licence.full_name} (`LICENSE`).",
            choices.url,
            "",
            "## Simulated data",
            "",
            *_simulated(facts),
            "",
            "## How to cite",
            "",
            f"> {facts.citation}",
            "",
            "## What is here",
            "",
            "| file | rows | what |",
            "|---|---|---|",
            *rows,
            "",
            "`documentation/` holds the codebook (every variable and code in each language of the instrument), and",
            "how people were made hard to recognise. `materials/` holds what respondents read, page by page and by",
            "language, the consent texts, recruitment, pay and demographics, and the checklist of ACL venues with the",
            "place of each answer.",
            "`syntax/` reads and labels the files in SPSS, R and Stata."
            + (" `results/` holds one analysis of exactly these data." if has_analysis else ""),
            "",
            "CSV files are UTF-8 without a byte-order mark, RFC 4180, lines end in `\\n`. Missing values are `NA`, in",
            "`paper/` empty cells; the codebook says of each variable what missing means. `wide` follows from `long`.",
            "",
            "## Who is in it",
            "",
            *_who(facts),
            "",
            "## What was registered before",
            "",
            *registered.told(facts.registered),
            "",
            "## Check and use it",
            "",
            *HOW_TO_USE,
            "",
            "## Where it comes from",
            "",
            f"- Study `{facts.study.code}`, instrument {version}, content {version.content_hash}",
            f"- Snapshot of the data: SHA-256 {facts.snapshot_hash}",
            f"- Made by PACT Site {facts.code_version}",
            "",
        ]
    )


def _simulated(facts: Facts) -> list[str]:
    if not facts.choices.includes_simulated:
        return ["None: simulated respondents and models were left out."]
    if not facts.is_simulated:
        return ["None: there were no simulated respondents or models."]
    people = [counted(facts.n_simulated, "respondent")] if facts.n_simulated else []
    who = " and ".join(people + ["some models"] * facts.has_simulated_models)
    verb = "is" if who == "1 respondent" else "are"
    return [
        f"**{SIMULATED_MARK}.** {who[0].upper()}{who[1:]} {verb} simulated. The column `is_simulated` says which;",
        "the files in `paper/` have no such column. Nothing simulated says anything about people or real models.",
    ]


def _who(facts: Facts) -> list[str]:
    taken = "finished" if facts.choices.sessions.value == "complete" else "answered at least one question"
    lines = [
        f"{facts.n_people} people who consented and {taken}. Whoever withdrew is in no file. All sessions of the study",
        "by how far they came: "
        + ", ".join(
            f"{n} {Status(name).label.lower()}" for name, n in facts.statuses.items() if name != Status.WITHDREW
        )
        + ".",
    ]
    if facts.n_left_out:
        lines.append(f"{facts.n_left_out} people were left out as too few shared their country and language.")
    return lines


def disclosure(facts: Facts) -> str:
    """Say what was done so that nobody is recognised, by which rule, and what remains possible."""
    decided, k = facts.disclosure, facts.choices.k
    rows = [
        f"| {Country(place.country).label} | {Locale(place.locale).value} | {place.n} |"
        f" {' | '.join(_count(place.n_by_detail[detail], k) for detail in Detail)} | {place.smallest} |"
        for place in decided.places
    ]
    small = "left out" if facts.choices.small_places == SmallPlaces.LEAVE_OUT else "a reason to refuse the release"
    return "\n".join(
        [
            "# How people were made hard to recognise",
            "",
            "Respondents carry ids drawn for this release alone. Names, panel identifiers, addresses, browsers,"
            " session addresses, times of day and free text are in no file; neither are the way of recruitment, the",
            "fluency and the country of residence of single respondents. Ages are bands.",
            "",
            "People are known by country, language, age and gender. Each combination that is published is shared by at",
            f"least k = {k} people. The rule, in each country and language by itself:",
            "",
            f"1. A country and language with fewer than {k} people is {small}.",
            f"2. People whose age group and gender fewer than {k} share are published without age and gender.",
            f"3. Where these are fewer than {k}, the smallest of the other groups joins them, until they are {k}.",
            f"4. Age bands are published in an age group and gender only if each band there has {k} people.",
            "",
            f"| country | language | people | {' | '.join(Detail)} | smallest class |",
            f"|---|---|---|{'---|' * len(Detail)}---|",
            *rows,
            "",
            "Simulated respondents are no people: they neither count nor are covered.",
            "",
            "What remains: whoever knows a person's answers from elsewhere may find them again, and the same answers"
            " can be found in another release of the study, though the ids differ. Do not try to.",
            "",
        ]
    )


def _count(n: int, k: int) -> str:
    return str(n) if n == 0 or n >= k else f"fewer than {k}"


def citation(facts: Facts) -> str:
    """Write CITATION.cff 1.2.0; JSON strings are YAML strings."""
    choices = facts.choices
    lines = [
        "cff-version: 1.2.0",
        "type: dataset",
        f"message: {json.dumps('If you use these data, please cite them as below.')}",
        f"title: {json.dumps(facts.title, ensure_ascii=False)}",
        f"version: {json.dumps(facts.number)}",
        f"date-released: {facts.day.isoformat()}",
        f"license: {choices.licence.value}",
        f"url: {json.dumps(choices.url)}",
        *([f"doi: {json.dumps(choices.doi)}"] if choices.doi else []),
        "authors:",
    ]
    for author in choices.authors:
        if author.given:
            lines.append(f"  - family-names: {json.dumps(author.family, ensure_ascii=False)}")
            lines.append(f"    given-names: {json.dumps(author.given, ensure_ascii=False)}")
        else:
            lines.append(f"  - name: {json.dumps(author.family, ensure_ascii=False)}")
        if author.orcid:
            lines.append(f"    orcid: {json.dumps(f'https://orcid.org/{author.orcid}')}")
    return "\n".join([*lines, ""])


def licence(facts: Facts) -> str:
    chosen = facts.choices.licence
    return (
        f"SPDX-License-Identifier: {chosen.value}\n\n{facts.title}\n"
        f"© {facts.day.year} {', '.join(author.name for author in facts.choices.authors)}\n\n"
        f"These data and materials are made available under {chosen.full_name} ({chosen.url}).\n\n---\n\n"
        f"{(LICENCES / f'{chosen.value}.txt').read_text(encoding='utf-8')}"
    )
