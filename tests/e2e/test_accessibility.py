"""The rules are held: a page with known faults is told of each, with the element that has it."""

import pytest
from playwright.sync_api import Browser

from tests.e2e.accessibility import find_breaches

pytestmark = pytest.mark.browser
FAULTY = """<!doctype html><html><head><title>A page</title></head><body><main><h1>A page</h1>
<p style="color: #bbb; background: #fff">pale</p><img src="data:,"><input></main></body></html>"""
MENDED = """<!doctype html><html lang="en"><head><title>A page</title></head><body><main><h1>A page</h1>
<p>dark</p><img src="data:," alt="a dot"><label>Name <input></label></main></body></html>"""


def test_every_fault_of_a_page_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(FAULTY)
    assert [(one.rule, one.html[:10]) for one in sorted(find_breaches(page))] == [
        ("color-contrast", '<p style="'),
        ("html-has-lang", "<html><hea"),
        ("image-alt", '<img src="'),
        ("label", "<input>"),
    ]
    page.set_content(MENDED)
    assert find_breaches(page) == []
    page.context.close()
