"""The bench beside other systems: what it reads, counts and holds against the budgets."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench import goals, kept
from bench.survey import report
from bench.survey.__main__ import BY, faults_of, parse
from bench.survey.client import BrokenConnection, Browser
from bench.survey.flows import Flow, LimitFlow, WrongPage, with_index
from bench.survey.load import Crowd, Load
from bench.survey.meters import Meter, Reading
from bench.survey.potato import n_answers, write_project
from bench.survey.spec import N_ITEMS, N_SUBMITS, make_spec
from survey.instruments.schema import validate

SPEC = make_spec()
FACTS = {
    "at": "2026-01-02 03:04 UTC", "commit": "abc1234", "call": "python -m bench.survey --full", "minutes": 20,
    "processor": "a processor", "cores": 2, "kernel": "6.1", "python": "3.11", "versions": {"django": "5.2"},
    "postgresql": {"server_version": "15", "fsync": "on"}, "fdatasync_us": 100,
}  # fmt: skip


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
    values = report.summarise(rows, {})["goals"]
    return next(one for one in goals.now(BY, values, None) if one["id"] == key)


def test_goals_take_medians_and_the_best_peer() -> None:
    rows = [run_of("ours", "20", submits_per_s=rate) for rate in (300.0, 500.0, 400.0)]
    rows += [run_of("otree", "20", submits_per_s=40.0), run_of("potato", "20", submits_per_s=50.0)]
    first = goal(rows, "P1")
    assert (first["value"], first["holds"], first["is_stretch"]) == (8.0, True, False)
    assert goal(rows, "P2")["holds"] is None


def test_memory_is_held_against_the_peer_and_by_itself() -> None:
    rows = [run_of("ours", "500", memory_mb=80.0), run_of("otree", "500", memory_mb=90.0)]
    assert (goal(rows, "P8a")["value"], goal(rows, "P8a")["holds"]) == (0.889, True)
    assert (goal(rows, "P8b")["holds"], goal(rows, "P8b")["is_stretch"]) == (None, False)
    rows[0]["memory_mb"] = 59.0
    assert goal(rows, "P8b")["is_stretch"]


def test_without_a_run_of_ours_nothing_is_said_of_its_errors() -> None:
    assert goal([run_of("otree", "20")], "R0")["value"] is None


def test_the_goal_in_milliseconds_is_held_against_the_machine_it_was_set_on() -> None:
    ours = run_of("ours", report.THINK, p95_ms=24.0)
    assert goal([ours], "P4a")["value"] is None
    twice_as_slow = goal([ours, run_of("otree", "20", cpu_ms=2 * report.GOALS_OTREE_CPU_MS)], "P4a")
    assert (twice_as_slow["value"], twice_as_slow["holds"]) == (12.0, True)
    as_fast = goal([ours, run_of("otree", "20", cpu_ms=report.GOALS_OTREE_CPU_MS)], "P4a")
    assert (as_fast["value"], as_fast["holds"]) == (24.0, False)


def faults(rows: list[dict[str, Any]], docs: Path, *, is_whole: bool = False) -> list[str]:
    result = report.summarise(rows, {})
    return faults_of(result, goals.now(BY, result["goals"], docs), is_whole=is_whole)


def test_a_must_that_does_not_hold_is_named(tmp_path: Path) -> None:
    rows = [
        run_of("ours", "20", submits_per_s=100.0, errors={"WrongPage": 2}),
        run_of("potato", "20", submits_per_s=50.0),
    ]
    assert [line.split(" ")[0] for line in faults(rows, tmp_path)] == ["P1", "P5", "R0"]


def test_a_whole_run_fails_where_a_must_was_not_measured_by_any_bench(tmp_path: Path) -> None:
    rows = [run_of("ours", "20"), run_of("potato", "20"), run_of("otree", "20")]
    unmeasured = [line for line in faults(rows, tmp_path, is_whole=True) if "was not measured" in line]
    assert [line.split(" ")[0] for line in unmeasured] == [
        *("P2", "P3", "P4a", "P4b", "P6", "P7", "P8a", "P9a", "P9b", "P9c", "P10", "R1", "R2"),
    ]  # fmt: skip
    assert "python -m bench.beside does" in next(line for line in unmeasured if line.startswith("P10"))
    assert [line for line in faults(rows, tmp_path) if "was not measured" in line] == []


def test_what_this_bench_kept_earlier_is_no_measurement_of_now(tmp_path: Path) -> None:
    facts = {"at": "then", "commit": "abc"}
    kept.keep(tmp_path, "survey", {"facts": facts, "goals": {"P2": 99.0}})
    kept.keep(tmp_path, "beside", {"facts": facts, "goals": {"P10": 20.0}})
    told = {one["id"]: one for one in goals.now(BY, {"P1": 9.0}, tmp_path)}
    assert (told["P1"]["source"], told["P2"]["value"], told["P10"]["source"]) == ("now", None, "then, abc")


def test_a_driver_that_measured_itself_is_named(tmp_path: Path) -> None:
    rows = [run_of("limit", "20", driver_share=0.7, is_driver_busy=True)]
    assert faults(rows, tmp_path) == ["the driver was too busy with limit, 20 at once: 0.7"]


def test_only_a_whole_run_goes_to_the_projects_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--full", "--docs"]).docs == kept.DOCS
    with pytest.raises(SystemExit):
        parse(["--at-once", "20", "--docs"])
    assert "whole runs only" in capsys.readouterr().err


def test_whole_participants_stand_beside_the_rate_of_submits() -> None:
    rows = [run_of("ours", "20", submits_per_s=450.0, completed=157, seconds=10)]
    shown = report.load_table(report.summarise(rows, FACTS))
    heading, line = (line.split(" | ") for line in shown.splitlines() if line.startswith(("| at once", "| 20")))
    told = dict(zip(heading, line, strict=True))
    assert (told[f"submits/min ÷ {N_SUBMITS}"], told["came to the end"]) == ("1,000", "157 in 10 s")


def test_potato_gets_every_item_and_its_answers_are_counted(tmp_path: Path) -> None:
    settings = write_project(SPEC, tmp_path / "project")
    assert len((settings.parent / "items.json").read_text().splitlines()) == len(SPEC["items"])
    state = tmp_path / "user_state.json"
    label = [{"schema": "norm", "name": "culture"}, "culture"]
    state.write_text(f'{{"instance_id_to_label_to_value": {{"BR01": [{label!s}, {label!s}]}}}}'.replace("'", '"'))
    assert n_answers(state) == 2
