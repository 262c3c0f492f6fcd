"""Addresses that no model lives at: this site's own database and broker, and what clouds tell only to their machines.

Models on private networks are welcome, beside the site or in the next rack. What whoever describes a model must not
do is have the worker read a cloud's keys, or talk to the servers that the site itself stands on.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from survey.llm.providers.contract import EndpointRefused
from survey.outbound import unwrapped

Place = tuple[str, int]  # numeric address, port
Resolver = Callable[[str, int], Collection[str]]
OF_CLOUDS = frozenset({"fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"})  # beside link-local ones


def resolve(host: str, port: int) -> Collection[str]:
    """Ask the system for a name's numeric addresses; none where the name is unknown: the call itself will tell."""
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    return ()


class Guard:
    """Looks at what names stand for before anything is connected to; a client has one of its own, for a while."""

    def __init__(self, resolver: Resolver = resolve) -> None:
        self._resolver = resolver
        self._own = frozenset(own_servers(resolver))

    def look_at(self, base_url: str) -> None:
        """Raise `EndpointRefused` where an endpoint's address, or what its name stands for now, is no model's place."""
        address = urlsplit(base_url)
        self.addresses(address.hostname or "", address.port or {"https": 443}.get(address.scheme, 80))

    def addresses(self, host: str, port: int) -> list[str]:
        """Give the numeric addresses that may be connected to, IPv4 first: an IPv6 way may lead nowhere, and slowly.

        None where the name is unknown; `EndpointRefused` if any of them is no place of a model.
        """
        found = self._resolver(host, port)
        places = {(plain(address), port) for address in found}
        if any(is_of_cloud(address) for address, _ in places):
            raise EndpointRefused(f"{host} stands for an address that clouds keep for their own machines.")
        if places & self._own:
            raise EndpointRefused(f"{host}:{port} is a server of this site itself, not a model.")
        return sorted(found, key=lambda address: ":" in address)


def plain(text: str) -> str:
    """Write an address in one way: that of IPv4 where IPv6 wraps one, and one for all of this machine's own."""
    real = unwrapped(ipaddress.ip_address(text))
    return "127.0.0.1" if real.is_loopback else str(real)


def is_of_cloud(text: str) -> bool:
    """Tell link-local addresses, and the few others under which clouds hand out keys."""
    found = ipaddress.ip_address(text)
    return found.is_link_local or found.is_multicast or found.is_unspecified or text in OF_CLOUDS


def own_servers(resolver: Resolver) -> Iterator[Place]:
    """Give where the database and the broker listen; a socket in a folder is out of any address's reach."""
    for host, port in own_names(settings.DATABASES["default"], settings.REDIS_URL):
        if host and not host.startswith("/"):
            yield from ((plain(found), port) for found in resolver(host, port))


def own_names(database: Mapping[str, Any], broker_url: str) -> list[Place]:
    """Read names and ports of the site's servers from its settings."""
    broker = urlsplit(broker_url)
    listed = [(str(database.get("HOST") or ""), int(database.get("PORT") or 5432))]
    if broker.scheme in ("redis", "rediss"):
        listed.append((broker.hostname or "", broker.port or 6379))
    return listed
