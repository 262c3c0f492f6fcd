"""The web server's worker: more kept connections than threads, bad requests, renewal, a stop in between."""

from __future__ import annotations

import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config

from bench.servers import free_port
from pact_site.web_worker import Settled

ROOT = Path(__file__).parents[2]
LENGTH = b"Content-Length: "


def application(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """Answer with the process and what was asked for, after as long as that says; tell what is slow at its start."""
    import os

    if environ["PATH_INFO"] == "/slow":
        print("begun: /slow", file=sys.stderr, flush=True)
    time.sleep(float(environ["QUERY_STRING"] or 0))
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    sent = "" if path == "/unread" else environ["wsgi.input"].read().decode()
    body = b"" if path == "/empty" else f"{os.getpid()} {path} {sent}".encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Client:
    """One connection, as a proxy keeps it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, path: str, body: bytes = b"") -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def read(self) -> tuple[str, str]:
        """Read one reply: its status and its text; two empty texts at the connection's end."""
        lines = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            lines.append(line.strip())
        if not lines:
            return "", ""
        length = next(int(line[len(LENGTH) :]) for line in lines if line.startswith(LENGTH))
        return lines[0].split()[1].decode(), self.file.read(length).decode()

    def ask(self, path: str, body: bytes = b"") -> str:
        self.send(path, body)
        status, text = self.read()
        assert status == "200"
        return text


class Server:
    def __init__(self, *options: str) -> None:
        self.port, self.clients = free_port(), list[Client]()
        command = ["-m", "gunicorn", f"{__name__}:application", "--no-control-socket", "--preload", "--workers", "1"]
        worker = ["--worker-class", "pact_site.web_worker.Worker", "--bind", f"127.0.0.1:{self.port}", *options]
        self.process = subprocess.Popen(
            [sys.executable, *command, *worker], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self.await_told("Booting worker")
        while True:
            try:
                self.connect().ask("/ready")
                return
            except ConnectionError:
                time.sleep(0.02)

    def await_told(self, text: str) -> None:
        """Read what the server says up to this."""
        assert self.process.stderr is not None
        while text not in self.process.stderr.readline():
            assert self.process.poll() is None

    def connect(self) -> Client:
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def stop(self) -> int:
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*options: str) -> Server:
        servers.append(Server(*options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_many_kept_connections_are_served_by_two_threads(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "2", "--keep-alive", "60")
    clients = [server.connect() for _ in range(40)]
    for turn in range(3):
        for number, client in enumerate(clients):
            client.send(f"/{turn}/{number}", b"x" * number)
        for number, client in enumerate(clients):
            status, text = client.read()
            assert (status, text.split(" ", 1)[1]) == ("200", f"/{turn}/{number} {'x' * number}")


def test_who_comes_in_a_crowd_does_not_wait_for_those_who_are_in(serve: Callable[..., Server]) -> None:
    """A hundred come while twenty ask again and again: the last waits for about 80 requests of those.

    Taken in eight by eight it would wait for 260, one by one for 2,000.
    """
    server = serve("--threads", "1", "--keep-alive", "60")
    waiting = selectors.DefaultSelector()
    held = {server.connect() for _ in range(20)}
    for client in held:
        client.ask("/before")
    newcomers = {server.connect() for _ in range(100)}
    for client in held | newcomers:
        waiting.register(client.socket, selectors.EVENT_READ, client)
        client.send("/?0.002")
    n_others = 0
    while newcomers:
        for key, _ in waiting.select(10):
            assert key.data.read()[0] == "200"
            n_others += key.data in held
            newcomers.discard(key.data)
            key.data.send("/?0.002")
    assert n_others < 160
    waiting.close()


def test_requests_sent_together_are_answered_in_their_order(serve: Callable[..., Server]) -> None:
    client = serve("--threads", "2", "--keep-alive", "60").connect()
    client.socket.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(5)))
    assert [client.read()[1].split()[1] for _ in range(5)] == [f"/{n}" for n in range(5)]
    assert client.ask("/after").split()[1] == "/after"


def test_what_is_slow_holds_up_no_more_than_its_thread(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "2", "--keep-alive", "60")
    slow, quick, late = server.connect(), server.connect(), server.connect()
    slow.send("/slow?1.5")
    server.await_told("begun: /slow")
    late.socket.sendall(b"")  # connected, and says nothing
    begun = time.monotonic()
    for _ in range(20):
        quick.ask("/quick")
    assert time.monotonic() - begun < 1.4
    assert slow.read()[1].split()[1] == "/slow"
    assert late.ask("/late").split()[1] == "/late"


def test_nonsense_is_refused_and_the_worker_goes_on(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "1", "--keep-alive", "60")
    pid = server.connect().ask("/").split()[0]
    for nonsense in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", b"GET"):
        bad = server.connect()
        bad.socket.sendall(nonsense)
        bad.socket.shutdown(socket.SHUT_WR)
        assert bad.read()[0] in {"400", ""}
    assert server.connect().ask("/").split()[0] == pid


def test_requests_that_come_slowly_hold_up_nobody(serve: Callable[..., Server]) -> None:
    """Six people whose forms are on the way for seconds, and two threads."""
    server = serve("--threads", "2", "--keep-alive", "60")
    head, body = b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n", b"x" * 50_000
    cuts = (1, 30, len(head) - 1, len(head), 30_000, len(head + body) - 1)
    slow = [server.connect() for _ in cuts]
    for client, cut in zip(slow, cuts, strict=True):
        client.socket.sendall((head + body)[:cut])
    quick = server.connect()
    for _ in range(20):
        assert quick.ask("/quick").split()[1] == "/quick"
    for client, cut in zip(slow, cuts, strict=True):
        client.socket.sendall((head + body)[cut:])
        assert client.read()[1].split()[1:] == ["/form", body.decode()]
        assert client.ask("/again", b"y" * 20_000).split()[1:] == ["/again", "y" * 20_000]


def test_upload_is_read_as_it_comes(serve: Callable[..., Server]) -> None:
    client = serve("--threads", "1", "--keep-alive", "60").connect()
    assert client.ask("/upload", b"x" * 3_000_000).split()[1:] == ["/upload", "x" * 3_000_000]
    assert client.ask("/after").split()[1] == "/after"


def test_answer_to_an_upload_that_nobody_reads_arrives(serve: Callable[..., Server]) -> None:
    """Whoever sends a large file is told why it is refused, though the rest is still on the way then."""
    client = serve("--threads", "1", "--keep-alive", "60").connect()
    client.socket.sendall(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n")
    for _ in range(30):
        client.socket.sendall(b"x" * 1_000_000)
    assert client.read()[1].split()[1] == "/unread"


def test_body_of_unknown_length_is_refused(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "1", "--keep-alive", "60")
    client = server.connect()
    client.socket.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert client.read()[0] == "411"
    assert client.read() == ("", "")
    assert server.connect().ask("/").split()[1] == "/"


def test_no_header_says_what_address_was_asked_for(serve: Callable[..., Server]) -> None:
    client = serve("--threads", "1", "--keep-alive", "60").connect()
    lies = b"SCRIPT_NAME: //evil.example\r\nPATH_INFO: /metrics\r\nScript-Name: /x\r\nPath-Info: /metrics\r\n"
    client.socket.sendall(b"GET //evil.example/login/ HTTP/1.1\r\nHost: localhost\r\n" + lies + b"\r\n")
    assert client.read()[1].split()[1] == "//evil.example/login/"


def test_a_reply_goes_out_in_one_piece(serve: Callable[..., Server]) -> None:
    """Of one that was sent in two, a client would mostly get the head alone first."""
    client = serve("--threads", "2").connect()
    for path in ("/", "/empty"):
        for _ in range(20):
            client.send(path)
            head, end, body = client.socket.recv(65536).partition(b"\r\n\r\n")
            assert end
            assert b"Content-Length: %d" % len(body) in head


def test_an_idle_connection_is_closed_in_time(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "1", "--keep-alive", "1")
    asked, silent = server.connect(), server.connect()
    asked.ask("/")
    assert asked.read() == ("", "")
    assert silent.read() == ("", "")
    assert server.connect().ask("/").split()[1] == "/"


def test_a_connection_too_many_waits_until_another_leaves(serve: Callable[..., Server]) -> None:
    """Of four places one is a thread's, so that three are kept after a request; the fourth is who asks nothing yet."""
    server = serve("--threads", "1", "--keep-alive", "60", "--worker-connections", "4")
    held = [server.connect(), server.connect()]  # beside the one that saw the server ready
    for client in held:
        client.ask("/")
    server.connect()
    late = server.connect()
    late.send("/late")
    late.socket.settimeout(1.5)
    with pytest.raises(TimeoutError):
        late.socket.recv(1)
    held[0].close()
    late.socket.settimeout(10)
    assert late.read()[1].split()[1] == "/late"


def test_a_renewed_worker_loses_no_request(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "2", "--keep-alive", "60", "--max-requests", "25")
    seen = set()
    client = server.connect()
    for number in range(120):
        client.send(f"/{number}")
        status, text = client.read()
        if not status:  # the connection ended with the worker, before it read this
            client = server.connect()
            text = client.ask(f"/{number}")
        assert text.split()[1] == f"/{number}"
        seen.add(text.split()[0])
    assert len(seen) >= 3


def test_what_has_begun_is_finished_when_the_server_stops(serve: Callable[..., Server]) -> None:
    server = serve("--threads", "2", "--keep-alive", "60", "--graceful-timeout", "10")
    kept, slow = server.connect(), server.connect()
    kept.ask("/")
    slow.send("/slow?1")
    server.await_told("begun: /slow")
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert slow.read()[1].split()[1] == "/slow"
    assert server.stop() == 0
    assert time.monotonic() - begun < 8


def test_nobody_who_was_let_in_is_thrown_out_when_the_server_stops(serve: Callable[..., Server]) -> None:
    """Who comes meanwhile is served, or finds the door shut, and may ask again without having said anything twice."""
    server = serve("--threads", "2", "--keep-alive", "60")
    slow = server.connect()
    slow.send("/slow?1")
    server.await_told("begun: /slow")
    server.process.send_signal(signal.SIGTERM)
    n_served = 0
    while True:
        try:
            client = server.connect()
        except ConnectionRefusedError:
            break
        assert client.ask("/late").split()[1] == "/late"
        n_served += 1
    assert slow.read()[1].split()[1] == "/slow"  # the door was shut before this was over
    assert server.stop() == 0


def test_a_crowd_is_answered_by_a_server_that_stops_however_long_it_takes(serve: Callable[..., Server]) -> None:
    """Sixty requests of 50 ms have come, of kept and of new connections, and two seconds are not enough for them."""
    server = serve("--threads", "1", "--keep-alive", "60", "--graceful-timeout", "20")
    waiting = selectors.DefaultSelector()
    kept = [server.connect() for _ in range(30)]
    for client in kept:
        client.ask("/before")
    for client in (*kept, *(server.connect() for _ in range(30))):
        waiting.register(client.socket, selectors.EVENT_READ, client)
        client.send("/?0.05")
    server.process.send_signal(signal.SIGTERM)
    answers: list[str] = []
    while len(answers) < 60:
        for key, _ in waiting.select(10):
            answers.append(key.data.read()[0])
            waiting.unregister(key.fileobj)
            key.data.close()
    waiting.close()
    assert set(answers) == {"200"}
    assert server.stop() == 0


def test_a_setting_is_looked_up_once() -> None:
    config = Config()
    config.set("keepalive", 7)
    settled = Settled(config)
    assert (settled.keepalive, settled.threads) == (7, 1)
    config.set("keepalive", 8)
    assert settled.keepalive == 7
    with pytest.raises(AttributeError):
        _ = settled.no_such_setting
