"""Who gets in where: every address of staff against every role, and the log of what was done."""

import re

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoAssertNumQueries

from pact_site.access import fields, may
from pact_site.roles import FOR_ANYBODY, FOR_STAFF, MATRIX, NEEDED, Right, Role, needed_for, rights_of
from pact_site.shortcut import STAFFS
from survey.domain.audit import first_fault, record, verify_log
from survey.models import AuditEntry
from tests.factories import make_study
from tests.staff import make_staff, program_of, sign_in


def names(resolver: URLResolver, space: str = "") -> set[str]:
    found = set()
    for part in resolver.url_patterns:
        if isinstance(part, URLResolver):
            found |= names(part, f"{part.namespace}:" if part.namespace else space)
        elif isinstance(part, URLPattern) and part.name:
            found.add(f"{space}{part.name}")
    return found


EVERY_NAME = sorted(names(get_resolver()))
STAFF_NAMES = [name for name in EVERY_NAME if name not in FOR_ANYBODY | FOR_STAFF]


@pytest.mark.parametrize("name", STAFF_NAMES)
def test_every_address_of_staff_asks_for_a_right(name: str) -> None:
    assert needed_for(name) is not None


def test_addresses_for_anybody_are_these() -> None:
    unlisted = {name for name in EVERY_NAME if needed_for(name) is None}
    assert unlisted == {
        "home", "studies", "login", "account_login", "account_inactive", "logout", "healthz", "livez", "readyz",
        "metrics", "invitation", "account_reauthenticate", "own_go_on",
    }  # fmt: skip
    assert {name for name in FOR_ANYBODY if name not in EVERY_NAME} == set()
    assert {name for name in EVERY_NAME if name in FOR_ANYBODY} == {
        "survey:join", "survey:page", "survey:withdraw", "survey:trouble", "survey:events", "survey:prolific_events",
        "survey:withdraw_later", "login", "account_login", "account_inactive", "mfa_authenticate", "mfa_login_webauthn",
        "logout", "healthz", "livez", "readyz", "metrics", "invitation",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "method", "roles"),
    [
        ("analysis:dashboard", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("analysis:quality", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("analysis:translations", "GET", set(Role)),
        ("analysis:translations_override", "POST", {Role.PI}),
        ("analysis:study_results", "POST", {Role.PI, Role.ANALYST}),
        ("analysis:result", "GET", {Role.PI, Role.ANALYST}),
        ("analysis:result_json", "GET", {Role.PI, Role.ANALYST}),
        ("analysis:result_family", "GET", {Role.PI, Role.ANALYST}),
        ("analysis:result_print", "GET", {Role.PI, Role.ANALYST}),
        ("analysis:planning", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("analysis:planning", "POST", {Role.PI, Role.ANALYST}),
        ("analysis:unblind", "POST", {Role.PI}),
        ("analysis:exports", "GET", {Role.PI, Role.ANALYST}),
        ("analysis:export", "GET", {Role.PI, Role.ANALYST}),
        ("survey:reconciliation", "GET", {Role.PI, Role.ASSISTANT}),
        ("survey:reconciliation_act", "POST", {Role.PI, Role.ASSISTANT}),
        ("survey:submission_upload", "GET", {Role.PI, Role.ASSISTANT}),
        ("survey:setup", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("survey:setup_state", "POST", {Role.PI}),
        ("survey:setup_cell", "POST", {Role.PI}),
        ("survey:setup_cell_add", "POST", {Role.PI}),
        ("survey:setup_cell_remove", "POST", {Role.PI}),
        ("survey:setup_registration", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("survey:setup_deviate", "POST", {Role.PI}),
        ("survey:setup_settings", "POST", {Role.PI}),
        ("survey:setup_arm", "POST", {Role.PI}),
        ("survey:preview", "GET", set(Role)),
        ("survey:preview_page", "GET", set(Role)),
        ("survey:preview_seen", "POST", {Role.PI}),
        ("survey:review", "GET", {Role.PI, Role.ASSISTANT}),
        ("survey:review_csv", "GET", {Role.PI, Role.ASSISTANT}),
        ("survey:review_session", "GET", {Role.PI, Role.ASSISTANT}),
        ("survey:review_note", "POST", {Role.PI, Role.ASSISTANT}),
        ("survey:new_study", "POST", {Role.PI}),
        ("survey:trial", "POST", {Role.PI, Role.ASSISTANT}),
        ("survey:trial_remove", "POST", {Role.PI, Role.ASSISTANT}),
        ("llm:run", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("llm:run_cancel", "POST", {Role.PI, Role.ANALYST}),
        ("api:responses-list", "GET", {Role.PI, Role.ANALYST}),
        ("api:results-detail", "GET", {Role.PI, Role.ANALYST}),
        ("api:runs-list", "POST", {Role.PI, Role.ANALYST}),
        ("team", "GET", {Role.PI}),
        ("team_member", "POST", {Role.PI}),
        ("team_log", "GET", {Role.PI}),
        ("admin:survey_study_change", "POST", {Role.PI}),
    ],
)
@pytest.mark.django_db
def test_matrix(name: str, method: str, roles: set[Role]) -> None:
    people = {role: make_staff(role.name, role) for role in Role}
    assert {role for role, user in people.items() if may(user, name, method)} == roles


@pytest.mark.django_db
def test_rights_come_from_all_roles_and_from_nothing_else() -> None:
    assert rights_of(["Viewer", "Translator", "Choir"]) == MATRIX[Role.VIEWER]
    assert rights_of([]) == frozenset()
    assert MATRIX[Role.PI] == frozenset(Right)
    without_role = User.objects.create_user("none", is_staff=True)
    own = [name for name in STAFF_NAMES if may(without_role, name, "GET")]
    assert [name for name in own if not name.startswith(("mfa_", "own_"))] == ["admin:logout", "api_docs"]
    owner = User.objects.create_superuser("owner")
    assert all(may(owner, name, "POST") for name in STAFF_NAMES)
    assert not may(make_staff("pi"), "no-such-part", "GET")


@pytest.mark.django_db
def test_pages_and_tokens_hold_to_it() -> None:
    study = make_study()
    viewer = make_staff("viewer", Role.VIEWER)
    client = Client()
    client.force_login(viewer)
    assert client.get(reverse("analysis:dashboard", args=[study.code])).status_code == 200
    denied = client.get(reverse("survey:reconciliation", args=[study.code]))
    told = denied.content.decode().replace("&#x27;", "'")
    assert "This is for whoever may see panel identifiers and deal with submissions (PI, Research assistant)." in told
    assert (denied.status_code, "Your account's role is Viewer. Ask whoever gave you the account." in told) == (
        403,
        True,
    )
    assert client.post(reverse("survey:setup_state", args=[study.code]), {"action": "pause"}).status_code == 403
    study.refresh_from_db()
    assert study.state == "live"
    program = program_of(viewer)
    assert (program.get("/api/studies/").status_code, program.get("/api/responses/").status_code) == (200, 403)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "leads_to", "not_to"),
    [
        (Role.TRANSLATOR, ["analysis:translations", "survey:preview"], ["analysis:dashboard", "llm:runs"]),
        (Role.VIEWER, ["analysis:dashboard", "llm:runs"], ["analysis:study_results", "analysis:exports"]),
        (None, [], ["analysis:dashboard", "analysis:translations", "llm:runs"]),
    ],
)
def test_list_of_studies_leads_where_a_role_may_go(role: Role | None, leads_to: list[str], not_to: list[str]) -> None:
    study = make_study()
    user = make_staff("somebody", role) if role else User.objects.create_user("somebody", is_staff=True)
    client = Client()
    client.force_login(user)
    page = client.get(reverse("home")).content.decode()

    def address(name: str) -> str:
        return reverse(name) if name == "llm:runs" else reverse(name, args=[study.code])

    assert [name for name in [*leads_to, *not_to] if f'href="{address(name)}"' in page] == leads_to
    assert ("no role yet" in page) == (role is None)
    for link in re.findall('href="(/[^"]*)"', page):
        assert "/static/" in link or client.get(link).status_code == 200, link


@pytest.mark.django_db
def test_tabs_of_a_study_lead_where_a_translator_may_go() -> None:
    study = make_study()
    client = sign_in(Role.TRANSLATOR, name="tara")
    page = client.get(reverse("analysis:translations", args=[study.code])).content.decode()
    links = [link for link in re.findall('href="(/[^"]*)"', page) if "/static/" not in link]
    assert [link for link in links if client.get(link).status_code != 200] == []
    assert "Accept these texts" not in page


@pytest.mark.django_db
def test_roles_cost_no_query_of_their_own(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = sign_in(name="pi")
    with django_assert_num_queries(6):  # as many as the list itself needs: see tests/analysis/test_pages.py
        client.get(reverse("home"))


@pytest.mark.django_db
def test_raw_records_open_for_whoever_sets_studies_up() -> None:
    study = make_study()
    address = reverse("admin:survey_study_change", args=[study.pk])
    for role, status in ((Role.PI, 200), (Role.ANALYST, 403)):
        client = sign_in(role, name=role.name)
        assert client.get(address).status_code == status, role


# --- Invitations ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_invitation_leads_to_a_login_once() -> None:
    pi = sign_in(name="pi")
    page = pi.post(
        reverse("team_invite"), {"username": "neha", "roles": ["Viewer", "Translator"]}, follow=True
    ).content.decode()
    link = re.search(r"http://testserver(/invitation/[^/]+/[^/]+/)", page)
    assert link is not None
    guest = Client()
    form = guest.get(link[1], follow=True)
    assert "Your user name is <strong>neha</strong>" in form.content.decode()
    words = "nine blue kettles hum"
    guest.post(form.redirect_chain[-1][0], {"new_password1": words, "new_password2": words})
    neha = User.objects.get(username="neha")
    assert neha.check_password(words)
    assert sorted(neha.groups.values_list("name", flat=True)) == ["Translator", "Viewer"]
    assert "does not work any more" in Client().get(link[1]).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"username": "PI", "roles": ["Viewer"]}, "There is a PI already"),
        ({"username": "a b", "roles": ["Viewer"]}, "Enter a valid username"),
        ({"username": "neha", "roles": ["Emperor"]}, "Select a valid choice"),
    ],
)
def test_bad_invitation_makes_nobody(sent: dict[str, object], says: str) -> None:
    pi = sign_in(name="pi")
    assert says in pi.post(reverse("team_invite"), sent, follow=True).content.decode()
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_members_are_changed_but_never_by_themselves() -> None:
    pi, viewer = make_staff("pi"), make_staff("viewer", Role.VIEWER)
    client = Client()
    client.force_login(pi)
    client.post(reverse("team_member", args=[viewer.pk]), {"roles": ["Analyst"]})
    viewer.refresh_from_db()
    assert (viewer.is_active, list(viewer.groups.values_list("name", flat=True))) == (False, ["Analyst"])
    own = client.post(reverse("team_member", args=[pi.pk]), {"roles": []}, follow=True)
    assert "have somebody else change your own roles" in own.content.decode()
    assert pi.groups.count() == 1


