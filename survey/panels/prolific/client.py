"""Prolific's interface for programs: the few calls that this site makes. None of them rejects anybody.

The address is the site's (`PROLIFIC_API_URL`), never an arm's: whoever edits one could have the token sent elsewhere.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

import httpx2
from django.conf import settings

from survey.flow.reconciling import SHORTEST_MESSAGE
from survey.models import Arm
from survey.panels.base import NotReached, Refused, Unconfirmed, setting

TOKEN_NAME = re.compile(r"PROLIFIC_[A-Z0-9_]*TOKEN")
DEFAULT_TOKEN_NAME = "PROLIFIC_API_TOKEN"  # noqa: S105 - the name of a variable  # nosec B105
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
TIMEOUT_S = 20
TRIES = 3
LONGEST_WAIT_S = 20
PAGE_SIZE = 100
MOST_PAGES = 200
MOST_AT_ONCE = 200


class ProlificClient:
    """One workspace's token and its connections. One layer of retries: here, for what may be repeated without harm."""

    def __init__(self, token_name: str = DEFAULT_TOKEN_NAME, *, wait: Callable[[float], None] = time.sleep) -> None:
        self.token_name = token_name
        self.wait = wait
        self.client = httpx2.Client(
            base_url=settings.PROLIFIC_API_URL.rstrip("/"),
            headers={"Authorization": f"Token {read_token(token_name)}"},
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
        )

    @classmethod
    def of(cls, arm: Arm) -> Self:
        return cls(setting(arm, "token_env") or DEFAULT_TOKEN_NAME)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()

    def study(self, study: str) -> dict[str, Any]:
        return self._call("GET", f"/studies/{known(study)}/")

    def create_study(self, draft: Mapping[str, Any]) -> str:
        """Create a study as a draft, which a person publishes; give its id."""
        return str(self._call("POST", "/studies/", draft, may_repeat=False)["id"])

    def submissions(self, study: str) -> Iterator[dict[str, Any]]:
        """List a study's submissions, page by page."""
        for page in range(1, MOST_PAGES + 1):
            body = self._call("GET", f"/submissions/?study={known(study)}&page={page}&page_size={PAGE_SIZE}")
            rows = body.get("results")
            if not isinstance(rows, list):
                raise NotReached("Prolific's list of submissions cannot be read")
            yield from (row for row in rows if isinstance(row, dict))
            if len(rows) < PAGE_SIZE:
                return
        raise NotReached(f"Prolific lists more than {MOST_PAGES} pages of submissions")

    def complete(self, submission: str, code: str) -> None:
        """Complete a submission with a code whose actor is the researcher."""
        self._call(
            "POST", f"/submissions/{known(submission)}/transition/", {"action": "COMPLETE", "completion_code": code}
        )

    def bulk_approve(self, submissions: Sequence[str]) -> None:
        for first in range(0, len(submissions), MOST_AT_ONCE):
            chosen = list(submissions[first : first + MOST_AT_ONCE])
            self._call("POST", "/submissions/bulk-approve/", {"submission_ids": [known(one) for one in chosen]})

    def request_return(self, submission: str, message: str) -> None:
        """Ask a participant to return their submission, saying why."""
        if len(message) < SHORTEST_MESSAGE:
            raise Refused(f"the message has fewer than {SHORTEST_MESSAGE} characters")
        body = {"request_return_reasons": [message]}
        self._call("POST", f"/submissions/{known(submission)}/request-return/", body, may_repeat=False)

    def create_bonus(self, study: str, submission: str, amount: Decimal) -> str:
        """Set a bonus up; nothing is paid by it. Give its id."""
        body = {"study_id": study, "csv_bonuses": f"{known(submission)},{amount:.2f}"}
        return str(self._call("POST", "/submissions/bonus-payments/", body)["id"])

    def pay_bonus(self, bonus: str) -> None:
        """Pay a bonus that was set up. Prolific pays again if it is asked again: so it is asked once."""
        self._call("POST", f"/bulk-bonus-payments/{known(bonus)}/pay/", {}, may_repeat=False)

    def subscribe(self, workspace: str, event_type: str, target: str) -> str:
        """Have a workspace's events sent to an address: ask for it and confirm with the secret of the answer."""
        body = {"workspace_id": workspace, "event_type": event_type, "target_url": target}
        reply = self._send("POST", "/hooks/subscriptions/", body, may_repeat=False)
        subscription = str(read(reply)["id"])
        secret = reply.headers.get("X-Hook-Secret", "")
        self._call("POST", f"/hooks/subscriptions/{known(subscription)}/", {"secret": secret})
        return subscription

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may_repeat: bool = True
    ) -> dict[str, Any]:
        return read(self._send(method, path, body, may_repeat=may_repeat))

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, *, may_repeat: bool) -> httpx2.Response:
        for left in reversed(range(TRIES)):
            try:
                return self._try(method, path, body)
            except NotReached as error:
                if not left:
                    raise
                pause = error.retry_after
            except Unconfirmed as error:
                if not may_repeat:
                    raise
                if not left:
                    raise NotReached(str(error)) from error
                pause = None
            self.wait(min(LONGEST_WAIT_S, 2 ** (TRIES - left - 1) if pause is None else pause))
        raise AssertionError("unreachable")

    def _try(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx2.Response:
        """Ask once and sort what can happen: done, refused, not reached, or not known."""
        try:
            reply = self.client.request(method, path, json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotReached(f"Prolific cannot be reached: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise Unconfirmed(f"Prolific did not answer: {type(error).__name__}") from error
        status = reply.status_code
        if status < 300:
            return reply
        if status == 429:
            raise NotReached("Prolific asks for fewer requests", retry_after=retry_after(reply))
        if status >= 500:
            raise Unconfirmed(f"Prolific answered {status}")
        raise Refused(self._explain(status, path, reply))

    def _explain(self, status: int, path: str, reply: httpx2.Response) -> str:
        if status == 401:
            return f"Prolific does not accept the token in {self.token_name}"
        if status == 403:
            return f"the token in {self.token_name} may not do this"
        if status == 404:
            kind = "study" if path.startswith(("/studies", "/submissions/?")) else "record"
            return f"Prolific knows no such {kind}, or it is not the token's workspace"
        return f"Prolific refused ({status}): {said(reply)}"


def known(value: str) -> str:
    """Let through what can be one of Prolific's ids: most came in with somebody's link."""
    if not ID.fullmatch(value):
        raise Refused("this is none of Prolific's ids")
    return value


def read_token(name: str) -> str:
    """Take the token from the environment; never send another secret, whatever an arm's settings say."""
    token = os.environ.get(name, "").strip() if TOKEN_NAME.fullmatch(name) else ""
    if not token or not token.isascii() or not token.isprintable():
        raise Refused(f"put Prolific's token into the environment variable {name} (PROLIFIC_…TOKEN)")
    return token


def read(reply: httpx2.Response) -> dict[str, Any]:
    """Read an answer's body, if it is a mapping; an empty or unreadable one says nothing."""
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def said(reply: httpx2.Response) -> str:
    """Give what Prolific said was wrong, without names: its errors hold none of persons."""
    error = read(reply).get("error", {})
    detail = error.get("detail", "") if isinstance(error, dict) else error
    return str(detail)[:300] or "no reason given"


def retry_after(reply: httpx2.Response) -> float | None:
    value = reply.headers.get("Retry-After", "").strip()
    return float(value) if value.isdecimal() else None
