"""A test without rollback finds what all tests find at first, and leaves it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from survey.models import Item, Text
from tests import shipped
from tests.factories import make_study


def rows() -> dict[str, tuple[int, str]]:
    """Give how many rows each table has, and a sum of them all."""
    found = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t")
            found[name] = cursor.fetchone()
    return found


def exchange() -> None:
    ContentType.objects.create(app_label="x")
    ContentType.objects.order_by("pk")[0].delete()


CHANGES: dict[str, Callable[[], object]] = {
    "added": make_study,
    "changed": lambda: Text.objects.filter(pk=Text.objects.values("pk")[:1]).update(body="y"),
    "deleted": lambda: Permission.objects.order_by("pk")[0].delete(),
    "one for another": lambda: (
        ContentType.objects.create(app_label="x"),
        ContentType.objects.order_by("pk")[0].delete(),
    ),
    "all gone": lambda: Item.objects.all()._raw_delete("default"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_was_written_is_undone(change: Callable[[], object]) -> None:
    before = rows()
    assert before["survey_text"][0] > 6000
    change()
    assert rows() != before
    shipped.put_back()
    assert rows() == before
