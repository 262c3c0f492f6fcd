"""A light HTTP client: one connection a participant, one request after the other, little work for the driver."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class BrokenConnection(RuntimeError):
    """The server hung up before it had answered."""


class Reply(NamedTuple):
    status: int
    location: str
    cookies: Mapping[str, str]
    body: bytes


class Wire(asyncio.Protocol):
    """One connection; reads one answer at a time, of announced length or in chunks."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.answer: asyncio.Future[tuple[bytes, bytes]] | None = None
        self.head = b""
        self.length = -1  # of the body; -1: in chunks
        self.n_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def send(self, request: bytes) -> asyncio.Future[tuple[bytes, bytes]]:
        assert self.transport is not None
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.n_bytes += len(data)
        self.buffer += data
        if not self.head:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            self.length = announced(self.head)
        if self.length >= 0:
            if len(self.buffer) >= self.length:
                self.finish(self.buffer[: self.length], self.buffer[self.length :])
        elif (parts := read_chunks(self.buffer)) is not None:
            self.finish(*parts)

    def finish(self, body: bytes, rest: bytes) -> None:
        head, self.head, self.buffer = self.head, b"", rest
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((head, body))
        if b"\r\nconnection: close" in head.lower() and self.transport is not None:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(BrokenConnection(str(error or "hung up")))


def announced(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return -1 if b"\r\ntransfer-encoding: chunked" in lower else 0
    return int(head[at + 17 :].split(b"\r\n", 1)[0])


def read_chunks(buffer: bytes) -> tuple[bytes, bytes] | None:
    """Put a chunked body together; None while some of it is still to come."""
    body, at = b"", 0
    while (end := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:end].split(b";")[0], 16)
        at = end + 2 + size + 2
        if len(buffer) < at:
            return None
        if not size:
            return body, buffer[at:]
        body += buffer[end + 2 : at - 2]
    return None


class Browser:
    """What one participant has open: a connection, opened anew where the server closed it, and cookies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.wire: Wire | None = None
        self.cookies: dict[str, str] = {}
        self.n_requests = self.n_bytes = 0

    async def get(self, path: str) -> Reply:
        return await self.ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n", b"")

    async def post(self, path: str, data: Mapping[str, str], more: str = "") -> Reply:
        return await self.send(path, urlencode(data).encode(), FORM, more)

    async def send(self, path: str, body: bytes, kind: str, more: str = "") -> Reply:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: {kind}\r\n"
        return await self.ask(f"{head}Content-Length: {len(body)}\r\n{more}", body)

    async def ask(self, head: str, body: bytes) -> Reply:
        if self.cookies:
            head += "Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()) + "\r\n"
        request = head.encode() + b"Accept-Encoding: identity\r\n\r\n" + body
        is_old = self.wire is not None and self.wire.is_open
        wire = await self.connect()
        before = wire.n_bytes
        try:
            answered, found = await wire.send(request)
        except BrokenConnection:
            if not is_old or wire.n_bytes > before:
                raise
            wire, before = await self.connect(), 0  # closed while it lay idle: browsers send once more, too
            answered, found = await wire.send(request)
        self.n_requests += 1
        self.n_bytes += wire.n_bytes - before
        status, location, cookies = read_head(answered)
        self.cookies.update(cookies)
        return Reply(status, location, cookies, found)

    async def connect(self) -> Wire:
        """Give the open connection, or open one."""
        if self.wire is None or not self.wire.is_open:
            _, self.wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", self.port)
        return self.wire

    def close(self) -> None:
        if self.wire is not None and self.wire.transport is not None:
            self.wire.transport.close()


def read_head(head: bytes) -> tuple[int, str, dict[str, str]]:
    """Read the status, where a redirect leads to, and the cookies that are set."""
    status, location, cookies = int(head[9:12]), "", {}
    if status >= 300 or b"ookie:" in head:
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            if name.lower() == "location":
                location = value
            elif name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                cookies[key] = rest.partition(";")[0]
    return status, location, cookies
