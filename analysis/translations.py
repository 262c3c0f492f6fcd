"""How far the texts of a study have come, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet

from analysis.word_diff import Piece, word_diff
from survey.enums import Locale, TextStatus
from survey.models import Study, Text


class LocaleStand(NamedTuple):
    """How many texts of a locale are in each status, and how many of all are stale."""

    locale: str
    by_status: Sequence[int]
    n_stale: int
    n_ready: int  # as far as the study asks for, and not stale

    @property
    def n(self) -> int:
        return sum(self.by_status)

    @property
    def n_drafts(self) -> int:
        return self.by_status[0]

    @property
    def name(self) -> str:
        return str(Locale(self.locale).label)


class Line(NamedTuple):
    """One text beside its source."""

    text: Text
    source: str


class Variant(NamedTuple):
    locale: str
    pieces: Sequence[Piece]


class Difference(NamedTuple):
    """A source text, and the variants of its language that differ from it."""

    key: str
    source: str
    variants: Sequence[Variant]


class Filters(NamedTuple):
    """What a reader of the list asked for; what is not known is not asked."""

    status: str = ""
    stale: bool = False
    part: str = ""
    search: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Filters:
        status = data.get("status", "")
        return cls(
            status if status in TextStatus.values else "",
            data.get("stale") == "1",
            data.get("part", "").strip()[:100],
            data.get("search", "").strip()[:200],
        )


def stands(study: Study, good: Sequence[str]) -> list[LocaleStand]:
    """Count the texts by locale, status and staleness; one query."""
    rows = Text.objects.filter(version=study.version_id).values_list("locale", "status", "staleness")
    counts: dict[str, dict[tuple[str, bool], int]] = defaultdict(lambda: defaultdict(int))
    for locale, status, staleness, n in rows.annotate(n=Count("pk")).order_by("locale"):
        counts[locale][status, bool(staleness)] += n
    return [
        LocaleStand(
            locale,
            [by[status, False] + by[status, True] for status in TextStatus.values],
            sum(n for (_, is_stale), n in by.items() if is_stale),
            sum(n for (status, is_stale), n in by.items() if status in good and not is_stale),
        )
        for locale, by in counts.items()
    ]


def find_texts(study: Study, locale: str, filters: Filters) -> QuerySet[Text]:
    """Find the texts of a locale that a reader asked for."""
    texts = Text.objects.filter(version=study.version_id, locale=locale).order_by("key")
    if filters.status:
        texts = texts.filter(status=filters.status)
    if filters.stale:
        texts = texts.exclude(staleness="")
    if filters.part:
        texts = texts.filter(Q(key__startswith=filters.part) | Q(key__startswith=f"items.{filters.part}"))
    if filters.search:
        texts = texts.filter(body__icontains=filters.search)
    return texts


def beside_source(study: Study, texts: Sequence[Text]) -> list[Line]:
    """Put the source beside each text; one query."""
    source_locale = study.version.structure["source_locale"]
    keys = [text.key for text in texts]
    sources = Text.objects.filter(version=study.version_id, locale=source_locale, key__in=keys)
    bodies = dict(sources.values_list("key", "body"))
    return [Line(text, bodies.get(text.key, "")) for text in texts]


def differing_keys(study: Study) -> QuerySet[Text, str]:
    """List the keys whose texts are not the same in all variants of the source's language."""
    language = study.version.structure["source_locale"].partition("-")[0]
    texts = Text.objects.filter(version=study.version_id, locale__startswith=f"{language}-")
    several = texts.values("key").annotate(n=Count("body", distinct=True)).filter(n__gt=1)
    return several.order_by("key").values_list("key", flat=True)


def differences(study: Study, keys: Sequence[str]) -> list[Difference]:
    """Say how the variants differ from the source, word by word; one query."""
    source_locale = study.version.structure["source_locale"]
    language = source_locale.partition("-")[0]
    texts = Text.objects.filter(version=study.version_id, locale__startswith=f"{language}-", key__in=keys)
    bodies: dict[str, dict[str, str]] = defaultdict(dict)
    for key, locale, body in texts.values_list("key", "locale", "body").order_by("locale"):
        bodies[key][locale] = body
    return [difference(key, bodies[key], source_locale) for key in keys]


def difference(key: str, bodies: Mapping[str, str], source_locale: str) -> Difference:
    source = bodies.get(source_locale, "")
    others = [(locale, body) for locale, body in bodies.items() if body != source]
    return Difference(key, source, [Variant(locale, word_diff(source, body)) for locale, body in others])
