"""A chat-completions server that costs next to nothing: `python -m bench.model_server --port 0 --latency 0.5`.

Answers after a fixed time. With --rate it lets so many requests a second through (a token bucket of one second) and
answers 429 with `Retry-After: 1` beyond. GET /stats tells what it saw, POST /reset forgets it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from typing import Any

TOP = [{"token": "A", "logprob": -0.5108256}, {"token": "B", "logprob": -1.6094379}, {"token": "The", "logprob": -1.9}]
COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "model": "bench-model",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "A"},
            "logprobs": {"content": [{**TOP[0], "top_logprobs": TOP}]},
        }
    ],
    "usage": {"prompt_tokens": 120, "completion_tokens": 1, "total_tokens": 121},
}


def response(status: str, body: Any, *headers: str) -> bytes:
    raw = json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + raw


OK = response("200 OK", COMPLETION)
LIMITED = response("429 Too Many Requests", {"error": {"message": "slow down"}}, "Retry-After: 1")
NOT_FOUND = response("404 Not Found", {"error": {"message": "no such model"}})


class Book:
    """What the server saw, and the bucket that its rate fills."""

    def __init__(self, latency: float, rate: float) -> None:
        self.latency, self.rate = latency, rate
        self.reset()

    def reset(self) -> None:
        self.counts: Counter[str] = Counter()
        self.n_now = self.most_now = 0
        self.first = self.last = 0.0
        self.bucket, self.filled_at = self.rate, time.monotonic()

    def admits(self) -> bool:
        if not self.rate:
            return True
        now = time.monotonic()
        self.bucket = min(self.rate, self.bucket + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.bucket < 1:
            return False
        self.bucket -= 1
        return True

    def stats(self) -> dict[str, Any]:
        seconds = self.last - self.first
        return {**self.counts, "most_in_flight": self.most_now, "seconds": round(seconds, 3)}


class Talk(asyncio.Protocol):
    def __init__(self, book: Book) -> None:
        self.book = book
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            self._serve(head.split(b" ", 2)[1])

    def _serve(self, path: bytes) -> None:
        book = self.book
        if path == b"/stats":
            self.transport.write(response("200 OK", book.stats()))
        elif path == b"/reset":
            book.reset()
            self.transport.write(response("200 OK", {}))
        elif path != b"/v1/chat/completions":
            self.transport.write(NOT_FOUND)
        elif book.admits():
            book.first = book.first or time.monotonic()
            book.n_now += 1
            book.most_now = max(book.most_now, book.n_now)
            asyncio.get_running_loop().call_later(book.latency, self._answer)
        else:
            book.counts["limited"] += 1
            self.transport.write(LIMITED)

    def _answer(self) -> None:
        self.book.n_now -= 1
        self.book.counts["answered"] += 1
        self.book.last = time.monotonic()
        self.transport.write(OK)


async def serve(port: int, latency: float, rate: float) -> None:
    loop = asyncio.get_running_loop()
    book = Book(latency, rate)
    server = await loop.create_server(lambda: Talk(book), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0: no limit")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency, options.rate))


if __name__ == "__main__":
    main()
