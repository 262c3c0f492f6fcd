"""A design put to chosen models and items, before anything is stored: its checks, its manifest, its cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from survey.enums import Country, Locale, Status, TextStatus
from survey.flow.wording import word_item
from survey.llm.design import Design, Factors, ItemFacts, Languages, Shown, alignment, yoke
from survey.llm.enums import PersonaSetting, RunKind
from survey.llm.models import Cell, ModelSpec
from survey.llm.parsing import PARSER_VERSION
from survey.llm.prompts import Persona, lacking_words, prompt_texts
from survey.llm.queries import current_findings, shown_pages
from survey.llm.requests import canonical_json
from survey.llm.validity import Target, cautions, refusals
from survey.models import Item, Study, Text
from survey.queries import text_catalogue, version_structure

SPEC_FIELDS = ("tag", "provider", "base_url", "model", "family", "stage", "prompt_format", "parameters")


@dataclass(frozen=True)
class ItemChoice:
    """Which items of a version are asked; what is empty does not restrict."""

    countries: Sequence[str] = ()
    themes: Sequence[str] = ()
    is_core_only: bool = False
    codes: Sequence[str] = ()
    limit: int | None = None

    def take(self, study: Study) -> list[Item]:
        """Give the items; `ValueError` names codes that the version does not have."""
        found = study.version.items.order_by("code")
        if self.codes:
            known = set(found.values_list("code", flat=True))
            if missing := sorted(set(self.codes) - known):
                raise ValueError(f"The study's instrument has no item {', '.join(missing)}.")
            found = found.filter(code__in=self.codes)
        if self.countries:
            found = found.filter(scenario_country__in=self.countries)
        if self.themes:
            found = found.filter(theme__in=self.themes)
        if self.is_core_only:
            found = found.filter(is_core=True)
        return list(found[: self.limit])


@dataclass(frozen=True)
class Experiment:
    """What one run would ask of whom. Made anew for preview and start; the same choice gives the same manifest."""

    study: Study
    design: Design
    specs: Sequence[ModelSpec]
    items: Sequence[Item]
    n_sessions: int | None = None  # yoked: only the first ones

    @cached_property
    def languages(self) -> Languages:
        """Give the locales of the study's instrument; those of a country are the ones that its people are offered."""
        structure = version_structure(self.study.version_id)
        arms = structure.get("arms", {})
        return Languages(
            source=structure.get("source_locale", Locale.EN_US.value),
            by_country={country: arm["locales"] for country, arm in arms.items()},
        )

    @cached_property
    def facts(self) -> list[ItemFacts]:
        return [ItemFacts(item.pk, item.scenario_country) for item in self.items]

    @cached_property
    def targets(self) -> list[Target]:
        findings = current_findings(self.specs)
        return [
            Target(spec.tag, spec.prompt_format, spec.stage, spec.is_simulated, findings.get(spec.pk))
            for spec in self.specs
        ]

    @cached_property
    def shown(self) -> list[Shown]:
        """Give the pages that a yoked run replays."""
        if self.design.kind != RunKind.YOKED:
            return []
        chosen = {item.pk for item in self.items}
        pages = shown_pages(self.study, status=Status.COMPLETE, n_sessions=self.n_sessions)
        return [page for page in pages if page.item_id in chosen and page.question in self.design.questions]

    def check(self) -> None:
        """Refuse what cannot be asked; the `ValueError` says why, one sentence a reason."""
        found = list(refusals(self.design, self.targets, self.facts, self.languages))
        if not found and self.design.kind == RunKind.YOKED and not self.shown:
            found.append("No complete session has been shown these items: there is nothing to replay.")
        found = found or self._unworded()
        if found:
            raise ValueError(" ".join(found))

    def warnings(self) -> list[str]:
        """Give what should be known before the start."""
        found = [*cautions(self.design, self.targets, self.facts, self.languages, self.locales), *self._draft_texts()]
        return list(dict.fromkeys(found))

    def _draft_texts(self) -> list[str]:
        """Name the languages in which nobody answers for the items' texts yet."""
        drafts = Text.objects.filter(
            version=self.study.version_id,
            locale__in=self.locales,
            key__startswith="items.",
            status=TextStatus.MACHINE_DRAFT,
        )
        locales = sorted(drafts.order_by().values_list("locale", flat=True).distinct())
        return [f"Texts of items are machine drafts in {', '.join(locales)}."] if locales else []

    @cached_property
    def factors(self) -> list[Factors]:
        """Give the cells that every model gets, in the order in which they are asked."""
        if self.design.kind == RunKind.YOKED:
            return yoke(self.design, self.shown)
        return self.design.cross(self.facts, self.languages, self.manifest["shuffle_seed"])

    @cached_property
    def n_cells(self) -> int:
        """Count the cells of all models."""
        if self.design.kind == RunKind.YOKED:
            return len(self.factors) * len(self.specs)
        return self.design.n_cells(self.facts, self.languages) * len(self.specs)

    @cached_property
    def locales(self) -> list[str]:
        """Give every locale that is asked in."""
        if self.design.kind == RunKind.YOKED:
            return sorted({page.locale for page in self.shown})
        return sorted({locale for _, _, locale in self.design.contexts(self.facts, self.languages)})

    def _unworded(self) -> list[str]:
        for item in self.items:
            if item.version_id != self.study.version_id:
                return [f"Item {item.code} belongs to another version than the study."]
        people = [country for item in self.items for country in (item.actor_country, item.receiver_country)]
        people += [persona.country for persona in self.design.personas if persona]
        for locale in self.locales:
            if lacking := lacking_words(locale, people):
                return [lacking]
            texts = text_catalogue(self.study.version_id, locale)
            for item in self.items:
                try:
                    word_item(texts, item.code)
                except KeyError as error:
                    return [f"The instrument has no {locale} text {error}."]
        return []

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """Freeze what is asked, of whom and how, so that it can be told and done again."""
        version = self.study.version
        frozen = {
            "study": self.study.code,
            "instrument": str(version),
            "content_hash": version.content_hash,
            **_design_json(self.design),
            "languages": asdict(self.languages),
            "prompts": {locale: _prompt_json(locale) for locale in self.locales},
            "parser_version": PARSER_VERSION,
            "items": [item.code for item in self.items],
            "sessions": sorted({page.session_id for page in self.shown}),
            "specs": [{name: getattr(spec, name) for name in SPEC_FIELDS} for spec in self.specs],
        }
        return {**frozen, "shuffle_seed": int(hashlib.sha256(canonical_json(frozen)).hexdigest()[:8], 16)}

    @property
    def manifest_hash(self) -> str:
        """Hash (SHA-256, hex) the manifest as canonical JSON."""
        return hashlib.sha256(canonical_json(self.manifest)).hexdigest()


