"""What is chosen about a release. Light: the web process imports it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

from analysis.disclosure import DEFAULT_K
from survey.enums import Status

NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")
AUTHOR = re.compile(r"(?P<name>[^<>]+?)\s*(?:<(?P<orcid>[^<>]*)>)?\s*")
DOI = re.compile(r"10\.\d{4,9}/\S+")
URL = re.compile(r"https?://[^\s<>\"]+")


class Licence(StrEnum):
    """Licences by their SPDX names."""

    CC_BY = "CC-BY-4.0"
    CC_BY_SA = "CC-BY-SA-4.0"
    CC_BY_NC = "CC-BY-NC-4.0"
    CC0 = "CC0-1.0"

    @property
    def full_name(self) -> str:
        return LICENCES[self][0]

    @property
    def url(self) -> str:
        return LICENCES[self][1]


LICENCES = {
    Licence.CC_BY: ("Creative Commons Attribution 4.0 International", "https://creativecommons.org/licenses/by/4.0/"),
    Licence.CC_BY_SA: (
        "Creative Commons Attribution-ShareAlike 4.0 International",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ),
    Licence.CC_BY_NC: (
        "Creative Commons Attribution-NonCommercial 4.0 International",
        "https://creativecommons.org/licenses/by-nc/4.0/",
    ),
    Licence.CC0: ("CC0 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/"),
}


class Simulated(StrEnum):
    """What becomes of simulated respondents and models."""

    LEAVE_OUT = "leave out"
    LABEL = "label"


class Sessions(StrEnum):
    """Whose answers are released, of those who consented and answered something."""

    COMPLETE = "complete"
    ANSWERED = "answered"

    @property
    def statuses(self) -> tuple[str, ...]:
        return (Status.COMPLETE.value,) if self == Sessions.COMPLETE else (Status.COMPLETE.value, Status.ACTIVE.value)


class SmallPlaces(StrEnum):
    """What to do about a country and language with fewer than k people."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave out"


class Author(NamedTuple):
    """Who made the data: a person (family name, given names) or, without given names, a body."""

    family: str
    given: str = ""
    orcid: str = ""

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()

    @property
    def as_written(self) -> str:
        """The author in the form that `read_author` reads."""
        name = f"{self.family}, {self.given}" if self.given else self.family
        return f"{name} <{self.orcid}>" if self.orcid else name


@dataclass(frozen=True)
class Choices:
    """The choices of one release; the same ones on the same data give the same bytes."""

    authors: tuple[Author, ...]
    url: str
    title: str = ""
    doi: str = ""
    licence: Licence = Licence.CC_BY
    simulated: Simulated = Simulated.LEAVE_OUT
    sessions: Sessions = Sessions.COMPLETE
    small_places: SmallPlaces = SmallPlaces.REFUSE
    k: int = DEFAULT_K
    analysis: int | None = None
    ethics: str = ""
    notes: str = ""

    @property
    def includes_simulated(self) -> bool:
        return self.simulated == Simulated.LABEL

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Choices:
        """Read choices from plain values; `ValueError` names what does not do."""
        authors = tuple(read_author(line) for line in data.get("authors", ()) if line.strip())
        if not authors:
            raise ValueError("name at least one author")
        doi, url = data.get("doi", "").strip(), data.get("url", "").strip()
        if doi and not DOI.fullmatch(doi):
            raise ValueError(f"{doi!r} is not a DOI such as 10.5281/zenodo.1234567")
        url = url or (f"https://doi.org/{doi}" if doi else "")
        if not URL.fullmatch(url):
            raise ValueError("give the address (or DOI) under which the data will stand: it is frozen into the files")
        k = int(data.get("k") or DEFAULT_K)
        if k < 2:
            raise ValueError("k is at least 2: below that nobody is covered by anybody")
        analysis = data.get("analysis")
        return cls(
            authors=authors,
            url=url,
            title=one_line(data.get("title", "")),
            doi=doi,
            licence=Licence(data.get("licence") or Licence.CC_BY),
            simulated=Simulated(data.get("simulated") or Simulated.LEAVE_OUT),
            sessions=Sessions(data.get("sessions") or Sessions.COMPLETE),
            small_places=SmallPlaces(data.get("small_places") or SmallPlaces.REFUSE),
            k=k,
            analysis=int(analysis) if analysis else None,
            ethics=one_line(data.get("ethics", "")),
            notes=one_line(data.get("notes", "")),
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Choices:
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        typed = {
            "authors": tuple(Author(*author) for author in stored["authors"]),
            "licence": Licence(stored["licence"]),
            "simulated": Simulated(stored["simulated"]),
            "sessions": Sessions(stored["sessions"]),
            "small_places": SmallPlaces(stored["small_places"]),
        }
        return cls(**{**values, **typed})

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "authors": [list(author) for author in self.authors]}


def read_number(text: str) -> str:
    """Read a release's number; `ValueError` unless it is three numbers with dots."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number such as 1.0.0")
    return text


def read_author(text: str) -> Author:
    """Read ``Family, Given <0000-0000-0000-0000>``; without a comma it is a body; the ORCID may be left out."""
    found = AUTHOR.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not an author such as: Curie, Marie <0000-0000-0000-0000>")
    orcid = found["orcid"] or ""
    if orcid and not ORCID.fullmatch(orcid):
        raise ValueError(f"{orcid!r} is not an ORCID such as 0000-0000-0000-0000")
    family, _, given = (one_line(part) for part in found["name"].partition(","))
    if not family:
        raise ValueError(f"{text!r} has no family name")
    return Author(family, given, orcid)


def one_line(text: str) -> str:
    return " ".join(text.split())
