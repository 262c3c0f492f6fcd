"""Waiting for what another process, thread or page does in its own time."""

import time
from collections.abc import Callable

import pytest

PATIENCE_SECONDS = 90


def wait_until(holds: Callable[[], bool], *, tell: Callable[[], object] = lambda: "") -> None:
    """Ask until something holds; fail after long with what `tell` says then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"still not after {PATIENCE_SECONDS} s {tell()}")
        time.sleep(0.05)
