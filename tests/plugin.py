"""pytest plugin (`-p tests.plugin`): the servers the tests need, started before the settings are read.

The environment passes the addresses on, so every pytest-xdist worker uses the controller's servers, in a
database of its own. DATABASE_URL and REDIS_URL, where set, are used instead.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pact_site import embedded
from pact_site.processes import LaunchError

TEST_SETTINGS = {"SECRET_KEY": "for-tests-only", "STATIC_MANIFEST": "0", "HTTPS": "0", "SECOND_FACTOR": "0"}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start what the environment does not name; the clean-up runs whichever way pytest ends."""
    os.environ.update({name: os.environ.get(name, value) for name, value in TEST_SETTINGS.items()})
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    try:
        running = stack.enter_context(embedded.throwaway())
    except LaunchError as error:
        raise pytest.UsageError(str(error)) from error
    if not os.environ.get("DATABASE_URL"):
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]  # they would lead the client elsewhere
    os.environ.update(DATABASE_URL=running.database, REDIS_URL=running.redis)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage once, after collecting: half a million objects stay to the end, and searching them was a tenth.

    What a test leaves is searched as ever.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
