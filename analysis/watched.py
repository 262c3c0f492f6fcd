"""Which sessions a watcher asks for: by country, locale, day of arrival, real people or all. The address holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Q

from survey.enums import Country, Locale


class Watched(NamedTuple):
    """A choice of sessions; what is empty does not narrow it."""

    country: str = ""
    locale: str = ""
    since: date | None = None
    until: date | None = None
    is_real_only: bool = False

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Watched:
        """Read a choice from an address; what is not known there is not asked for."""
        country, locale = data.get("country", ""), data.get("locale", "")
        return cls(
            country if country in Country.values else "",
            locale if locale in Locale.values else "",
            read_day(data.get("from", "")),
            read_day(data.get("to", "")),
            data.get("data") == "real",
        )

    @property
    def query(self) -> str:
        """Write the choice as the end of an address: empty, or from the question mark on."""
        parts = {
            "country": self.country,
            "locale": self.locale,
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
            "data": "real" if self.is_real_only else "",
        }
        said = urlencode({name: part for name, part in parts.items() if part})
        return f"?{said}" if said else ""

    @property
    def words(self) -> str:
        """Say the choice; empty where it takes everybody."""
        parts = [
            Country(self.country).label if self.country else "",
            self.locale,
            f"from {self.since}" if self.since else "",
            f"to {self.until}" if self.until else "",
            "real people only" if self.is_real_only else "",
        ]
        return ", ".join(part for part in parts if part)

    def condition(self, path: str = "") -> Q:
        """Give the condition on sessions, or on what leads to one by ``path``."""
        wanted: dict[str, Any] = {}
        if self.country:
            wanted["arm__country"] = self.country
        if self.locale:
            wanted["locale"] = self.locale
        if self.since:
            wanted["landed_at__date__gte"] = self.since
        if self.until:
            wanted["landed_at__date__lte"] = self.until
        if self.is_real_only:
            wanted["participant__is_simulated"] = False
        return Q(**{f"{path}{name}": value for name, value in wanted.items()})


EVERYBODY = Watched()


def read_day(text: str) -> date | None:
    """Read a day such as 2026-11-28; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
