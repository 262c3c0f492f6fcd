"""Notices: who is told of what, by real mail and web servers on this machine, some of which misbehave."""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from analysis.alarms import domain, sending
from analysis.alarms.kinds import Kind
from analysis.alarms.models import Alarm, Delivery, Notice, Receiver
from survey.models import Study
from tests.analysis.conftest import Made, make_study
from tests.loopback import Server, running_server

EMAIL, WEBHOOK = Receiver.Channel.EMAIL, Receiver.Channel.WEBHOOK


class MailSink(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is given, refuses everybody, or says nothing at all."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailTalk)
        self.received: list[EmailMessage] = []
        self.mood = "kind"
        self.is_over = threading.Event()


class MailTalk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink: MailSink = self.server  # type: ignore[assignment]
        if sink.mood == "silent":
            sink.is_over.wait(30)
            return
        self.say(b"220 sink")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word in (b"EHLO", b"HELO"):
                self.say(b"250 sink")
            elif word == b"RCPT" and sink.mood == "refusing":
                self.say(b"550 no such mailbox")
            elif word == b"DATA":
                self.say(b"354 go on")
                sink.received.append(message_from_bytes(self.read_message(), policy=policy.default))
                self.say(b"250 taken")
            elif word == b"QUIT":
                self.say(b"221 bye")
                return
            else:
                self.say(b"250 ok")

    def read_message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    def say(self, text: bytes) -> None:
        self.wfile.write(text + b"\r\n")


@pytest.fixture
def sink(settings: Settings) -> Iterator[MailSink]:
    with MailSink() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", one.server_address[1]
        settings.EMAIL_TIMEOUT = 0.5
        yield one
        one.is_over.set()
        one.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as one:
        yield one


@pytest.fixture(autouse=True)
def demo_rules(settings: Settings) -> None:
    settings.OUTBOUND_LOOPBACK = True
    settings.OUTBOUND_PORTS = [443]
    settings.SITE_URL = "https://study.example.org"


def tell(made: Made, channel: Receiver.Channel, address: str, *kinds: Kind, tells_closing: bool = True) -> Receiver:
    return domain.add_receiver(made.study, channel, address, kinds=kinds, tells_closing=tells_closing, by="pi")


def deliver() -> int:
    sending.bundle_notices()
    return sending.send_due()


def end_silence(made: Made) -> None:
    Study.objects.filter(pk=made.study.pk).update(launched_at=timezone.now())
    made.study.refresh_from_db()
    domain.check_study(made.study)


def make_due() -> None:
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_opening_and_end_of_an_alarm_come_by_mail_once_each(made: Made, sink: MailSink) -> None:
    tell(made, EMAIL, "ana@example.org")
    domain.check_study(made.study)
    domain.check_study(made.study)
    assert (deliver(), deliver()) == (1, 0)
    end_silence(made)
    assert deliver() == 1
    first, last = sink.received
    assert (first["To"], first["Subject"]) == ("ana@example.org", "[tiny] No answers come in (study.example.org)")
    for mail in sink.received:
        assert mail.get_content().splitlines()[0].endswith(", at https://study.example.org")
    assert "What to do: Open the country" in first.get_content()
    assert "https://study.example.org/studies/tiny/" in first.get_content()
    assert last["Subject"] == "[tiny] Over: No answers come in (study.example.org)"
    assert first["Message-ID"] != last["Message-ID"]
    assert [one.result for one in Delivery.objects.all()] == ["handed to the mail server"] * 2


def test_receivers_hear_of_the_kinds_that_they_want(made: Made, sink: MailSink) -> None:
    tell(made, EMAIL, "texts@example.org", Kind.TEXTS_STALE)
    tell(made, EMAIL, "brief@example.org", Kind.NO_ANSWERS, tells_closing=False)
    domain.check_study(made.study)
    deliver()
    end_silence(made)
    deliver()
    assert [(mail["To"], mail["Subject"]) for mail in sink.received] == [
        ("brief@example.org", "[tiny] No answers come in (study.example.org)")
    ]


def test_end_is_told_only_to_who_heard_of_the_beginning(made: Made, sink: MailSink) -> None:
    domain.check_study(made.study)
    tell(made, EMAIL, "late@example.org")
    end_silence(made)
    assert deliver() == 0


def test_a_test_names_the_site(made: Made, sink: MailSink) -> None:
    sending.plan_test(tell(made, EMAIL, "ana@example.org"))
    assert deliver() == 1
    assert sink.received[0]["Subject"] == "[tiny] this is a test (study.example.org)"
    assert f"{made.study.title} at https://study.example.org." in " ".join(sink.received[0].get_content().split())


def test_many_at_once_come_in_one_message(made: Made, sink: MailSink) -> None:
    tell(made, EMAIL, "ana@example.org")
    now = timezone.now()
    for kind in list(Kind)[:5]:
        alarm = Alarm.objects.create(study=made.study, kind=kind, text=f"T {kind}", opened_at=now, seen_at=now)
        Notice.objects.create(alarm=alarm, receiver=Receiver.objects.get(), event="opened")
    assert deliver() == 1
    (mail,) = sink.received
    assert mail["Subject"] == "[tiny] 5 alarms (study.example.org)"
    assert all(f"T {kind}" in mail.get_content() for kind in list(Kind)[:5])
    assert Delivery.objects.get().event == Delivery.Event.DIGEST


@pytest.mark.parametrize("mood", ["refusing", "silent"])
def test_mail_that_does_not_go_out_is_kept_and_tried_again(made: Made, sink: MailSink, mood: str) -> None:
    sink.mood = mood
    tell(made, EMAIL, "ana@example.org")
    domain.check_study(made.study)
    assert deliver() == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.n_tries) == (Delivery.State.PLANNED, 1)
    assert ("550" in delivery.result) if mood == "refusing" else ("timed out" in delivery.result.lower())
    assert deliver() == 0  # not due yet
    sink.mood = "kind"
    make_due()
    assert deliver() == 1
    assert len(sink.received) == 1


