"""The clock of a container without cron: has commands run every ten minutes, each in a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from django.conf import settings

logger = logging.getLogger(__name__)
EVERY_S = 600
NICE = 10  # whoever serves participants comes first
GRACE_S = 20  # for what runs when the clock is stopped
JOBS = (("check_alarms", "--send"), ("upkeep",))  # docs/systemd has a timer for each

Job = tuple[str, ...]


class Clock:
    """Starts each job anew when it is time and its last run is over; a long backup holds up no look for alarms."""

    def __init__(self, sign: Path | None, jobs: Sequence[Job] = JOBS) -> None:
        self.sign, self.jobs = sign, jobs
        self.running: dict[Job, subprocess.Popen[bytes]] = {}
        self.is_ending = False

    def run(self) -> None:
        """Go until asked to end, then end what runs."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end)
        while not self.is_ending:
            self.tick()
            until = time.monotonic() + EVERY_S
            while not self.is_ending and time.monotonic() < until:
                time.sleep(0.5)
        self.stop()

    def end(self, number: int, frame: FrameType | None) -> None:
        self.is_ending = True  # no more: a job might be starting at this very moment

    def tick(self) -> None:
        for job in self.jobs:
            old = self.running.get(job)
            if old is not None and old.poll() is None:
                logger.info("%s is still at work", " ".join(job))
                continue
            if old is not None and old.returncode:
                logger.warning("%s had ended with code %s", " ".join(job), old.returncode)
            child = subprocess.Popen([sys.executable, "manage.py", *job], cwd=settings.BASE_DIR)
            self.running[job] = child
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        if self.sign:
            self.sign.touch()

    def stop(self) -> None:
        for child in self.running.values():
            child.terminate()
        until = time.monotonic() + GRACE_S
        for child in self.running.values():
            try:
                child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