# --- The log -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_acts_and_looks_at_identifiers_are_logged_before_they_happen() -> None:
    study = make_study()
    client = sign_in()
    client.get(reverse("analysis:dashboard", args=[study.code]))
    client.post(reverse("survey:setup_state", args=[study.code]), {"action": "pause", "reason": "lunch"})
    client.get(reverse("survey:reconciliation", args=[study.code]))
    entries = list(AuditEntry.objects.order_by("number").values_list("number", "by", "act", "subject", "details"))
    assert entries == [
        (1, "ada", "survey:setup_state", {"code": "s1"}, {"action": "pause", "reason": "lunch"}),
        (2, "ada", "survey:reconciliation", {"code": "s1"}, {}),
    ]
    page = client.get(reverse("team_log")).content.decode()
    assert "reason=lunch" in page


def test_secrets_do_not_reach_the_log() -> None:
    sent = {"csrfmiddlewaretoken": "x", "new_password1": "y", "api_token": "z", "reason": "r" * 300}
    assert fields(sent) == {"reason": "r" * 200}
    assert fields([1]) == {}


@pytest.mark.django_db
def test_log_refuses_change_and_tells_of_it() -> None:
    for number in range(3):
        record("ada", "act", {"code": number}, {"n": str(number)})
    assert verify_log() == (3, "")
    with pytest.raises(DatabaseError, match="only added"), transaction.atomic():
        AuditEntry.objects.filter(number=2).update(by="eve")
    with pytest.raises(DatabaseError, match="only added"), transaction.atomic():
        AuditEntry.objects.filter(number=2).delete()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE survey_auditentry DISABLE TRIGGER log_is_append_only")
        cursor.execute("UPDATE survey_auditentry SET by = 'eve' WHERE number = 2")
    assert verify_log() == (3, "entry 2 is not what was written")
    entries = list(AuditEntry.objects.order_by("number"))
    assert first_fault([entries[0], entries[2]]) == "entry 2 is missing"
    client = sign_in(name="pi")
    told = client.post(reverse("team_log_check"), follow=True).content.decode()
    assert "changed outside the site: entry 2 is not what was written" in told


def test_needed_rights_name_parts_that_exist() -> None:
    planned = {"analysis:release"}
    unused = {part for part in NEEDED if not any(name.startswith(part) for name in EVERY_NAME)}
    assert unused <= planned | {"admin:"} - set(EVERY_NAME)


@pytest.mark.django_db
def test_shortened_address_of_a_study_leads_to_the_list(client: Client) -> None:
    assert client.get("/studies/")["Location"].startswith("/login/")
    client.force_login(make_staff("ada", Role.VIEWER))
    assert client.get("/studies/")["Location"] == "/"


def beginnings(resolver: URLResolver, before: str = "") -> set[str]:
    """Say how the addresses of a resolver begin."""
    found: set[str] = set()
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern).lstrip("^")
        if isinstance(pattern, URLResolver) and "/" not in address:
            found |= beginnings(pattern, address)
        else:
            found.add(address.partition("/")[0])
    return found


def test_every_address_of_staff_is_known_by_its_beginning() -> None:
    """Otherwise nobody could open it: what is not known is looked for among participants' addresses alone."""
    participants = beginnings(get_resolver(settings.PARTICIPANT_URLCONF))
    assert beginnings(get_resolver()) - participants == STAFFS
    assert not participants & STAFFS
