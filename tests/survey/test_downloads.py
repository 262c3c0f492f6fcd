"""Downloads that give way: they rest while others are served, and only then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from survey.views.csv_lines import PART, write_lines, write_parts
from survey.views.downloads import LOOK, REST, give_way


class Clock:
    """A process with this thread and others: a part takes `LOOK`, all of it of this thread's processor time."""

    def __init__(self, others: float) -> None:
        self.others = others  # cores that other threads use
        self.now = self.mine = self.rested = 0.0

    def make_parts(self, n: int) -> list[bytes]:
        def parts() -> Iterator[bytes]:
            for number in range(n):
                self.now += LOOK
                self.mine += LOOK
                yield b"%d" % number

        return list(
            give_way(
                parts(),
                wall=lambda: self.now,
                of_thread=lambda: self.mine,
                of_process=lambda: self.mine + self.now * self.others,
                rest=self.rest,
            )
        )

    def rest(self, seconds: float) -> None:
        self.now += seconds
        self.rested += seconds


@pytest.mark.parametrize(("others", "rested"), [(0.0, 0.0), (0.3, 10 * REST * LOOK)])
def test_a_stream_rests_while_others_work(others: float, rested: float) -> None:
    clock = Clock(others)
    assert clock.make_parts(10) == [b"%d" % number for number in range(10)]
    assert clock.rested == pytest.approx(rested)


def test_it_goes_on_at_full_speed_once_the_others_are_done() -> None:
    clock = Clock(0.3)
    clock.make_parts(10)
    clock.others, clock.rested = 0.0, 0.0
    clock.make_parts(10)
    assert clock.rested == 0.0


def test_lines_are_sent_many_at_a_time() -> None:
    parts = list(write_parts([n, "é" * 50] for n in range(2000)))
    assert b"".join(parts).decode() == "".join(write_lines([n, "é" * 50] for n in range(2000)))
    assert len(parts) == 4
    assert all(len(part.decode()) >= PART and part.endswith(b"\n") for part in parts[:-1])
