"""A real HTTP server on this machine that speaks chat completions, well or badly as a test wants it."""

from __future__ import annotations

import gzip
import ipaddress
import json
import ssl
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "model.example.org"  # what servers with a certificate go by beside their number

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
        self.hosts: list[str | None] = []
        self.n_in_flight = 0
        self.most_in_flight = 0
        self.released = threading.Event()
        self.guard = threading.Lock()
        self.certificate: Path | None = None

    @property
    def base_url(self) -> str:
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.server_port}/v1"

    def encrypt(self, certificate: Path) -> None:
        """Speak TLS with this certificate and key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.certificate = certificate

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: clients that go away in the middle are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the receipt of its headers
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.guard:
            server.bodies.append(body)
            server.keys.append(self.headers.get("Authorization"))
            server.paths.append(self.path)
            server.hosts.append(self.headers.get("Host"))
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


def error_inside(kind: str, message: str = "no") -> Behaviour:
    """Send an error as if it were a success."""
    return raw(json.dumps({"error": {"message": message, "type": kind}}).encode())


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


def drip(handler: Handler) -> None:
    """Send an answer byte by byte, so that something always just came."""
    body = json.dumps(completion()).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for index in range(len(body)):
        if handler.server.released.wait(0.05):
            break
        handler.wfile.write(body[index : index + 1])
    handler.close_connection = True


def gzipped(body: bytes) -> Behaviour:
    return lambda handler: handler.send(200, gzip.compress(body), Content_Encoding="gzip")


def zeros_gzipped(n: int) -> Iterator[bytes]:
    """Pack so many zeros, a piece at a time."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    for _ in range(n // 1_000_000):
        yield packer.compress(bytes(1_000_000))
    yield packer.flush()


def write_certificate(path: Path, first_day: int, last_day: int) -> Path:
    """Write a key and a certificate for this machine and `NAME` that it signed itself; days count from today."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "model server of the tests")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(NAME)]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=first_day))
        .not_valid_after(now + timedelta(days=last_day))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
