"""A real HTTP server on this machine that speaks chat completions, well or badly as a test wants it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler"], None]


class ModelServer(ThreadingHTTPServer):
    """Plays `script` one behaviour a request, then `usual`; keeps what it received."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[Behaviour] = deque()
        self.usual: Behaviour = answer()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.n_in_flight = 0
        self.most_in_flight = 0
        self.released = threading.Event()
        self.guard = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.guard:
            server.bodies.append(body)
            server.keys.append(self.headers.get("Authorization"))
            server.paths.append(self.path)
            server.n_in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.n_in_flight)
            behaviour = server.script.popleft() if server.script else server.usual
        try:
            behaviour(self)
        finally:
            with server.guard:
                server.n_in_flight -= 1

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def completion(text: str = "A", **choice: Any) -> dict[str, Any]:
    """Give a chat completion in the shape that endpoints send, 0.6 on A and 0.2 on B."""
    top = [
        {"token": "A", "logprob": -0.5108256, "bytes": [65]},
        {"token": "B", "logprob": -1.6094379, "bytes": [66]},
        {"token": "The", "logprob": -1.89712, "bytes": None},
    ]
    first = {"token": "A", "logprob": -0.5108256, "bytes": [65], "top_logprobs": top}
    message = {"role": "assistant", "content": text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "model": "served-model-1",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": [first]}, **choice}
        ],
        "usage": {"prompt_tokens": 120, "completion_tokens": 1, "total_tokens": 121},
    }


def answer(text: str = "A", *, delay: float = 0.0, **choice: Any) -> Behaviour:
    def behave(handler: Handler) -> None:
        time.sleep(delay)
        handler.send(200, json.dumps(completion(text, **choice)).encode())

    return behave


def raw(body: bytes, status: int = 200) -> Behaviour:
    return lambda handler: handler.send(status, body)


def fail(status: int, message: str = "no", *, code: str | None = None, **headers: str) -> Behaviour:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return lambda handler: handler.send(status, body, **headers)


def hang_up(handler: Handler) -> None:
    """Close the connection in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hang(handler: Handler) -> None:
    """Say nothing until the test is over."""
    handler.server.released.wait(60)
    handler.close_connection = True
