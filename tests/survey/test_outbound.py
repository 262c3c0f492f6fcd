"""Addresses that people type in: what is called, and what never is."""

import ipaddress
import socket
import time
from collections.abc import Iterator, Sequence

import pytest

from survey.outbound import Blocked, Rules, Unreachable, check_address, is_public, post, read_target
from tests.loopback import Server, running_server

PUBLIC = Rules()
DEMO = Rules(is_loopback_allowed=True)


def at(*addresses: str) -> object:
    return lambda host, port: list(addresses)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "example.org", "", "https://", "https://example.org:8443/",
        "https://user:pass@example.org/", "https://user@example.org/", "https://example.org:notaport/",
        "https://exa mple.org/", "https://example.org/\nHost: inside", "file:///etc/passwd", "gopher://example.org",
        "http://127.0.0.1:8000/",
    ],
)  # fmt: skip
def test_addresses_of_another_form_are_refused(url: str) -> None:
    with pytest.raises(Blocked):
        read_target(url, PUBLIC)


def test_plain_http_is_for_this_machine_in_the_demo_alone() -> None:
    assert read_target("http://127.0.0.1:8000/x", DEMO).port == 8000
    assert read_target("http://localhost/x", DEMO).port == 80
    for url in ("http://example.org/", "http://10.0.0.1:8000/", "https://example.org:8000/"):
        with pytest.raises(Blocked):
            read_target(url, DEMO)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a00:1::", "2001:db8::1", "fec0::1",
    ],
)  # fmt: skip
def test_addresses_inside_are_never_called(address: str) -> None:
    with pytest.raises(Blocked, match="not on the open internet"):
        check_address("https://example.org/", PUBLIC, at(address))  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_on_the_open_internet_are(address: str) -> None:
    check_address("https://example.org/", PUBLIC, at(address))  # type: ignore[arg-type]


def test_one_address_inside_among_several_is_one_too_many() -> None:
    with pytest.raises(Blocked):
        check_address("https://example.org/", PUBLIC, at("93.184.216.34", "10.0.0.1"))  # type: ignore[arg-type]


def test_numbers_in_disguise_are_seen_as_what_the_system_takes_them_for() -> None:
    for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1"):
        with pytest.raises((Blocked, Unreachable)):
            check_address(f"https://{host}/", PUBLIC)
    assert not is_public(ipaddress.ip_address("::ffff:127.0.0.1"))


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as one:
        yield one


def test_message_arrives_with_its_headers(server: Server) -> None:
    answer = post(server.url("/201"), b'{"a": 1}', {"X-Mark": "m"}, rules=DEMO)
    assert (answer.status, answer.text, answer.is_good) == (201, "ok", True)
    ((path, headers, body),) = server.received
    assert (path, headers["X-Mark"], body) == ("/201", "m", b'{"a": 1}')
    assert headers["Host"] == f"127.0.0.1:{server.server_port}"


def test_connection_goes_to_the_address_that_was_looked_at(server: Server) -> None:
    """The name's second answer would lead inside: nobody asks a second time."""
    answers = iter([["127.0.0.1"], ["10.9.9.9"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    assert post(server.url(host="localhost"), b"{}", {}, rules=DEMO, resolver=rebinding).status == 200
    assert asked == ["localhost"]


def test_name_that_turned_inward_since_it_was_entered_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    connected: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: connected.append(a))

    def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    check_address("https://rebind.example/", PUBLIC, rebinding)
    with pytest.raises(Blocked):
        post("https://rebind.example/", b"{}", {}, rules=PUBLIC, resolver=rebinding)
    assert connected == []


def test_redirect_inward_is_not_followed(server: Server) -> None:
    for onward in ("http://169.254.169.254/latest/", "http://10.0.0.1/", "https://inside.example/", "ftp://x/"):
        server.onward = onward

        def inside(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"] if host == "127.0.0.1" else ["192.168.0.10"]

        with pytest.raises(Blocked):
            post(server.url("/to/elsewhere"), b"{}", {}, rules=DEMO, resolver=inside)


def test_redirects_are_followed_a_few_times_alone(server: Server) -> None:
    server.onward = "/200"
    assert post(server.url("/to/good"), b"{}", {}, rules=DEMO).status == 200
    assert [path for path, _, _ in server.received] == ["/to/good", "/200"]
    server.onward = "/to/itself"
    with pytest.raises(Unreachable, match="redirects"):
        post(server.url("/to/itself"), b"{}", {}, rules=DEMO)


def test_bytes_that_trickle_in_do_not_hold_us_up(server: Server) -> None:
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="in time"):
        post(server.url("/slow"), b"{}", {}, rules=DEMO, seconds=0.5)
    assert time.monotonic() - begun < 25


def test_nobody_there_is_told(server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, rules=DEMO, seconds=2)
    with pytest.raises(Unreachable, match="not known"):
        check_address("https://no-such-host.invalid/", PUBLIC)


def test_outside_the_demo_this_machine_is_not_called(server: Server) -> None:
    with pytest.raises(Blocked):
        post(server.url(), b"{}", {}, rules=PUBLIC)
    with pytest.raises(Blocked):
        post(f"https://localhost:{server.server_port}/", b"{}", {}, rules=PUBLIC)
    assert server.received == []