def signed_by(receiver: Receiver, headers: dict[str, str], body: bytes) -> bool:
    at, signature = (part.split("=", 1)[1] for part in headers["X-PACT-Signature"].split(","))
    expected = hmac.new(sending.secret_of(receiver).encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature, expected)


def test_webhook_gets_signed_json(made: Made, server: Server) -> None:
    receiver = tell(made, WEBHOOK, server.url("/200"))
    domain.check_study(made.study)
    assert deliver() == 1
    ((_, headers, body),) = server.received
    said = json.loads(body)
    (alarm,) = said["alarms"]
    assert said["site"] == "https://study.example.org"
    assert (said["event"], said["study"]["code"], alarm["kind"], alarm["event"]) == (
        "opened", "tiny", "no_answers", "opened",
    )  # fmt: skip
    assert headers["X-PACT-Delivery"] == str(said["delivery"]) == str(Delivery.objects.get().pk)
    assert signed_by(receiver, headers, body)
    former = sending.secret_of(receiver)
    domain.renew_secret(receiver)
    assert sending.secret_of(receiver) != former
    assert not signed_by(receiver, headers, body)


def test_failing_webhook_is_tried_with_growing_pauses_and_given_up(made: Made, server: Server) -> None:
    tell(made, WEBHOOK, server.url("/500"))
    domain.check_study(made.study)
    pauses = []
    for _ in range(len(sending.PAUSES)):
        deliver()
        delivery = Delivery.objects.get()
        pauses.append(round((delivery.due_at - timezone.now()).total_seconds(), -1))
        make_due()
    assert pauses == [30, 120, 480, 1920, 7200]
    assert deliver() == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.n_tries, delivery.result) == (Delivery.State.FAILED, 6, "HTTP 500")
    make_due()
    assert deliver() == 0
    assert len(server.received) == 6


@pytest.mark.parametrize(("path", "reason"), [("/410", "HTTP 410"), ("/to/inside", "not called: ")])
def test_webhook_that_is_gone_or_leads_inward_is_not_tried_again(
    made: Made,
    server: Server,
    path: str,
    reason: str,
) -> None:
    server.onward = "http://10.0.0.1/"
    tell(made, WEBHOOK, server.url(path))
    domain.check_study(made.study)
    deliver()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.n_tries) == (Delivery.State.FAILED, 1)
    assert delivery.result.startswith(reason)


def test_hanging_webhook_costs_its_time_limit_alone(
    made: Made,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 0.3)
    tell(made, WEBHOOK, server.url("/slow"))
    domain.check_study(made.study)
    deliver()
    assert Delivery.objects.get().result == "no answer in time"


def test_worker_that_died_while_sending_is_stood_in_for(made: Made, server: Server) -> None:
    tell(made, WEBHOOK, server.url())
    domain.check_study(made.study)
    sending.bundle_notices()
    Delivery.objects.update(state=Delivery.State.SENDING, n_tries=1, due_at=timezone.now() + timedelta(seconds=50))
    assert sending.send_due() == 0
    make_due()
    assert sending.send_due() == 1
    assert Delivery.objects.get().n_tries == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_message_once(server: Server) -> None:
    made = make_study()
    for number in range(4):
        tell(made, WEBHOOK, server.url(f"/20{number}"))
    domain.check_study(made.study)

    def work(_: int) -> int:
        try:
            return deliver()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 4
    assert sorted(path for path, _, _ in server.received) == ["/200", "/201", "/202", "/203"]
