"""What the page says, and where: each exit by its name, each bad field at its place, each limit as its label calls it."""

import re

from playwright.sync_api import expect
from test_console import APPLE, MICROSOFT, ada, answer_dialog, hold_to_standards, place, status  # noqa: F401

AT = "2026-11-25T06:55:05Z"


def test_every_bad_field_is_marked_at_once(ada):  # noqa: F811
    page = ada.go("Limits")
    page.get_by_label("Largest order, in money").fill("1,500.00")
    page.get_by_label("Orders in a day").fill("many")
    page.get_by_label("Only these contracts").fill(f"{APPLE}, apple")
    page.get_by_role("button", name="Save the limits").click()
    expect(page.locator("[data-of=max_order_notional]")).to_contain_text("a point before the fraction, and nothing between thousands")
    expect(page.locator("[data-of=max_daily_orders]")).to_contain_text("many is no whole number")
    expect(page.locator("[data-of=allowed_conids]")).to_contain_text("apple is no whole number")
    expect(page.get_by_label("Largest order, in money")).to_be_focused()
    page = ada.go("New order")
    page.get_by_label("Quantity", exact=True).fill("ten")
    page.get_by_label("Limit price").fill("147,00")
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.locator("[data-of=symbol]")).to_contain_text("Find a symbol")
    expect(page.locator("[data-of=quantity]")).to_contain_text("ten is no positive number")
    expect(page.locator("[data-of=limit_price]")).to_contain_text("147,00 is no positive number")


def test_an_order_beyond_a_limit_says_which_as_the_page_calls_it(ada, stack):  # noqa: F811
    page = ada.go("Limits")
    page.get_by_label("Only these contracts").fill(str(MICROSOFT))
    page.get_by_role("button", name="Save the limits").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    place(ada, "DU0000002", Quantity="6", Limit_price="147.00")
    expect(status(page)).to_contain_text("Not sent: not allowed")
    expect(page.locator("main .notice").first).to_contain_text("“Only these contracts”")
    expect(page.locator("main .notice").first).to_contain_text("(AAPL)")
    stack.api("ada", "PUT", "limits", {})


def test_what_does_not_trade_at_once_is_said_to_be_cancelled(ada):  # noqa: F811
    page = ada.go("New order")
    expect(page.get_by_label("Works", exact=True).locator("option[value=ioc]")).to_have_text("at once, and what does not trade is cancelled")


def test_an_exit_is_called_by_its_name(ada):  # noqa: F811
    def as_bracket(route):
        answer = route.fetch()
        order = answer.json()
        ticket = {**order["ticket"], "side": "sell", "type": "stop", "stop_price": "140"}
        leg = {"role": "stop_loss", "broker_order_id": "7", "status": "working", "quantity": "1", "filled_quantity": "0",
               "average_price": None, "executions": [], "ticket": ticket, "cancel_asked": False, "reason": None}
        order |= {"legs": [leg], "change": {"revision": 5, "leg": "stop_loss", "status": "applied", "ticket": ticket, "reason": None, "asked_at": AT}}
        order["history"] += [{"at": AT, "status": "working", "revision": 2, "reason": {"code": "x", "message": "The broker said no."}}]
        route.fulfill(response=answer, json=order)

    ada.page.route(re.compile(r"/orders/.+"), lambda route: as_bracket(route) if route.request.method == "GET" else route.continue_())
    page = place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    expect(page.get_by_text("Change 5 of the stop loss is in force.")).to_be_visible()
    expect(page.get_by_text("It makes the stop loss: 1 stop 140")).to_be_visible()
    refused = page.locator(".time-line li").last
    expect(refused).to_contain_text("Change 2 was refused; the order stays: ")
    expect(refused).to_contain_text("The broker said no.")
    page.get_by_role("button", name="Cancel this exit").click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text("Cancel the stop loss of: Buy 1 AAPL?")
    answer_dialog(page, "Keep it")


def test_messages_that_became_no_order_are_listed_with_their_reasons(ada):  # noqa: F811
    def refusal(number):
        return {"at": AT, "message_id": f"m-{number}", "order_id": f"mr7-{number}", "user_id": "ada", "algorithm_id": "mean-reversion-7",
                "reason": {"code": "no_grant", "message": f"Message {number} has no grant."}}

    def answer(route):
        first = "cursor=" not in route.request.url
        route.fulfill(json={"refusals": [refusal(2)], "cursor": "next"} if first else {"refusals": [refusal(1)]})

    ada.page.route(re.compile(r"/refusals"), answer)
    page = ada.page
    page.get_by_role("link", name="Messages that became no order").click()
    expect(page.get_by_role("heading", name="Messages that became no order")).to_be_visible()
    expect(page.get_by_text("Message 2 has no grant.")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_text("Message 1 has no grant.")).to_be_visible()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    hold_to_standards(page, "refusals")
    page.get_by_role("link", name="All orders").click()
    expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()


def test_who_sent_nothing_that_was_refused_is_told_so(ada):  # noqa: F811
    page = ada.page
    page.get_by_role("link", name="Messages that became no order").click()
    expect(page.get_by_text("Every message became an order.")).to_be_visible()


def test_a_connection_without_an_account_is_not_called_ready(ada):  # noqa: F811
    def without_accounts(route):
        answer = route.fetch()
        connections = answer.json()["connections"]
        for connection in connections:
            connection["accounts"] = []
            connection["session"] |= {"condition": "no_account", "remedy": "Look in Client Portal."}
        route.fulfill(response=answer, json={"connections": connections})

    ada.page.route("**/connections", without_accounts)
    page = ada.go("Accounts")
    expect(page.get_by_text("Connected, and the broker names no account that can be traded here.").first).to_be_visible()
    expect(page.get_by_text("Ready: the trading session is open.")).to_have_count(0)


def test_an_algorithm_that_nobody_registered_is_not_said_to_trade(ada, stack):  # noqa: F811
    stack.api("ada", "PUT", "grants/mistyped-algorithm", {"account_ids": ["DU0000002"]})
    page = ada.go("Algorithms")
    card = page.get_by_role("listitem").filter(has_text="mistyped-algorithm")
    expect(card.get_by_text("Not registered", exact=True)).to_be_visible()
    expect(card).to_contain_text("Compare the name letter by letter")
    expect(card.get_by_text("May trade", exact=True)).to_have_count(0)
    card.get_by_role("button", name="Take the permission back").click()
    answer_dialog(page, "Take it back")
    expect(card).to_have_count(0)


def test_what_the_broker_showed_after_the_end_is_told_without_a_word_against_the_order(ada):  # noqa: F811
    late = [{"at": AT, "status": "Working", "filled_quantity": "0"}, {"at": AT, "status": "Filled", "filled_quantity": "1"}]

    def with_late_facts(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"late_facts": late})

    ada.page.route(re.compile(r"/orders/.+"), lambda route: with_late_facts(route) if route.request.method == "GET" else route.continue_())
    page = place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    told = page.locator(".notice").filter(has_text="The broker showed more after the end")
    # It works: the end was none, and what fills counts.
    expect(status(page)).to_contain_text("Working")
    expect(told).to_contain_text("What it changed here, the status and the filled quantity on this page show.")
    expect(told).not_to_contain_text("changes nothing")
