"""What the page templates need beyond Django's own filters."""

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def of(mapping: Mapping[str, str], key: str) -> str:
    """Give the mapping's value for a key, empty when it has none."""
    return mapping.get(key, "")


@register.filter
def pairs(mapping: Mapping[str, object]) -> list[tuple[str, object]]:
    """Give keys and values, whatever the keys: `mapping.items` is the value of a key that is called items."""
    return list(mapping.items())
