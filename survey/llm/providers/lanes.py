"""Connections to one server, each a lane of its own: a call takes a free one, the last used first.

The HTTP client's own pool looks at all its connections at every call, which costs more than the call when there are
hundreds of them.

Every connection is made to the numeric address that was looked at, TLS and the request still go by the name: a name
that stands for another address the second time gains nothing by it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

import httpcore2
import httpx2

from survey.llm.providers.neighbours import Guard

IDLE_S = 30.0  # servers close idle connections after some time: better not to meet that


class GuardedBackend(httpcore2.AnyIOBackend):
    """Makes connections to what the guard lets through; nobody asks for the name a second time."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError(f"the name {host} is not known")
        for address in await asyncio.to_thread(self._guard.addresses, host, port):
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


class Lane(httpx2.AsyncHTTPTransport):
    """One connection at the most, by the guard's leave."""

    def __init__(self, context: ssl.SSLContext, guard: Guard) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=IDLE_S,
            network_backend=GuardedBackend(guard),
        )


class Lanes(httpx2.AsyncBaseTransport):
    """As many connections as there ever were calls at a time."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._context: ssl.SSLContext | None = None
        self._free: list[Lane] = []
        self._all: list[Lane] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        lane = self._free.pop() if self._free else self._open()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)  # without its connection, which the failure has closed
            raise
        response.stream = _Borrowed(cast("httpx2.AsyncByteStream", response.stream), lane, self._free)
        return response

    def _open(self) -> Lane:
        self._context = self._context or httpx2.create_ssl_context()  # as SSL_CERT_FILE says, where it is set
        lane = Lane(self._context, self._guard)
        self._all.append(lane)
        return lane

    async def aclose(self) -> None:
        for lane in self._all:
            await lane.aclose()


class _Borrowed(httpx2.AsyncByteStream):
    """A reply under way; its lane is free again when it has been read or given up."""

    def __init__(self, stream: httpx2.AsyncByteStream, lane: Lane, free: list[Lane]) -> None:
        self._stream, self._lane, self._free = stream, lane, free

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._lane not in self._free:
                self._free.append(self._lane)
