"""What a person does with a thumb: on a phone, by touch alone."""

import re

from conftest import Visit
from playwright.sync_api import expect
from test_console import APPLE, PHONE

# WCAG 2.2, success criterion 2.5.8.
TARGET_MIN_PIXELS = 24
SMALL_TARGETS = """least => [...document.querySelectorAll('a[href], button, input, select, summary')]
  .filter(one => one.checkVisibility() && !one.closest('p, label') && one.getBoundingClientRect().width > 1)
  .map(one => [one.textContent.trim() || one.name || one.id, one.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.width, box.height) < least)
  .map(([name, box]) => `${name}: ${Math.round(box.width)} x ${Math.round(box.height)}`)"""


def hold_to_a_thumb(page, where):
    assert page.evaluate(SMALL_TARGETS, TARGET_MIN_PIXELS) == [], where
    assert page.evaluate("visualViewport.scale") == 1, where


def test_an_order_is_placed_and_everything_is_stopped_by_touch(stack, chromium):
    if not any(one["status"] == "connected" for one in stack.api("tess", "GET", "connections")["connections"]):
        stack.login("paper-tess", "DU0000009")
        stack.connect("tess", "paper-tess")
    stack.control("PUT", "prices", {"conid": APPLE, "price": "150.00"})
    visit = Visit(stack, chromium, viewport=PHONE, has_touch=True, is_mobile=True)
    page = visit.sign_in("tess")
    hold_to_a_thumb(page, "Orders")
    page.get_by_role("navigation").get_by_role("link", name="New order", exact=True).tap()
    hold_to_a_thumb(page, "New order")
    page.get_by_label("Account").select_option("DU0000009")
    page.get_by_label("Symbol").fill("aapl")
    page.get_by_label("Symbol").press("Enter")
    page.get_by_role("radio", name=re.compile(str(APPLE))).tap()
    page.get_by_label("Quantity", exact=True).fill("1")
    page.get_by_label("Limit price", exact=True).fill("147.00")
    page.get_by_role("button", name="Place the paper order").tap()
    expect(page.locator(".heading .badge")).to_contain_text("Working")
    hold_to_a_thumb(page, "an order")
    page.get_by_role("button", name="Stop all trading").tap()
    hold_to_a_thumb(page, "the dialog")
    page.get_by_role("dialog").get_by_role("button", name="Stop all trading").tap()
    expect(page.get_by_text("All trading is stopped (by you) since")).to_be_visible()
    assert stack.api("tess", "GET", "halt")["halted"] is True
    visit.close()
