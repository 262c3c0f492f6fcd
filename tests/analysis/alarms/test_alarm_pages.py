"""The pages of alarms: what they list, who may do what, what a form takes; and looks after changes by staff."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from analysis.alarms import domain, tasks
from analysis.alarms.kinds import Kind
from analysis.alarms.models import Alarm, Delivery, Heartbeat, Receiver
from pact_site.access import may
from pact_site.roles import Role
from survey.models import AuditEntry
from tests.analysis.conftest import Made
from tests.staff import make_staff

PAGE_QUERIES = 11


def address(name: str, *more: object) -> str:
    return reverse(f"analysis:{name}", args=["tiny", *more])


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep what would be queued."""
    queued: list[str] = []
    monkeypatch.setattr(tasks, "_queue", lambda task, *arguments: queued.append(" ".join([task.name, *arguments])))
    return queued


def test_dashboard_begins_with_what_needs_somebody(made: Made, staff: Client) -> None:
    assert "Nothing. The site looks every minute" in text_of(staff, address("live"))
    domain.check_study(made.study)
    page = text_of(staff, address("live"))
    assert "No answers come in" in page
    assert "Open the country's link yourself" in page.replace("&#x27;", "'")
    assert page.index("What needs you now") < page.index('class="strip stand"')


def test_alarm_of_a_run_leads_to_its_page(made: Made, staff: Client) -> None:
    now = timezone.now()
    Alarm.objects.create(study=made.study, kind=Kind.RUN_STOPPED, subject="run:7", text="t", opened_at=now, seen_at=now)
    assert f'href="{reverse("llm:run", args=[7])}"' in text_of(staff, address("live"))


def test_list_shows_open_ones_and_is_narrowed_by_the_address(made: Made, staff: Client) -> None:
    assert "Nothing needs you now." in text_of(staff, address("alarms"))
    domain.check_study(made.study)
    now = timezone.now()
    Alarm.objects.create(
        study=made.study, kind=Kind.DROP_OUT, subject="x", text="Old one", opened_at=now, seen_at=now, closed_at=now
    )
    assert "Old one" not in text_of(staff, address("alarms"))
    assert "Old one" in text_of(staff, address("alarms") + "?state=closed")
    page = text_of(staff, address("alarms") + "?state=all&kind=no_answers")
    assert ("Old one" in page, "Nobody has answered" in page) == (False, True)
    assert f"{address('alarms_csv')}?state=all&amp;kind=no_answers" in page
    lines = text_of(staff, address("alarms_csv") + "?state=all&kind=drop_out").splitlines()
    assert (len(lines), lines[1].split(",")[1:4]) == (2, ["drop_out", "x", "Old one"])


@pytest.mark.parametrize("n", [1, 5])
def test_list_costs_the_same_queries_for_any_number(
    made: Made, staff: Client, django_assert_num_queries: DjangoAssertNumQueries, n: int
) -> None:
    domain.add_receiver(made.study, Receiver.Channel.EMAIL, "a@example.org", kinds=[], tells_closing=True, by="x")
    now = timezone.now()
    for number in range(n):
        alarm = Alarm(study=made.study, kind=Kind.RUN_STOPPED, subject=f"run:{number}", text="t")
        alarm.opened_at = alarm.seen_at = now
        alarm.save()
        delivery = Delivery.objects.create(receiver=Receiver.objects.get(), event="opened", due_at=now)
        alarm.notices.create(receiver=delivery.receiver, event="opened", delivery=delivery)
    Heartbeat.objects.create(queue="celery", at=now)
    with django_assert_num_queries(PAGE_QUERIES):
        staff.get(address("alarms"))


def test_taking_an_alarm_on_names_who(made: Made, staff: Client) -> None:
    (alarm,) = domain.check_study(made.study)
    staff.post(address("alarm_acknowledge", alarm.pk), {"note": "called the panel"})
    assert "researcher sees to it: called the panel" in text_of(staff, address("live"))
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.details) == ("analysis:alarm_acknowledge", {"note": "called the panel"})


def test_alarms_of_another_study_are_not_reached(made: Made, staff: Client) -> None:
    (alarm,) = domain.check_study(made.study)
    other = reverse("analysis:alarm_acknowledge", args=["elsewhere", alarm.pk])
    assert staff.post(other).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "method", "roles"),
    [
        ("alarms", "GET", {Role.PI, Role.ASSISTANT, Role.ANALYST, Role.VIEWER}),
        ("alarm_acknowledge", "POST", {Role.PI, Role.ASSISTANT}),
        ("alarms_check", "POST", {Role.PI, Role.ASSISTANT}),
        ("alarm_limits", "POST", {Role.PI}),
        ("alarm_receivers", "GET", {Role.PI}),
        ("alarm_receiver", "POST", {Role.PI}),
    ],
)
def test_roles(name: str, method: str, roles: set[Role]) -> None:
    people = {role: make_staff(role.name, role) for role in Role}
    assert {role for role, user in people.items() if may(user, f"analysis:{name}", method)} == roles


