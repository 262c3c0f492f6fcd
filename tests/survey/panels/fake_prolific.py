"""A Prolific on this machine: its endpoints over real HTTP, its rules, its participants, and its network on a bad day.

Built from the public documentation; what the live service does beyond it, it does not know. `fail` breaks coming
requests, `outbox` holds events until a test delivers them: once, twice, late, out of order, or never.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN = "fake-token"
SECRET = b"fake-secret"
HOST = "localhost"
OVER = {"RETURNED", "REJECTED", "APPROVED", "SCREENED OUT"}


class Refusal(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Delivery(NamedTuple):
    """One event as it goes over the wire."""

    body: bytes
    headers: dict[str, str]


class Fault(NamedTuple):
    """How a coming request breaks: unanswered before or after it was acted on, or answered with a status."""

    path: str
    kind: str  # "deaf", "mute" or "status"
    status: int = 503
    headers: Mapping[str, str] = {}


@dataclass
class FakeProlific:
    studies: dict[str, dict[str, Any]] = field(default_factory=dict)
    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    bonuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: list[tuple[str, float]] = field(default_factory=list)
    return_requests: list[tuple[str, str]] = field(default_factory=list)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    outbox: list[Delivery] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    secret: bytes = SECRET
    n_ids: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.keys = {"k1": rsa.generate_private_key(65537, 2048)}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # --- What happens at the panel's own site ---------------------------------------------------
    def new_id(self) -> str:
        self.n_ids += 1
        return f"{self.n_ids:024x}"

    def open_study(self, codes: list[dict[str, Any]] | None = None, *, places: int = 10) -> str:
        with self.lock:
            return str(self._create_study({"completion_codes": codes or [], "total_available_places": places})["id"])

    def take_place(self, study: str, person: str) -> dict[str, str]:
        """Let a participant begin; give the parameters that their link carries."""
        with self.lock:
            submission = self.new_id()
            self.submissions[submission] = {
                "id": submission,
                "participant_id": person,
                "study_id": study,
                "status": "RESERVED",
                "started_at": stamp(time.time()),
                "completed_at": None,
                "time_taken": None,
                "study_code": None,
                "bonus_payments": [],
                "ip": "203.0.113.7",
                "strata": {"date of birth": "1990-01-01", "sex": "Female"},
            }
            self.move(submission, "ACTIVE")
        return {"PROLIFIC_PID": person, "STUDY_ID": study, "SESSION_ID": submission}

    def sign(self, params: Mapping[str, str], *, kid: str = "k1", claim: object = None, **claims: object) -> str:
        """Sign a link as the panel does."""
        payload = {"aud": HOST, "exp": int(time.time()) + 600, "prolific": claim or dict(params), **claims}
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.keys[kid], algorithm="RS256", headers={"kid": kid})

    def move(self, submission: str, status: str) -> None:
        """Change a submission's status and put the event of it into the outbox."""
        with self.lock:
            row = self.submissions[submission]
            if row["status"] == status:
                return
            row["status"] = status
            if status in {"AWAITING REVIEW", "APPROVED"} and row["completed_at"] is None:
                row["completed_at"], row["time_taken"] = stamp(time.time()), 600.0
            self._tell(
                {
                    "resource_id": submission,
                    "event_type": "submission.status.change",
                    "participant_id": row["participant_id"],
                    "status": status,
                }
            )

    def enter_code(self, submission: str, code: str) -> None:
        """Let a participant enter a completion code, as following the exit address does."""
        with self.lock:
            row = self.submissions[submission]
            self._close(row, code, actor="participant")

    def deliver(self, post: Callable[[Delivery], int], delivery: Delivery) -> bool:
        """Deliver an event until it is taken, five times at most."""
        return any(200 <= post(delivery) < 300 for _ in range(5))

    def _tell(self, body: Mapping[str, object]) -> None:
        self.outbox.append(self.envelope(json.dumps(body).encode()))

    def envelope(self, body: bytes, *, at: float | None = None, event_id: str = "") -> Delivery:
        """Sign a body as of a moment; the headers carry the same moment for ordering."""
        moment = time.time() if at is None else at
        timestamp = str(int(moment))
        digest = hmac.new(self.secret, timestamp.encode() + body, hashlib.sha256).digest()
        headers = {
            "X-Prolific-Request-Timestamp": timestamp,
            "X-Prolific-Request-Signature": base64.b64encode(digest).decode(),
            "X-Event-ID": event_id or self.new_id(),
            "X-Timestamp": repr(moment),
        }
        return Delivery(body, headers)

    # --- The interface for programs -------------------------------------------------------------
    def fail(self, path: str, kind: str, status: int = 503, times: int = 1, **headers: str) -> None:
        """Break the next requests whose address matches."""
        self.faults += [Fault(path, kind, status, {k.replace("_", "-"): v for k, v in headers.items()})] * times

    def _create_study(self, body: Mapping[str, Any]) -> dict[str, Any]:
        codes = body.get("completion_codes") or []
        names = [code["code"] for code in codes]
        if len(set(names)) != len(names):
            raise Refusal(400, "completion codes must be unique")
        kinds = [{action["action"] for action in code["actions"]} for code in codes]
        if any({"AUTOMATICALLY_APPROVE", "MANUALLY_REVIEW"} <= kind for kind in kinds):
            raise Refusal(400, "actions cannot be combined")
        if sum("FIXED_SCREEN_OUT_PAYMENT" in kind for kind in kinds) > 1:
            raise Refusal(400, "only one fixed screen out code")
        study = {**body, "id": self.new_id(), "status": "UNPUBLISHED"}
        self.studies[str(study["id"])] = study
        return study

    def _close(self, row: dict[str, Any], code: str, *, actor: str) -> None:
        codes = self.studies[row["study_id"]].get("completion_codes") or []
        entry = next((one for one in codes if one["code"] == code and one["actor"] == actor), None)
        if actor == "researcher" and entry is None:
            raise Refusal(400, "no code of this actor")
        if row["study_code"] == code:
            return  # done before
        if row["status"] in {"RETURNED", "REJECTED"}:
            raise Refusal(400, f"a submission that is {row['status']} cannot be completed")
        row["study_code"] = code
        actions = {action["action"] for action in entry["actions"]} if entry else set()
        if "FIXED_SCREEN_OUT_PAYMENT" in actions:
            self.move(row["id"], "SCREENED OUT")
        else:
            self.move(row["id"], "APPROVED" if "AUTOMATICALLY_APPROVE" in actions else "AWAITING REVIEW")

    def _approve(self, row: dict[str, Any]) -> None:
        if row["status"] == "APPROVED":
            return
        if row["status"] != "AWAITING REVIEW":
            raise Refusal(400, f"a submission that is {row['status']} cannot be approved")
        self.move(row["id"], "APPROVED")

    def _find(self, table: dict[str, dict[str, Any]], key: str) -> dict[str, Any]:
        if key not in table:
            raise Refusal(404, "not found")
        return table[key]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[Any, dict[str, str]]:
        """Do what a request asks for; give the answer's body and further headers."""
        parts = [part for part in path.removeprefix("/api/v1").split("/") if part]
        match (method, parts):
            case "POST", ["studies"]:
                return self._create_study(body), {}
            case "GET", ["studies", study]:
                return self._find(self.studies, study), {}
            case "PATCH", ["studies", study]:
                found = self._find(self.studies, study)
                if body.get("total_available_places", 0) < found["total_available_places"]:
                    raise Refusal(400, "places can only increase")
                return found | body, {}
            case "GET", ["submissions"]:
                return self._list(query), {}
            case "POST", ["submissions", "bulk-approve"]:
                rows = [self._find(self.submissions, one) for one in body["submission_ids"]]
                if any(row["status"] not in {"AWAITING REVIEW", "APPROVED"} for row in rows):
                    raise Refusal(400, "some cannot be approved")
                for row in rows:
                    self._approve(row)
                return {"message": "in progress"}, {}
            case "POST", ["submissions", "bonus-payments"]:
                return self._set_bonus_up(body), {}
            case "POST", ["bulk-bonus-payments", bonus, "pay"]:
                found = self._find(self.bonuses, bonus)  # pays again if asked again, as the live one does
                self.payments += found["rows"]
                for submission, amount in found["rows"]:
                    self.submissions[submission]["bonus_payments"].append(round(amount * 100))
                return {}, {}
            case "POST", ["submissions", submission, "transition"]:
                row = self._find(self.submissions, submission)
                if body["action"] == "APPROVE":
                    self._approve(row)
                elif body["action"] == "COMPLETE":
                    self._close(row, body["completion_code"], actor="researcher")
                else:
                    raise Refusal(400, "this test knows no other action")
                return row, {}
            case "POST", ["submissions", submission, "request-return"]:
                self._find(self.submissions, submission)
                message = " ".join(body["request_return_reasons"])
                if len(message) < 100:
                    raise Refusal(400, "the message is too short")
                self.return_requests.append((submission, message))
                return {"id": submission}, {}
            case "POST", ["hooks", "subscriptions"]:
                if not body["target_url"].startswith("https://"):
                    raise Refusal(400, "https only")
                key = self.new_id()
                self.subscriptions[key] = {**body, "secret": f"hook-{key}", "is_enabled": False}
                return {"id": key}, {"X-Hook-Secret": f"hook-{key}"}
            case "POST", ["hooks", "subscriptions", key]:
                found = self._find(self.subscriptions, key)
                if body["secret"] != found["secret"]:
                    raise Refusal(400, "wrong secret")
                found["is_enabled"] = True
                return {"id": key}, {}
        raise Refusal(404, "no such endpoint")

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        study = query["study"][0]
        self._find(self.studies, study)
        rows = [row for row in self.submissions.values() if row["study_id"] == study]
        size, page = int(query.get("page_size", ["20"])[0]), int(query.get("page", ["1"])[0])
        return {"results": rows[(page - 1) * size : page * size], "meta": {"count": len(rows)}}

    def _set_bonus_up(self, body: Mapping[str, str]) -> dict[str, Any]:
        rows = []
        for line in body["csv_bonuses"].split("\n"):
            submission, amount = line.split(",")
            self._find(self.submissions, submission)
            rows.append((submission, float(amount)))
        key = self.new_id()
        self.bonuses[key] = {"rows": rows}
        return {"id": key, "total_amount": sum(amount for _, amount in rows) * 100}

    def key_set(self) -> dict[str, Any]:
        keys = []
        for kid, key in self.keys.items():
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            keys.append({**public, "kid": kid, "use": "sig", "alg": "RS256"})
        return {"keys": keys}

    def _handler(fake) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                with fake.lock:
                    fake.requests.append(f"{self.command} {self.path}")
                    fault = next((one for one in fake.faults if re.search(one.path, self.path)), None)
                    if fault:
                        fake.faults.remove(fault)
                    if fault and fault.kind == "status":
                        return self.reply(fault.status, {}, fault.headers)
                    if fault and fault.kind == "deaf":
                        return self.hang_up()
                    status, body, headers = self.work(raw)
                    if fault:  # acted on, and nobody hears of it
                        return self.hang_up()
                return self.reply(status, body, headers)

            def work(self, raw: bytes) -> tuple[int, Any, Mapping[str, str]]:
                parts = urlsplit(self.path)
                if parts.path == "/.well-known/study/jwks.json":
                    return 200, fake.key_set(), {}
                if self.headers.get("Authorization") != f"Token {TOKEN}":
                    return 401, {"error": {"detail": "invalid token"}}, {}
                try:
                    body = json.loads(raw) if raw else {}
                    answer, headers = fake.answer(self.command, parts.path, parse_qs(parts.query), body)
                except Refusal as refusal:
                    return refusal.status, {"error": {"status": refusal.status, "detail": str(refusal)}}, {}
                return 200, answer, headers

            def hang_up(self) -> None:
                self.close_connection = True

            def reply(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        return Handler


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(moment))
