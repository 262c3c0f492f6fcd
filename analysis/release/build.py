"""Make a release: everything read as of one moment, written into a folder, sealed by checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Any

from analysis.blinding import is_hidden
from analysis.disclosure import Detail, Disclosure, Disguise, decide
from analysis.extract import Selection, read_snapshot_hash, snapshot, stream_csv
from analysis.models import AnalysisRun, Release
from analysis.release.choices import Choices, SmallPlaces
from analysis.release.codebook import add_codebook
from analysis.release.croissant import add_croissant
from analysis.release.descriptors import add_descriptors
from analysis.release.facts import Earlier, Facts
from analysis.release.labels import COUNTRY_CODES, Labels
from analysis.release.methods import add_methods
from analysis.release.people import People, count_people, count_statuses
from analysis.release.prose import add_prose
from analysis.release.registered import add_registered, read_registered
from analysis.release.results import add_results, why_unfit, withheld_cells
from analysis.release.syntax import add_syntax
from analysis.release.tables import DATA_TABLES, PAPER, RELEASED_PLAN, path_of
from analysis.release.writing import Folder
from survey.enums import PanelName, StudyState
from survey.instruments.plan import PLAN_KEY
from survey.llm.models import Completion
from survey.models import Study

OnStep = Callable[[str], None]


class ReleaseRefused(ValueError):
    """The data or the choices do not allow this release; the message says why."""


@dataclass(frozen=True)
class Built:
    """What came out: the checksum of all checksums, what it was made from, and what is to be told of it."""

    checksum: str
    snapshot_hash: str
    report: dict[str, Any]


def build(release: Release, root: Path, on_step: OnStep) -> Built:
    """Write the files of a release into an empty folder; `ReleaseRefused` or `FormulaCell` say why not."""
    choices = Choices.from_json(release.choices)
    study = Study.objects.select_related("version__instrument").get(pk=release.study_id)
    with snapshot():
        on_step("Hashing the data")
        snapshot_hash = read_snapshot_hash(study)
        if release.snapshot_hash and release.snapshot_hash != snapshot_hash:
            raise ReleaseRefused(f"the data have changed since {release} was made: give the new release a new number")
        on_step("Counting whom the data show")
        key = hashlib.sha256(f"release\0{release.secret}".encode()).digest()
        people = count_people(study, Disguise(key, choices.sessions.statuses))
        refuse_hidden(study, people)
        disclosure = decide(people.by_traits, choices.k)
        refuse_small(disclosure, choices, people)
        disguise = Disguise(key, choices.sessions.statuses, disclosure.rules, tuple(disclosure.too_small))
        facts = gather(release, study, choices, snapshot_hash, people, disclosure)
        run = find_run(study, choices, facts)
        folder = Folder(root)
        _write(folder, facts, people, disguise, run, on_step)
    return Built(folder.seal(), snapshot_hash, report_of(folder, facts))


def refuse_hidden(study: Study, people: People) -> None:
    """Nothing of what people answered leaves the site before the study shows it to its own researchers."""
    if people.n and not study.unblinded_at:
        raise ReleaseRefused("the outcomes of this study are hidden: unblind it on its Results page first")


def refuse_small(disclosure: Disclosure, choices: Choices, people: People) -> None:
    if disclosure.too_small and choices.small_places == SmallPlaces.REFUSE:
        named = "; ".join(f"{country} in {locale}: {n}" for (country, locale), n in disclosure.too_small.items())
        raise ReleaseRefused(
            f"fewer than {choices.k} people share their country and language ({named}): "
            "wait for more, or have these people left out"
        )
    n_simulated = people.n_simulated if choices.includes_simulated else 0
    if not disclosure.places and not n_simulated:
        raise ReleaseRefused(
            "there is nobody to release"
            + (": all respondents are simulated, and these are left out" if people.n_simulated else "")
        )


def gather(
    release: Release, study: Study, choices: Choices, snapshot_hash: str, people: People, disclosure: Disclosure
) -> Facts:
    """Gather what the texts and descriptors say."""
    arms = list(study.arms.order_by("country"))
    completions = Completion.objects.filter(cell__run__study=study)
    is_simulated_model = completions.filter(is_simulated=True).exists()
    n_left_out = sum(disclosure.too_small.values())
    earlier = Release.objects.filter(study=study, state=Release.State.DONE, pk__lt=release.pk).order_by("-pk")
    return Facts(
        study=study,
        number=release.number,
        day=day_of(release),
        choices=choices,
        code_version=release.code_version,
        snapshot_hash=snapshot_hash,
        disclosure=disclosure,
        n_people=people.n - n_left_out,
        n_simulated=people.n_simulated if choices.includes_simulated else 0,
        n_left_out=n_left_out,
        statuses=count_statuses(study, include_simulated=choices.includes_simulated),
        locales=sorted({locale for arm in arms for locale in arm.locales}),
        countries=[arm.country for arm in arms],
        panels=sorted({str(PanelName(arm.panel).label) for arm in arms}),
        has_models=completions.exists()
        if choices.includes_simulated
        else completions.filter(is_simulated=False).exists(),
        has_simulated_models=is_simulated_model and choices.includes_simulated,
        earlier=[
            Earlier(
                one.number,
                one.created_at.date(),
                one.choices.get("notes", ""),
                one.snapshot_hash,
                one.choices,
                one.report,
            )
            for one in earlier
        ],
        registered=read_registered(study, release.created_at),
    )


def day_of(release: Release) -> date:
    """Give the day of a release in UTC, whatever the time zone of the connection that read it."""
    return release.created_at.astimezone(UTC).date()


def find_run(study: Study, choices: Choices, facts: Facts) -> AnalysisRun | None:
    """Find the analysis that was chosen; `ReleaseRefused` if it does not belong to these data."""
    if choices.analysis is None:
        return None
    run = AnalysisRun.objects.filter(study=study, pk=choices.analysis).first()
    if run is None:
        raise ReleaseRefused(f"there is no analysis {choices.analysis} of this study")
    if is_hidden(run):
        raise ReleaseRefused(f"analysis {run.pk} holds outcomes that this study does not show yet")
    if reason := why_unfit(run, choices, facts.snapshot_hash, facts.n_left_out):
        raise ReleaseRefused(f"analysis {run.pk} does not go with this release: {reason}")
    return run


def _write(
    folder: Folder, facts: Facts, people: People, disguise: Disguise, run: AnalysisRun | None, on_step: OnStep
) -> None:
    selection = Selection(include_simulated=facts.choices.includes_simulated, disguise=disguise)
    tables = (*DATA_TABLES, *PAPER)
    for number, table in enumerate(tables, start=1):
        on_step(f"Writing {table.name} ({number} of {len(tables)})")
        file = folder.add_table(path_of(facts.study.code, table), table, stream_csv(table, facts.study, selection))
        if table in PAPER and not file.n_rows:
            folder.drop(file)  # the paper's scripts take a header alone for a mistake
    on_step("Writing codebook, syntax and materials")
    add_registered(folder, facts.registered)
    labels = Labels(facts.study.version)
    add_codebook(folder, {file.path: file.table for file in folder.tables if file.table}, labels)
    add_syntax(folder, folder.tables, labels)
    add_methods(folder, facts, people)
    if plan := facts.study.version.structure.get(PLAN_KEY):
        folder.add_json(RELEASED_PLAN, plan)
    if run is not None:
        on_step("Writing the analysis")
        buckets = facts.study.version.structure["age_buckets"]
        add_results(folder, run, withheld_cells(facts.disclosure, buckets), COUNTRY_CODES)
    on_step("Describing the files")
    add_descriptors(folder, facts)
    add_croissant(folder, facts)
    add_prose(folder, facts, has_analysis=run is not None)


def report_of(folder: Folder, facts: Facts) -> dict[str, Any]:
    """Tell what is in the release and how people were covered."""
    return {
        "n_files": len(folder.files) + 1,
        "n_bytes": sum(file.n_bytes for file in folder.files.values()),
        "n_rows": {file.table.name: file.n_rows for file in folder.tables if file.table},
        "n_people": facts.n_people,
        "n_simulated": facts.n_simulated,
        "n_left_out": facts.n_left_out,
        "n_withheld": facts.disclosure.n_withheld,
        "places": [
            {**place._asdict(), "n_by_detail": {str(detail): place.n_by_detail[detail] for detail in Detail}}
            for place in facts.disclosure.places
        ],
        "is_live": facts.study.state != StudyState.CLOSED,
    }


def told(report: dict[str, Any]) -> Sequence[str]:
    """Say a report in lines, for a terminal."""
    lines = [f"{report['n_people']} people, {report['n_simulated']} simulated, {report['n_left_out']} left out"]
    lines += [
        f"{place['country']} {place['locale']}: {place['n']} people, "
        + ", ".join(f"{n} with {detail}" for detail, n in place["n_by_detail"].items() if n)
        + f"; smallest class {place['smallest']}"
        for place in report["places"]
    ]
    if report["is_live"]:
        lines.append("the study is not closed: who answers from now on is in no file of this release")
    return lines
