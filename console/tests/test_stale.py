"""A tab that stood open for long: what was changed elsewhere since stays, but for what the person changes in it."""

import pytest
from conftest import ALGORITHM
from playwright.sync_api import expect
from test_console import ada, answer_dialog  # noqa: F401

PATH = f"grants/{ALGORITHM}"
SHOWN = {"account_ids": ["DU0000002"], "limits": {"max_daily_orders": 20, "max_order_quantity": "5"}, "status": "active"}
SINCE = {"account_ids": ["DU0000002", "DU0000009"], "limits": {"max_daily_orders": 3}, "status": "halted"}


def grants(stack):
    return [{name: grant[name] for name in SHOWN} for grant in stack.api("ada", "GET", "grants")["grants"]]


@pytest.fixture
def card(ada, stack):  # noqa: F811
    """The card of an algorithm as a tab shows it that was opened before its permission was changed elsewhere."""
    stack.api("ada", "PUT", PATH, SHOWN)
    page = ada.go("Algorithms")
    card = page.get_by_role("listitem").filter(has_text=ALGORITHM)
    expect(card.get_by_text("May trade", exact=True)).to_be_visible()
    yield card
    for grant in stack.api("ada", "GET", "grants")["grants"]:
        stack.api("ada", "DELETE", f"grants/{grant['algorithm_id']}")


def change(card):
    card.get_by_text(f"Change what {ALGORITHM} may do").click()


def test_saving_one_limit_lifts_no_halt_and_puts_no_other_limit_or_account_back(card, stack):
    stack.api("ada", "PUT", PATH, SINCE)
    change(card)
    card.get_by_label("Open orders at the broker").fill("4")
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    assert grants(stack) == [{**SINCE, "limits": {"max_daily_orders": 3, "max_open_orders": 4}}]
    # The form shows what is in force now, and a limit is lifted in it.
    change(card)
    card.get_by_label("Orders in a day").fill("")
    # Nothing is known of the account that came meanwhile, so it may be real money.
    card.get_by_label("It may trade real money in DU0000009, and I mean it.").check()
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("button", name="Save")).to_be_hidden()
    change(card)
    expect(card.get_by_label("Orders in a day")).to_have_value("")
    assert grants(stack) == [{**SINCE, "limits": {"max_open_orders": 4}}]


def test_saving_an_account_changes_that_account_alone(card, stack):
    stack.api("ada", "PUT", PATH, {**SINCE, "account_ids": ["DU0000008"]})
    change(card)
    box = card.get_by_role("checkbox", name="DU0000002")
    box.uncheck()
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("alert")).to_contain_text("choose at least one account")
    box.check()
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    assert grants(stack) == [{**SINCE, "account_ids": ["DU0000008"]}]


def test_stopping_an_algorithm_changes_nothing_else(card, stack):
    stack.api("ada", "PUT", PATH, {**SINCE, "status": "active"})
    card.get_by_role("button", name="Stop this algorithm").click()
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    assert grants(stack) == [SINCE]


def test_no_halt_is_lifted_that_the_person_has_not_seen(card, stack):
    card.get_by_role("button", name="Let it only reduce positions").click()
    expect(card.get_by_text("Only reduces positions", exact=True)).to_be_visible()
    stack.api("ada", "PUT", PATH, SINCE)
    card.get_by_role("button", name="Let it trade again").click()
    expect(card.page.get_by_role("dialog")).to_contain_text("It was stopped meanwhile")
    answer_dialog(card.page, "Close")
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    assert grants(stack) == [SINCE]
    card.get_by_role("button", name="Let it trade again").click()
    answer_dialog(card.page, "Let it trade real money")
    expect(card.get_by_text("May trade", exact=True)).to_be_visible()
    assert grants(stack) == [{**SINCE, "status": "active"}]


def test_a_permission_that_was_taken_back_is_not_given_again_by_a_button(card, stack):
    stack.api("ada", "DELETE", PATH)
    card.get_by_role("button", name="Stop this algorithm").click()
    page = card.page
    expect(page.get_by_role("dialog")).to_contain_text("was taken back meanwhile")
    answer_dialog(page, "Close")
    expect(page.get_by_text("No algorithm may trade for you.")).to_be_visible()
    assert grants(stack) == []


def test_allowing_an_algorithm_that_is_stopped_lifts_no_halt(card, stack):
    stack.api("ada", "PUT", PATH, SINCE)
    page = card.page
    page.get_by_text("Allow another algorithm").click()
    form = page.locator("details.panel")
    form.get_by_label("Algorithm", exact=True).fill(ALGORITHM)
    form.get_by_role("checkbox", name="DU0000002").check()
    form.get_by_role("button", name="Allow it").click()
    expect(page.get_by_role("dialog")).to_contain_text("has a permission already")
    answer_dialog(page, "Close")
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    assert grants(stack) == [SINCE]


def test_saving_one_of_the_own_limits_puts_no_other_back(ada, stack):  # noqa: F811
    stack.api("ada", "PUT", "limits", {"max_daily_orders": 20, "max_order_quantity": "5"})
    page = ada.go("Limits")
    expect(page.get_by_label("Orders in a day")).to_have_value("20")
    stack.api("ada", "PUT", "limits", {"max_daily_orders": 3})
    for orders, others in (("4", {"max_daily_orders": 3}), ("", {"max_daily_orders": 2, "max_daily_notional": "900"})):
        stack.api("ada", "PUT", "limits", others)
        page.get_by_label("Open orders at the broker").fill(orders)
        page.get_by_role("button", name="Save the limits").click()
        expect(page.get_by_label("Orders in a day")).to_have_value(str(others["max_daily_orders"]))
        expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
        assert stack.api("ada", "GET", "limits") == others | ({"max_open_orders": 4} if orders else {})


def test_a_stop_that_was_made_stricter_elsewhere_is_not_loosened_unseen(ada, stack):  # noqa: F811
    page = ada.page
    page.get_by_role("button", name="Stop all trading").click()
    page.get_by_label("Let orders pass that reduce a position").check()
    stack.api("ada", "PUT", "halt", {"halted": True, "reason": "on the phone"})
    answer_dialog(page, "Stop all trading")
    expect(page.get_by_role("dialog")).to_contain_text("was changed meanwhile")
    answer_dialog(page, "Close")
    expect(page.locator("#halt").get_by_text("All trading is stopped (by you) since")).to_contain_text("on the phone")
    assert "mode" not in stack.api("ada", "GET", "halt")
    page.get_by_role("button", name="Resume trading").click()
    stack.api("ada", "PUT", "halt", {"halted": True, "reason": "a second thought"})
    answer_dialog(page, "Resume trading")
    expect(page.get_by_role("dialog")).to_contain_text("was changed meanwhile")
    answer_dialog(page, "Close")
    assert stack.api("ada", "GET", "halt")["halted"]
    page.get_by_role("button", name="Resume trading").click()
    answer_dialog(page, "Resume trading")
    expect(page.locator("#halt").get_by_text("All trading is stopped")).to_have_count(0)
    assert not stack.api("ada", "GET", "halt")["halted"]
