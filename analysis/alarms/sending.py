"""Takes notices to their receivers: bundled, each message claimed by one worker, tried again with growing pauses.

A message may come twice when a worker dies between sending it and noting that; it then carries the same number.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from analysis.alarms import letters
from analysis.alarms.kinds import DEFINITIONS, Kind
from analysis.alarms.letters import Letter, Told
from analysis.alarms.models import Alarm, Delivery, Notice, Receiver
from survey.outbound import Blocked, Unreachable, post

State, Event = Delivery.State, Delivery.Event
logger = logging.getLogger(__name__)
DIGEST_FROM = 4  # so many alarms at once come in one message
AT_ONCE = 50
SEND_SECONDS = 10.0
GIVEN_UP_AFTER = timedelta(seconds=60)  # a worker that has not told of its try by then has died
PAUSES = (30, 120, 480, 1920, 7200)  # seconds between the tries
USER_AGENT = "PACT-Site-alarms/1"


class NotSent(Exception):
    """A message did not go out; the text says why, and whether another try makes sense."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


def secret_of(receiver: Receiver) -> str:
    """Give the secret that a webhook's messages are signed with; it is stored nowhere."""
    return salted_hmac("alarm webhook", f"{receiver.pk}:{receiver.nonce}", algorithm="sha256").hexdigest()


def plan_test(receiver: Receiver) -> Delivery:
    return Delivery.objects.create(receiver=receiver, event=Event.TEST, due_at=timezone.now())


def bundle_notices() -> int:
    """Make messages of the notices that have none yet: one each, or one of all where they are many."""
    waiting = Notice.objects.filter(delivery=None).order_by().values_list("receiver", flat=True).distinct()
    return sum(_bundle(receiver) for receiver in list(waiting))


@transaction.atomic
def _bundle(receiver_id: int) -> int:
    receiver = Receiver.objects.select_for_update(skip_locked=True).filter(pk=receiver_id).first()
    if receiver is None:  # removed, or another worker is at it
        return 0
    notices = list(Notice.objects.filter(receiver=receiver, delivery=None))
    if len(notices) >= DIGEST_FROM:
        _put(receiver, Event.DIGEST, notices)
        return 1
    for notice in notices:
        _put(receiver, Event(notice.event), [notice])
    return len(notices)


def _put(receiver: Receiver, event: Delivery.Event, notices: list[Notice]) -> None:
    delivery = Delivery.objects.create(receiver=receiver, event=event, due_at=timezone.now())
    Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(delivery=delivery)


def send_due() -> int:
    """Send what is due; give how many messages went out."""
    due = Delivery.objects.filter(state__in=[State.PLANNED, State.SENDING], due_at__lte=Now()).order_by("due_at", "pk")
    return sum(send(pk) for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]))


def send(pk: int) -> bool:
    """Send one message unless somebody else is at it, and keep what came of it."""
    due = Delivery.objects.filter(pk=pk, state__in=[State.PLANNED, State.SENDING], due_at__lte=Now())
    if not due.update(state=State.SENDING, n_tries=F("n_tries") + 1, due_at=Now() + GIVEN_UP_AFTER):
        return False
    delivery = Delivery.objects.select_related("receiver__study").get(pk=pk)
    try:
        result = _send(delivery)
    except NotSent as error:
        _note_failure(delivery, str(error), is_final=error.is_final)
        return False
    _ours(delivery, state=State.SENT, done_at=Now(), result=result)
    return True


def _note_failure(delivery: Delivery, reason: str, *, is_final: bool) -> None:
    logger.warning("delivery %s, try %s: not sent", delivery.pk, delivery.n_tries)
    if is_final or delivery.n_tries > len(PAUSES):
        _ours(delivery, state=State.FAILED, done_at=Now(), result=reason[:300])
    else:
        pause = timedelta(seconds=PAUSES[delivery.n_tries - 1])
        _ours(delivery, state=State.PLANNED, due_at=Now() + pause, result=reason[:300])


def _ours(delivery: Delivery, **changes: object) -> None:
    """Write what came of a try, as long as nobody has tried again since."""
    Delivery.objects.filter(pk=delivery.pk, state=State.SENDING, n_tries=delivery.n_tries).update(**changes)


def _send(delivery: Delivery) -> str:
    letter = write_letter(delivery)
    if delivery.receiver.channel == Receiver.Channel.EMAIL:
        return _send_mail(delivery, letter)
    return _call_webhook(delivery, letter)


def _send_mail(delivery: Delivery, letter: Letter) -> str:
    domain = letters.host_of(settings.SITE_URL).partition(":")[0]
    message = EmailMessage(
        letters.subject_line(letter),
        letters.body_text(letter),
        to=[delivery.receiver.address],
        headers={"Message-ID": f"<alarm-{delivery.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (OSError, ValueError) as error:  # every failure of SMTP is an OSError
        raise NotSent(f"{type(error).__name__}: {error}") from error
    return "handed to the mail server"


def _call_webhook(delivery: Delivery, letter: Letter) -> str:
    body = letters.payload(letter)
    at = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-PACT-Delivery": str(delivery.pk),
        "X-PACT-Signature": f"t={at},v1={letters.sign(secret_of(delivery.receiver), at, body)}",
    }
    try:
        answer = post(delivery.receiver.address, body, headers, seconds=SEND_SECONDS)
    except Blocked as error:
        raise NotSent(f"not called: {error}", is_final=True) from error
    except Unreachable as error:
        raise NotSent(str(error)) from error
    if not answer.is_good:
        raise NotSent(f"HTTP {answer.status}", is_final=answer.status == 410)
    return f"HTTP {answer.status}"


def write_letter(delivery: Delivery) -> Letter:
    """Write what a message says, as its alarms stand now."""
    study = delivery.receiver.study
    told = [_told(notice) for notice in delivery.notices.select_related("alarm__study")]
    url = settings.SITE_URL + reverse("analysis:alarms", args=[study.code])
    return Letter(delivery.pk, delivery.event, settings.SITE_URL, study.code, study.title, url, told)


def _told(notice: Notice) -> Told:
    alarm = notice.alarm
    kind = Kind(alarm.kind)
    return Told(
        alarm.pk,
        notice.event,
        kind.value,
        kind.label,
        alarm.subject,
        alarm.text,
        DEFINITIONS[kind].what_to_do,
        alarm.opened_at,
        alarm.closed_at,
        settings.SITE_URL + page_of(alarm),
    )


def page_of(alarm: Alarm) -> str:
    """Give the address of the page on which something can be done about an alarm."""
    name = alarm.definition.page
    if alarm.subject.startswith("run:"):
        return reverse("llm:run", args=[int(alarm.subject.partition(":")[2])])
    return reverse(name) if name.startswith("llm:") else reverse(name, args=[alarm.study.code])
