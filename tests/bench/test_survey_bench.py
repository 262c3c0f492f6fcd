"""The bench beside other systems: what it reads, counts and holds against the budgets."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench.survey import report
from bench.survey.client import BrokenConnection, Browser
from bench.survey.flows import Flow, LimitFlow, WrongPage, with_index
from bench.survey.load import Crowd, Load
from bench.survey.meters import Meter, Reading
from bench.survey.potato import n_answers, write_project
from bench.survey.spec import N_ITEMS, N_SUBMITS, make_spec
from survey.instruments.schema import validate

SPEC = make_spec()


class Site:
    """A server that answers as it is told, one answer a request."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = iter(answers)
        self.asked: list[bytes] = []
        self.n_opened = self.n_closed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_opened += 1
        with suppress(asyncio.IncompleteReadError):
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                answer = next(self.answers)
                if not answer:
                    break
                writer.write(answer)
        writer.close()
        await writer.wait_closed()
        self.n_closed += 1


def talk(site: Site, n_requests: int) -> list[Any]:
    async def run() -> list[Any]:
        server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
        browser = Browser(server.sockets[0].getsockname()[1])
        replies: list[Any] = []
        for _ in range(n_requests):
            try:
                replies.append(await browser.get("/"))
            except BrokenConnection as error:
                replies.append(error)
        browser.close()
        while site.n_closed < site.n_opened:
            await asyncio.sleep(0.01)
        server.close()
        return replies

    return asyncio.run(run())


def test_client_reads_lengths_chunks_cookies_and_redirects() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: session=abc; Path=/\r\n\r\nhello"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n"
    moved = b"HTTP/1.1 303 See Other\r\nLocation: /next/\r\nContent-Length: 0\r\n\r\n"
    site = Site(plain, chunked, moved)
    first, second, third = talk(site, 3)
    assert (first.status, first.body, first.cookies) == (200, b"hello", {"session": "abc"})
    assert second.body == b"foobar"
    assert (third.status, third.location) == (303, "/next/")
    assert [b"Cookie: session=abc\r\n" in head for head in site.asked] == [False, True, True]


def test_client_sends_once_more_only_where_an_old_connection_was_closed() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    good, again = talk(Site(plain, b"", plain), 2)
    assert (good.body, again.body) == (b"ok", b"ok")
    assert isinstance(talk(Site(b""), 1)[0], BrokenConnection)


def test_spec_is_a_valid_instrument_of_twenty_four_items() -> None:
    from bench.survey.spec import definition

    assert validate(definition()) == []
    assert (N_ITEMS, N_SUBMITS, SPEC["n_items"]) == (24, 27, 24)
    assert len({item["scenario"] for item in SPEC["items"]}) == len(SPEC["items"]) >= 24


class Pages(Flow):
    """A system without a server: it shows what it is told to."""

    shows: Iterator[str]

    async def enter(self) -> None:
        self.page = b"x " + self.mark_of(0)

    async def send(self, answers: dict[str, str]) -> None:
        self.page = b"x " + self.mark_of(self.step + 1)

    def mark_of(self, step: int) -> bytes:
        now, self.step = self.step, step
        found = b"" if 2 <= step <= N_ITEMS + 1 else self.mark()
        self.step = now
        return found

    def find_item(self) -> str:
        return next(self.shows)


def drive(shows: Iterator[str]) -> Any:
    kind = type("Told", (Pages,), {"shows": shows})
    load = Load(1, seconds=0.2, warm_up=0.0, warm_submits=0)

    class Still(Meter):
        def read(self) -> Reading:
            return Reading(0.0, 0.0, 0.0, 0.0, 0.0)

    return asyncio.run(Crowd(load, kind, with_index(SPEC), 1, map(str, count())).run(Still(0, 0)))


