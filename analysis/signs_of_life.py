"""Signs of life of whoever computes something for long: written from a thread with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

SIGN_SECONDS = 5.0


@contextmanager
def signs_of_life(of: object, tell: Callable[[], object]) -> Iterator[None]:
    """Tell every few seconds that the work goes on."""
    is_over = threading.Event()

    def keep_telling() -> None:
        try:
            while not is_over.wait(SIGN_SECONDS):
                tell()
        finally:
            connection.close()

    thread = threading.Thread(target=keep_telling, name=f"signs of life of {of}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
