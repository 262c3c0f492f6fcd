"""Connections to one server, each a lane of its own: a call takes a free one, the last used first.

The HTTP client's own pool looks at all its connections at every call, which costs more than the call when there are
hundreds of them.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import cast

import httpx2

IDLE_S = 30.0  # servers close idle connections after some time: better not to meet that
ONE = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S)


class Lanes(httpx2.AsyncBaseTransport):
    """As many connections as there ever were calls at a time."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._free: list[httpx2.AsyncHTTPTransport] = []
        self._all: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        lane = self._free.pop() if self._free else self._open()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)  # without its connection, which the failure has closed
            raise
        response.stream = _Borrowed(cast("httpx2.AsyncByteStream", response.stream), lane, self._free)
        return response

    def _open(self) -> httpx2.AsyncHTTPTransport:
        self._context = self._context or httpx2.create_ssl_context()  # as SSL_CERT_FILE says, where it is set
        lane = httpx2.AsyncHTTPTransport(verify=self._context, trust_env=False, limits=ONE)
        self._all.append(lane)
        return lane

    async def aclose(self) -> None:
        for lane in self._all:
            await lane.aclose()


class _Borrowed(httpx2.AsyncByteStream):
    """A reply under way; its lane is free again when it has been read or given up."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, lane: httpx2.AsyncHTTPTransport, free: list[httpx2.AsyncHTTPTransport]
    ) -> None:
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
