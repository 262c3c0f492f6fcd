"""Django's templates, without the tags of the API's libraries: no page uses them, and they load whole frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.template.backends.django import DjangoTemplates, get_package_libraries

API_APPS = frozenset({"rest_framework", "drf_spectacular", "django_filters"})


class PageTemplates(DjangoTemplates):
    """Offers the tags of every application but those."""

    def get_templatetag_libraries(self, custom_libraries: dict[str, str]) -> dict[str, str]:
        found = {name.rpartition("templatetags.")[2]: name for name in libraries()}
        return found | custom_libraries


def libraries() -> Iterator[str]:
    """Name the modules with tags, by their full names."""
    applications = [one.name for one in apps.get_app_configs() if one.name not in API_APPS]
    for package in (f"{name}.templatetags" for name in ("django", *applications)):
        if find_spec(package):
            yield from get_package_libraries(import_module(package))
