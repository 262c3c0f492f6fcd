"""Guarded calls to addresses that people type in: to public servers only, at the very address that was looked at.

Whoever may enter an address could otherwise have the server call its own neighbours: the database, a cloud's
metadata, an internal page. So every connection is checked by the numeric address that it is made to, redirects
included; names are resolved once per connection, and that result is what is connected to. A name that resolves to a
private address the second time gains nothing by it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore2
import httpx2
from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
SECONDS = 10.0
MOST_BYTES = 64 * 1024  # of a reply; more is not read
MOST_REDIRECTS = 3
SAME_AGAIN = (307, 308)  # redirects that keep method and body; others would turn a message into a look
HARMLESS = "https"
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Blocked(ValueError):
    """The address is none that this site calls; the text says why."""


class Unreachable(RuntimeError):
    """No reply came; the text says why."""


class Rules(NamedTuple):
    """What may be called: ports of public servers by https, and this machine by anything where that is allowed."""

    ports: Collection[int] = (443,)
    is_loopback_allowed: bool = False


class Target(NamedTuple):
    scheme: str
    host: str
    port: int


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def site_rules() -> Rules:
    return Rules(frozenset(settings.OUTBOUND_PORTS), settings.OUTBOUND_LOOPBACK)


def read_target(url: str, rules: Rules) -> Target:
    """Take an address apart; `Blocked` for one that is not of the allowed form. Resolves nothing."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise Blocked("this is no web address") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Blocked("the address must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise Blocked("the address must not hold a name or a password")
    if any(character.isspace() or ord(character) < 32 for character in url):
        raise Blocked("the address must not hold spaces")
    target = Target(parts.scheme, parts.hostname, port)
    if _may_be_loopback(parts, rules):
        return target
    if parts.scheme != HARMLESS:
        raise Blocked("the address must begin with https://")
    if port not in rules.ports:
        raise Blocked(f"port {port} is not among those allowed: {', '.join(map(str, sorted(rules.ports)))}")
    return target


def _may_be_loopback(parts: SplitResult, rules: Rules) -> bool:
    """Tell whether an address names this machine by itself, where that is allowed: then any scheme and port go."""
    if not rules.is_loopback_allowed:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return is_loopback(ipaddress.ip_address(parts.hostname or ""))
    except ValueError:
        return False


def unwrapped(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 one stands for, where it stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else address


def is_loopback(address: Address) -> bool:
    return unwrapped(address).is_loopback


def is_public(address: Address) -> bool:
    """Tell whether an address is on the open internet: not private, local, reserved, shared or for many."""
    real = unwrapped(address)
    is_old_local = isinstance(real, ipaddress.IPv6Address) and real.is_site_local
    return real.is_global and not (real.is_multicast or real.is_reserved or real.is_link_local or is_old_local)


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for a name's numeric addresses."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"the name {host} is not known") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed_addresses(host: str, port: int, rules: Rules, resolver: Resolver = resolve) -> list[str]:
    """Resolve a name once; `Blocked` if any of what it stands for may not be called."""
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in resolver(host, port)]
    if not found:
        raise Unreachable(f"the name {host} is not known")
    for address in found:
        if not (is_public(address) or (rules.is_loopback_allowed and is_loopback(address))):
            raise Blocked(f"{host} is at {address}, which is not on the open internet")
    return [str(address) for address in found]


def check_address(url: str, rules: Rules | None = None, resolver: Resolver = resolve) -> None:
    """Say of an address that somebody types in whether it may be called as things stand; `Blocked` or `Unreachable`."""
    rules = rules or site_rules()
    target = read_target(url, rules)
    allowed_addresses(target.host, target.port, rules, resolver)


class Deadline:
    """When everything has to be over, however slowly bytes trickle in."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("time is up")
        return left


class _TimedStream(httpcore2.NetworkStream):
    """A stream whose every wait ends at the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received: bytes = self._stream.read(max_bytes, self._deadline.left())
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """Makes connections by the numeric address that was checked; TLS still goes by the name in the address."""

    def __init__(self, rules: Rules, deadline: Deadline, resolver: Resolver = resolve) -> None:
        self._rules, self._deadline, self._resolver = rules, deadline, resolver
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = Unreachable(f"the name {host} is not known")
        for address in allowed_addresses(host, port, self._rules, self._resolver):
            try:
                stream = self._plain.connect_tcp(address, port, self._deadline.left(), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    rules: Rules | None = None,
    seconds: float = SECONDS,
    resolver: Resolver = resolve,
) -> Answer:
    """Send a message and give the answer, within so many seconds in all; `Blocked` or `Unreachable` if none comes."""
    rules = rules or site_rules()
    deadline = Deadline(seconds)
    for _ in range(MOST_REDIRECTS + 1):
        read_target(url, rules)
        status, text, onward = _post_once(url, body, headers, GuardedBackend(rules, deadline, resolver))
        if status not in SAME_AGAIN or not onward:
            return Answer(status, text)
        url = urljoin(url, onward)
    raise Unreachable(f"more than {MOST_REDIRECTS} redirects")


def _post_once(url: str, body: bytes, headers: Mapping[str, str], backend: GuardedBackend) -> tuple[int, str, str]:
    """Send a message once, over a connection of its own; give status, beginning of the text, and where to go on."""
    sent = {**headers, "Host": urlsplit(url).netloc, "Content-Length": str(len(body))}
    try:
        with (
            httpcore2.ConnectionPool(httpx2.create_ssl_context(), network_backend=backend) as pool,
            pool.stream("POST", url, headers=list(sent.items()), content=body) as response,
        ):
            text = _beginning(response.iter_stream())
            onward = next((value for name, value in response.headers if name.lower() == b"location"), b"")
            return response.status, text, onward.decode("latin-1")
    except httpcore2.TimeoutException as error:
        raise Unreachable("no answer in time") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError) as error:
        raise Unreachable(str(error) or type(error).__name__) from error


def _beginning(parts: Iterable[bytes]) -> str:
    received = b""
    for part in parts:
        received += part
        if len(received) >= MOST_BYTES:
            break
    return received[:MOST_BYTES].decode("utf-8", "replace")