def test_receiver_is_added_changed_tested_and_removed(made: Made, staff: Client, sent: list[str]) -> None:
    page = address("alarm_receivers")
    assert "Nobody is told yet" in text_of(staff, page)
    staff.post(page, {"channel": "email", "address": "ana@example.org", "tells_closing": "on"})
    staff.post(page, {"channel": "email", "address": "ana@example.org", "kind": ["pay_low", "no such"]})
    receiver = Receiver.objects.get()
    assert (receiver.kinds, receiver.tells_closing, receiver.created_by) == (["pay_low"], False, "researcher")
    staff.post(address("alarm_receiver", receiver.pk), {"act": "test"})
    assert Delivery.objects.get().event == Delivery.Event.TEST
    assert sent == ["analysis.alarms.tasks.deliver"]
    assert "a…@example.org" in text_of(staff, page)
    staff.post(address("alarm_receiver", receiver.pk), {"act": "remove"})
    assert not Receiver.objects.exists()


@pytest.mark.parametrize(
    ("channel", "entered", "fault"),
    [
        ("email", "nobody", "no e-mail address"),
        ("webhook", "http://example.org/", "must begin with https://"),
        ("webhook", "https://127.0.0.1/", "not on the open internet"),
        ("webhook", "https://169.254.169.254/latest/", "not on the open internet"),
        ("webhook", "https://example.org:22/", "port 22"),
        ("pigeon", "roof", "Choose e-mail or webhook"),
    ],
)
def test_address_that_is_not_called_is_refused_with_the_reason(
    made: Made, staff: Client, settings: Settings, channel: str, entered: str, fault: str
) -> None:
    settings.OUTBOUND_LOOPBACK = False
    reply = staff.post(address("alarm_receivers"), {"channel": channel, "address": entered})
    assert reply.status_code == 400
    assert fault in reply.content.decode()
    assert not Receiver.objects.exists()


def test_secret_of_a_webhook_is_shown_and_renewed(made: Made, staff: Client) -> None:
    receiver = domain.add_receiver(
        made.study, Receiver.Channel.WEBHOOK, "https://example.org/h", kinds=[], tells_closing=True, by="x"
    )
    before = text_of(staff, address("alarm_receivers"))
    staff.post(address("alarm_receiver", receiver.pk), {"act": "renew"})
    after = text_of(staff, address("alarm_receivers"))
    secrets = [page.partition("<p><code>")[2].partition("</code>")[0] for page in (before, after)]
    assert [len(secret) for secret in secrets] == [64, 64]
    assert secrets[0] != secrets[1]


def test_limits_are_set_or_refused_by_name(made: Made, staff: Client) -> None:
    everything = {f"on_{kind.value}": "on" for kind in Kind}
    staff.post(address("alarm_limits"), {**everything, "limit_no_answers": "2.5"})
    assert domain.read_limits(made.study).of(Kind.NO_ANSWERS) == 2.5
    assert "for 2.5 hours" in text_of(staff, address("alarms"))
    del everything["on_pay_low"]
    reply = staff.post(address("alarm_limits"), {**everything, "limit_drop_out": "-1"}, follow=True)
    assert "Not changed, because the limit must be a number above zero: Many drop out." in reply.content.decode()
    assert not domain.read_limits(made.study).is_on(Kind.PAY_LOW)


def test_look_follows_a_change_by_staff(made: Made, staff: Client, sent: list[str]) -> None:
    staff.get(address("dashboard"))
    staff.post(address("alarms_check"))
    assert sent == ["analysis.alarms.tasks.deliver"]
    staff.post(address("study_results"), {"data": "real"})
    assert sent[1:] == ["analysis.alarms.tasks.watch_study tiny"]
    Client().post(address("study_results"))
    assert len(sent) == 2


def test_tasks_look_at_all_studies_and_tell(made: Made) -> None:
    tasks.watch_studies(is_thorough=True)
    assert Alarm.objects.get().kind == Kind.NO_ANSWERS
    assert Heartbeat.objects.get().queue == "celery"
    tasks.give_sign_of_life("llm")
    assert Heartbeat.objects.count() == 2
    tasks.watch_study("no-such-study")
    tasks.watch_study("tiny")
    tasks.deliver()
    assert Alarm.objects.count() == 1


def test_fault_in_one_study_keeps_nobody_from_the_others(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(study: object, **_: object) -> None:
        seen.append(study)
        raise KeyError("scenario")

    monkeypatch.setattr(domain, "check_study", look)
    monkeypatch.setattr(domain, "studies_to_watch", lambda: [made.study, made.study])
    tasks.watch_studies()
    assert len(seen) == 2
