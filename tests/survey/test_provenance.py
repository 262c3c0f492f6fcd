"""Who answers for a text, when that no longer holds, and what keeps a study from opening with drafts."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from survey import queries
from survey.domain.instruments import load_instrument
from survey.domain.studies import NotReady, create_study, launch_study
from survey.domain.translations import NothingToOverride, TextFault, open_text_faults, override_texts, text_faults
from survey.enums import Locale, Page, PanelName, Staleness, StudyState, TextStatus
from survey.flow.provenance import Provenance, find_staleness, hash_text, statuses_from
from survey.flow.wording import ITEM_FIELDS
from survey.instruments.loader import read_instrument
from survey.instruments.provenance import warnings
from survey.instruments.schema import PAGE_KEYS
from survey.instruments.visible import ItemPlace, visible_items, visible_page_keys
from survey.models import InstrumentVersion, Study, Text, TextOverride
from survey.pages import base
from survey.queries import text_catalogue
from survey.views import leaving, participant, skeletons
from tests.factories import SHIPPED_DEFINITION, make_session, make_study, make_version
from tests.survey.files import edit, problems
from tests.survey.test_flow_pages import Walker

HEADER = "key,status,source_hash,text_hash,translator,reviewer,adjudicator,note"
ENGLISH, HINDI = (SHIPPED_DEFINITION.texts[locale].entries for locale in ("en-US", "hi-IN"))
TITLE_HASHES = f"{hash_text(ENGLISH['title'].body)},{hash_text(HINDI['title'].body)}"


def record(folder: Path, *rows: str, locale: str = "hi-IN") -> None:
    (folder / f"provenance/{locale}.csv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")


def warned(folder: Path) -> list[str]:
    return [str(problem) for problem in warnings(read_instrument(folder))]


# --- pure --------------------------------------------------------------------------------------
def test_statuses_are_as_good_as_those_before_them() -> None:
    assert statuses_from("pretested") == [TextStatus.PRETESTED, TextStatus.FROZEN]
    assert statuses_from("machine draft") == list(TextStatus)


@pytest.mark.parametrize(
    ("status", "provenance", "source", "expected"),
    [
        ("machine draft", Provenance(), "Hello", None),  # nothing is known
        ("machine draft", Provenance(hash_text("Hello")), "Hello", None),
        ("machine draft", Provenance(hash_text("Hi")), "Hello", Staleness.SOURCE),
        ("frozen", Provenance(hash_text("Hi"), hash_text("Oi")), "Hello", Staleness.SOURCE),
        ("reviewed", Provenance(hash_text("Hello"), hash_text("Olá")), "Hello", Staleness.TEXT),
        ("machine draft", Provenance(hash_text("Hello"), hash_text("Olá")), "Hello", None),  # a draft may be mended
        ("reviewed", Provenance(hash_text("Hello"), hash_text("Oi")), "Hello", None),
        ("reviewed", Provenance("", hash_text("Ola")), None, Staleness.TEXT),  # the source itself
        ("reviewed", Provenance("", hash_text("Oi")), None, None),
    ],
)
def test_status_goes_stale_when_source_or_signed_text_changes(
    status: str, provenance: Provenance, source: str | None, expected: Staleness | None
) -> None:
    assert find_staleness("Oi", status, provenance, source) == expected


# --- files -------------------------------------------------------------------------------------
def test_shipped_drafts_know_the_source_they_were_made_from() -> None:
    assert list(warnings(SHIPPED_DEFINITION)) == []
    assert {e.provenance.source_hash for e in ENGLISH.values()} == {""}
    assert all(HINDI[key].provenance.source_hash == hash_text(entry.body) for key, entry in ENGLISH.items())


def test_record_gives_a_text_its_status_and_people(folder: Path) -> None:
    record(folder, f"title,adjudicated,{TITLE_HASHES},Asha,Ravi,Meera,“survey” kept")
    assert problems(folder) == []
    entry = read_instrument(folder).texts["hi-IN"].entries["title"]
    assert (entry.status, entry.record_line) == ("adjudicated", 2)
    assert entry.provenance == Provenance(
        hash_text(ENGLISH["title"].body), hash_text(HINDI["title"].body), "Asha", "Ravi", "Meera", "“survey” kept"
    )
    assert read_instrument(folder).texts["hi-IN"].entries["consent.task"].status == "machine draft"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"title,reviewed,{TITLE_HASHES},,,,", "2: title: reviewed, but no reviewer is named"),
        (f"title,frozen,{TITLE_HASHES},,Ravi,,", "2: title: frozen, but no adjudicator is named"),
        (f"title,reviewed,{TITLE_HASHES},Ravi,Ravi,,", "2: title: Ravi translated it and cannot be its reviewer"),
        ("title,reviewed,,,,Ravi,,", "2: title: reviewed, but without the hashes of what was signed"),
        ("title,machine draft,xyz,,,,,", "2: title: source_hash 'xyz' is not 16 hexadecimal digits"),
        (f"title,machine draft,,,{'n' * 81},,,", "2: title: translator is longer than 80 characters"),
        ("title,perfect,,,,,,", "2: title: status 'perfect' is none of machine draft, reviewed"),
        ("nothing,machine draft,,,,,,", "2: nothing: record of what is not there"),
        ("title,machine draft,,", "2: title: 4 cells where the header has 8"),
        ("title,machine draft,,,,,,\ntitle,reviewed,,,,,,", "3: title: stands in line 2 already"),
    ],
)
def test_faulty_record_is_named_with_file_line_and_key(folder: Path, row: str, expected: str) -> None:
    record(folder, row)
    (problem,) = problems(folder)
    assert problem.startswith(f"provenance/hi-IN.csv:{expected}")


def test_status_without_a_record_has_no_reviewer(folder: Path) -> None:
    edit(folder / "texts/pt-BR.yaml", "status: machine draft", "status: reviewed")
    found = problems(folder)
    assert "texts/pt-BR.yaml:5: title: reviewed, but no reviewer is named" in found
    assert len(found) == 2 * len(ENGLISH)


def test_record_of_a_locale_without_texts_is_a_problem(folder: Path) -> None:
    record(folder, locale="fr-FR")
    assert problems(folder) == ["provenance/fr-FR.csv:1: fr-FR: record of what is not there"]


def test_source_edit_makes_every_translation_stale(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / "texts/en-US.yaml", "Before you decide whether", "Before deciding whether")
    assert problems(folder) == []
    found = warned(folder)
    line = HINDI["consent.heading"].line
    assert len(found) == len(Locale) - 1
    assert f"texts/hi-IN.yaml:{line}: consent.heading: stale, counts as a draft: The source has changed since" in found
    call_command("check_instrument", str(folder))
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"warning: {warning}" for warning in found]
    assert "in order" in said.out


def test_edit_of_a_signed_text_makes_it_stale(folder: Path) -> None:
    record(folder, f"title,reviewed,{TITLE_HASHES},Asha,Ravi,,")
    edit(folder / "texts/hi-IN.yaml", HINDI["title"].body, f"{HINDI['title'].body}!")
    assert warned(folder) == [
        f"texts/hi-IN.yaml:{HINDI['title'].line}: title: stale, counts as a draft: "
        "The text has changed since it was signed"
    ]


def test_drafts_of_unknown_source_are_counted(folder: Path) -> None:
    (folder / "provenance/drafts.csv").unlink()
    told = f"provenance/drafts.csv:1: title: {len(ENGLISH)} text(s) of %s without the hash of their source"
    others = [locale for locale in sorted(Locale.values) if locale != Locale.EN_US]
    assert [text.partition(", a change")[0] for text in warned(folder)] == [told % locale for locale in others]


@pytest.mark.django_db
def test_review_is_the_next_version_with_its_people(folder: Path) -> None:
    first = make_version()
    record(folder, f"title,reviewed,{TITLE_HASHES},Asha,Ravi,,")
    edit(folder / "texts/en-US.yaml", "Before you decide whether", "Before deciding whether")
    second = load_instrument(read_instrument(folder)).version
    assert (first.number, second.number) == (1, 2)
    text = Text.objects.get(version=second, locale="hi-IN", key="title")
    assert (text.status, text.translator, text.reviewer, text.adjudicator) == ("reviewed", "Asha", "Ravi", "")
    assert f"{text.source_hash},{text.text_hash}" == TITLE_HASHES
    stale = Text.objects.filter(version=second).exclude(staleness="")
    assert set(stale.values_list("key", "staleness")) == {("consent.heading", "source")}
    assert stale.count() == len(Locale) - 1
    assert not Text.objects.filter(version=first).exclude(staleness="").exists()


# --- what an arm can show ----------------------------------------------------------------------
@pytest.mark.django_db
def test_visible_page_texts_are_those_that_the_pages_take(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[str] = set()

    class Noted(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            taken.add(key)
            return super().__getitem__(key)

    for keeps in (queries.item_wording, queries.text_hashes, skeletons.words):
        keeps.cache_clear()  # what tests before had of the same instrument
    for module in (queries, base, leaving, participant):
        monkeypatch.setattr(module, "text_catalogue", lambda *which: Noted(text_catalogue(*which)))
    walker = Walker(make_session(make_study()), Client())
    while not walker.session.finished_at:
        walker.client.get(walker.url)
        walker.post(**walker.answers(walker.kind()))
        walker.session.refresh_from_db()
    pages = {key for key in taken if not key.startswith("items.")}
    assert pages == visible_page_keys(walker.session.version.structure)
    assert {"demographics.intro"} == set(PAGE_KEYS) - pages


def test_visible_page_texts_follow_the_blocks() -> None:
    structure = {
        "blocks": ["consent", "scenario", "demographics"], "attention_checks": [], "arms": {"BR": {}},
    }  # fmt: skip
    sections = {key.partition(".")[0] for key in visible_page_keys(structure)}
    assert sections == {"title", "consent", "question", "demographics", "age", "gender", "country"}


def test_visible_items_are_those_that_an_arm_can_draw() -> None:
    arm = {"close": ["MM"], "far": ["US"], "items": {"core": 1, "same": 2, "close": 0, "far": 3}}
    places = [("a", "BR", False), ("b", "MM", False), ("c", "US", False), ("d", "ZA", False), ("e", "ZA", True)]
    items = [ItemPlace(*place) for place in places]
    assert visible_items({"arms": {"BR": arm}}, "BR", items) == {"a", "c", "e"}
    arm["items"] = {"core": 0, "same": 0, "close": 1, "far": 0}
    assert visible_items({"arms": {"BR": arm}}, "BR", items) == {"b"}
    assert visible_items({"arms": {"BR": arm}}, "GB", items) == set()


@pytest.mark.django_db
def test_drawn_items_are_visible_ones() -> None:
    study = make_study()
    places = [ItemPlace(r.values["code"], r.values["scenario_country"], r.values["core"] == "1")
              for r in SHIPPED_DEFINITION.items]  # fmt: skip
    for country in ("BR", "ZA"):
        plan = make_session(study, country).plan
        drawn = {page["item"] for page in plan if page["kind"] == Page.SCENARIO}
        assert drawn <= visible_items(study.version.structure, country, places)


# --- the gate ----------------------------------------------------------------------------------
def draft_study(version: InstrumentVersion | None = None, code: str = "gate") -> Study:
    return create_study(
        code=code, title="Gate", version=version or make_version(), panel=PanelName.DIRECT, target_per_cell=1
    )


def sign(version: InstrumentVersion, status: str = "reviewed") -> None:
    Text.objects.filter(version=version).update(status=status)


@pytest.mark.django_db
def test_study_with_drafts_does_not_open_and_says_where() -> None:
    study = draft_study()
    with pytest.raises(NotReady) as refused:
        launch_study(study)
    lines = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"texts {locale}" for locale in sorted(Locale.values)]
    n = len(visible_page_keys(study.version.structure)) + 6 * n_visible_items(study, "BR")
    assert lines[-1] == (f"texts pt-BR: {n} below reviewed: age.18-24, age.25-34, age.35-44, age.45-54, age.55-64, …")
    study.refresh_from_db()
    assert (study.state, study.launched_at) == (StudyState.DRAFT, None)


def n_visible_items(study: Study, country: str) -> int:
    rows = study.version.items.values_list("code", "scenario_country", "is_core")
    return len(visible_items(study.version.structure, country, [ItemPlace(*row) for row in rows]))


@pytest.mark.django_db
def test_signed_texts_open_the_study() -> None:
    study = draft_study()
    sign(study.version)
    assert text_faults(study) == []
    assert launch_study(study)


@pytest.mark.django_db
def test_stale_text_counts_as_a_draft() -> None:
    study = draft_study()
    sign(study.version, "frozen")
    Text.objects.filter(version=study.version, locale="pt-BR", key="title").update(staleness=Staleness.SOURCE)
    assert text_faults(study) == [TextFault("pt-BR", "reviewed", 1, 1, ("title",))]
    with pytest.raises(NotReady, match=r"texts pt-BR: 1 below reviewed \(1 of them stale\): title"):
        launch_study(study)


@pytest.mark.django_db
def test_study_may_ask_for_more_or_for_less() -> None:
    study = draft_study()
    sign(study.version)
    study.required_text_status = TextStatus.PRETESTED
    assert {fault.locale for fault in text_faults(study)} == set(Locale.values)
    sign(study.version, "machine draft")
    study.required_text_status = TextStatus.MACHINE_DRAFT
    assert text_faults(study) == []


@pytest.mark.django_db
def test_texts_that_no_arm_shows_hold_nothing_back() -> None:
    study = draft_study()
    study.arms.exclude(country="IN").delete()
    study.arms.update(locales=["en-IN"])
    sign(study.version)
    drafts = Text.objects.filter(version=study.version)
    drafts.filter(locale="hi-IN").update(status="machine draft")  # not offered
    far = study.version.items.filter(scenario_country="BR", is_core=False).values_list("code", flat=True)
    drafts.filter(key__in=[f"items.{code}.{f}" for code in far for f in ITEM_FIELDS]).update(status="machine draft")
    drafts.filter(key="demographics.intro").update(status="machine draft")  # on no page of the blocks
    assert text_faults(study) == []
    drafts.filter(key="items.IN01.scenario", locale="en-IN").update(status="machine draft")
    assert [fault.first_keys for fault in text_faults(study)] == [("items.IN01.scenario",)]


@pytest.mark.django_db
def test_override_opens_the_study_and_stays_on_record() -> None:
    study = draft_study()
    override = override_texts(study, by=" Ada ", reason="pilot among ourselves")
    assert launch_study(study)
    assert TextOverride.objects.get() == override
    assert (override.by, override.reason, override.version) == ("Ada", "pilot among ourselves", study.version)
    assert override.counts == {fault.locale: fault.n_below for fault in text_faults(study)}


@pytest.mark.django_db
def test_override_holds_for_what_was_seen_only(folder: Path) -> None:
    study = draft_study()
    study.arms.filter(country="IN").update(locales=["en-IN"])
    override_texts(study, by="Ada", reason="pilot")
    assert open_text_faults(study) == []
    study.arms.filter(country="IN").update(locales=["en-IN", "hi-IN"])
    assert [fault.locale for fault in open_text_faults(study)] == ["hi-IN"]
    study.required_text_status = TextStatus.FROZEN
    assert {fault.locale for fault in open_text_faults(study)} == set(Locale.values)
    study.required_text_status = TextStatus.REVIEWED
    edit(folder / "texts/en-US.yaml", "Before you decide whether", "Before deciding whether")
    study.version = load_instrument(read_instrument(folder)).version
    assert {fault.locale for fault in open_text_faults(study)} == set(Locale.values)


@pytest.mark.django_db
@pytest.mark.parametrize(("by", "reason"), [("", "because"), ("Ada", "  ")])
def test_override_needs_a_name_and_a_reason(by: str, reason: str) -> None:
    with pytest.raises(ValueError, match="a name and a reason"):
        override_texts(draft_study(), by=by, reason=reason)
    assert not TextOverride.objects.exists()


@pytest.mark.django_db
def test_nothing_to_override_is_said() -> None:
    study = draft_study()
    sign(study.version)
    with pytest.raises(NothingToOverride):
        override_texts(study, by="Ada", reason="to be sure")


@pytest.mark.django_db
def test_override_command_lists_and_records(capsys: pytest.CaptureFixture[str]) -> None:
    study = draft_study()
    call_command("override_texts", "gate")
    assert capsys.readouterr().out.splitlines() == [str(fault) for fault in text_faults(study)]
    assert not TextOverride.objects.exists()
    with pytest.raises(CommandError, match="a name and a reason"):
        call_command("override_texts", "gate", "--by", "Ada")
    call_command("override_texts", "gate", "--by", "Ada", "--reason", "pilot")
    assert "accepted by Ada" in capsys.readouterr().out
    assert TextOverride.objects.get().study == study
    with pytest.raises(CommandError, match="there is no study nowhere"):
        call_command("override_texts", "nowhere")
