"""Whether everybody is covered by enough others, and whether what is simulated says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analysis.release.facts import SIMULATED_MARK
from analysis.release.validation.findings import Finding, Opened

CHECK = "people"
RECOGNISED_BY = ("respondent_country", "locale", "age_band", "age_bucket", "gender")
LEFT_OUT = "leave out"


def check_people(opened: Opened) -> Iterator[Finding]:
    """Count people who are alike, and what is simulated."""
    k = opened.facts.get("k")
    if not isinstance(k, int) or k < 2:
        yield Finding(CHECK, "datapackage.json", "does not say how many people cover each other (release.k)")
        return
    if not opened.has("participants"):
        yield Finding(CHECK, "participants", "is missing")
        return
    alike: Counter[tuple[str, ...]] = Counter()
    n_simulated = 0
    for row in opened.rows("participants"):
        if row.get("is_simulated") == "true":
            n_simulated += 1
        else:
            alike[tuple(row.get(name, "") for name in RECOGNISED_BY)] += 1
    for traits, n in sorted(alike.items()):
        if n < k:
            yield Finding(CHECK, ", ".join(traits), f"{n} people, where {k} are to cover each other")
    for name, found in (("n_people", sum(alike.values())), ("n_simulated", n_simulated)):
        if opened.facts.get(name) != found:
            yield Finding(CHECK, "datapackage.json", f"{name} is {opened.facts.get(name)}, counted are {found}")
    yield from _check_simulated(opened)


def _check_simulated(opened: Opened) -> Iterator[Finding]:
    has_simulated = False
    for name in opened.resources:
        names = [field.get("name") for field in opened.fields(name)]
        if "is_simulated" in names and opened.has(name):
            n = sum(row.get("is_simulated") == "true" for row in opened.rows(name))
            has_simulated = has_simulated or bool(n)
            if n and opened.facts.get("simulated") == LEFT_OUT:
                yield Finding(CHECK, name, f"{n} simulated rows, which the release leaves out")
    if has_simulated:
        readme = opened.root / "README.md"
        texts = {
            "README.md": readme.read_text(encoding="utf-8") if readme.is_file() else "",
            "dataset_description.json": str(opened.psych_ds.get("name", "")),
            "datapackage.json": str(opened.package.get("title", "")),
            "croissant.json": str(opened.croissant.get("description", "")),
        }
        yield from (
            Finding(CHECK, name, "does not say that it holds simulated data")
            for name, text in texts.items()
            if SIMULATED_MARK not in text
        )
