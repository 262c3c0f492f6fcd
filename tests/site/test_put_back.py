"""What a test without rollback leaves is put back, also while somebody still writes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection

from survey.models import Study
from tests import shipped
from tests.factories import make_study

ADDRESS = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
WAIT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def write_late(address: dict[str, Any], first: str, last: str, has_begun: threading.Event) -> None:
    """Hold what is cleaned last, and once the cleaner waits for it, want what that holds already."""
    with psycopg.connect(**address) as writer, psycopg.connect(**address, autocommit=True) as watcher:
        writer.execute("SET deadlock_timeout = '60s'")  # so that it is the cleaner who is told
        writer.execute(f'LOCK TABLE "{last}" IN ROW EXCLUSIVE MODE')
        has_begun.set()
        while watcher.execute(WAIT).fetchone() == (0,):
            time.sleep(0.02)
        writer.execute(f'LOCK TABLE "{first}" IN ROW EXCLUSIVE MODE')


@pytest.mark.django_db(transaction=True)
def test_cleaner_begins_again_where_a_late_writer_and_it_wait_for_each_other() -> None:
    make_study()
    address = {name: connection.settings_dict[key] for name, key in ADDRESS.items() if connection.settings_dict[key]}
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    has_begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_late, address, names[0], names[-1], has_begun)
        assert has_begun.wait(10)
        shipped.put_back()
        writing.result(10)
    assert not Study.objects.exists()