def alignment_experiment(
    study: Study,
    specs: Sequence[ModelSpec],
    persona: Sequence[PersonaSetting],
    items: Iterable[Item] | None = None,
    limit: int | None = None,
) -> Experiment:
    """Put the ready alignment design to models: of a study's items all, the chosen ones or the first ones."""
    countries = [Country(arm.country) for arm in study.arms.order_by("country")]
    chosen = list(study.version.items.order_by("code") if items is None else items)[:limit]
    return Experiment(study, alignment(countries, persona), specs, chosen)


def _design_json(design: Design) -> dict[str, Any]:
    """Write a design as JSON knows it; a persona as its three parts."""
    personas = [list(map(str, persona)) if persona else None for persona in design.personas]
    levels = {name: _plain(value) for name, value in asdict(replace(design, personas=())).items()}
    return {**levels, "personas": personas}


def _plain(value: Any) -> Any:
    """Give the words of a vocabulary as plain texts."""
    if isinstance(value, str):
        return str(value)
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _prompt_json(locale: str) -> dict[str, str]:
    texts = prompt_texts(locale)
    return {"version": texts.version, "status": texts.status, "content_hash": texts.content_hash}


def cell_of(spec: ModelSpec, item: Item, factors: Factors) -> Cell:
    """Give a cell that is not stored, to see what it would ask."""
    persona = factors.persona or Persona()
    return Cell(
        spec=spec,
        item=item,
        question=factors.question,
        persona_country=persona.country,
        persona_age=persona.age,
        persona_gender=persona.gender,
        locale=factors.locale,
        option_order=factors.order,
        condition=factors.condition,
        paraphrase=factors.paraphrase,
        preference_config=factors.preference_config,
        demographic_config=factors.demographic_config,
        method=factors.method,
        repeat=factors.repeat,
        session_id=factors.session_id,
        position=factors.position,
    )