def test_a_participant_who_sees_every_page_once_is_no_error() -> None:
    outcome = drive(f"item {number}" for number in count())
    assert outcome.errors == Counter()
    assert outcome.n_participants > 0
    assert len(outcome.took) >= outcome.n_participants * (N_SUBMITS - 1)


def test_an_item_shown_twice_is_an_error() -> None:
    outcome = drive("the same" for _ in count())
    assert outcome.n_participants == 0
    assert all(name == "WrongPage: item the same again" for name in outcome.errors)
    assert outcome.errors


def test_an_item_page_must_say_which_it_is() -> None:
    flow = LimitFlow(Browser(1), with_index(SPEC), "code")
    flow.step = 4
    item = SPEC["items"][7]
    flow.page = f'<h1>Situation 3 of 24</h1><div class="scenario">\n<p>{item["scenario"]}</p>'.encode()
    assert flow.find_item() == item["code"]
    flow.step = 5
    with pytest.raises(WrongPage):
        flow.find_item()


def run_of(system: str, load: str, **values: Any) -> dict[str, Any]:
    blank = dict.fromkeys(report.MIDDLE, 1.0)
    row = {"system": system, "load": load, "cores": 1, "errors": {}, "is_disturbed": False, "is_driver_busy": False}
    return {**blank, **row, **values}


def goal(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return next(one for one in report.summarise(rows, {})["goals"] if one["id"] == key)


def test_goals_take_medians_and_the_best_peer() -> None:
    rows = [run_of("ours", "20", submits_per_s=rate) for rate in (300.0, 500.0, 400.0)]
    rows += [run_of("otree", "20", submits_per_s=40.0), run_of("potato", "20", submits_per_s=50.0)]
    first = goal(rows, "P1")
    assert (first["value"], first["holds"], first["is_stretch"]) == (8.0, True, False)
    assert goal(rows, "P2")["holds"] is None


def test_the_goal_in_milliseconds_is_held_against_the_machine_it_was_set_on() -> None:
    ours = run_of("ours", report.THINK, p95_ms=24.0)
    assert goal([ours], "P4a")["value"] is None
    twice_as_slow = goal([ours, run_of("otree", "20", cpu_ms=2 * report.GOALS_OTREE_CPU_MS)], "P4a")
    assert (twice_as_slow["value"], twice_as_slow["holds"]) == (12.0, True)
    as_fast = goal([ours, run_of("otree", "20", cpu_ms=report.GOALS_OTREE_CPU_MS)], "P4a")
    assert (as_fast["value"], as_fast["holds"]) == (24.0, False)


def test_a_must_that_does_not_hold_is_named() -> None:
    rows = [
        run_of("ours", "20", submits_per_s=100.0, errors={"WrongPage": 2}),
        run_of("potato", "20", submits_per_s=50.0),
    ]
    told = report.broken(report.summarise(rows, {}))
    assert [line.split(" ")[0] for line in told] == ["P1", "P5", "R0"]


def test_a_driver_that_measured_itself_is_named() -> None:
    rows = [run_of("limit", "20", driver_share=0.7, is_driver_busy=True)]
    assert report.broken(report.summarise(rows, {})) == ["the driver was too busy with limit, 20 at once: 0.7"]


def test_table_replaces_what_stands_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_between_markers(page, "| new |\n")
    assert page.read_text() == f"before\n{report.BEGIN}\n| new |\n{report.END}\nafter\n"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match="lacks the markers"):
        report.write_between_markers(page, "")


def test_potato_gets_every_item_and_its_answers_are_counted(tmp_path: Path) -> None:
    settings = write_project(SPEC, tmp_path / "project")
    assert len((settings.parent / "items.json").read_text().splitlines()) == len(SPEC["items"])
    state = tmp_path / "user_state.json"
    label = [{"schema": "norm", "name": "culture"}, "culture"]
    state.write_text(f'{{"instance_id_to_label_to_value": {{"BR01": [{label!s}, {label!s}]}}}}'.replace("'", '"'))
    assert n_answers(state) == 2
