"""What a person can do with the console, done in Chromium."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ALGORITHM, Visit
from playwright.sync_api import expect

APPLE = 265598
MICROSOFT = 272093
PICTURES = Path(os.environ["COURIER_SCREENSHOTS"])
PHONE = {"width": 390, "height": 844}
PARTS = ["Orders", "New order", "Accounts", "Algorithms", "Limits"]


def consent(page, username, decision):
    """On the broker's page."""
    page.get_by_role("button", name="Connect an account").click()
    expect(page.get_by_role("heading", name="Third-party authorization")).to_be_visible()
    page.get_by_label("Username").select_option(username)
    page.get_by_role("button", name=decision).click()


def fill_order(page, account, **fields):
    page.get_by_label("Account").select_option(account)
    page.get_by_label("Symbol").fill("aapl")
    page.get_by_label("Symbol").press("Enter")
    page.get_by_role("radio", name=re.compile(str(APPLE))).check()
    for label, value in fields.items():
        box = page.get_by_label(label.replace("_", " "), exact=True)
        box.select_option(value) if label in ("Side", "Type", "Works") else box.fill(value)


def place(visit, account, **fields):
    page = visit.go("New order")
    fill_order(page, account, **fields)
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    return page


def status(page):
    return page.locator(".heading .badge")


def answer_dialog(page, button):
    page.get_by_role("dialog").get_by_role("button", name=button).click()


@pytest.fixture
def ada(visit, stack):
    """Somebody who is connected to a paper account and signed in."""
    if not any(one["status"] == "connected" for one in stack.api("ada", "GET", "connections")["connections"]):
        stack.connect("ada", "paper-ada")
    stack.control("PUT", "prices", {"conid": APPLE, "price": "150.00"})
    stack.api("ada", "PUT", "limits", {})
    stack.api("ada", "PUT", "halt", {"halted": False, "reason": None})
    visit.sign_in("ada")
    return visit


def test_the_page_lets_in_only_its_own_script(visit):
    answer = visit.page.goto(visit.stack.console)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    ran = visit.page.evaluate("""() => {
        const intruder = '<img src="data:," onerror="window.intruder = true">';
        try { document.body.insertAdjacentHTML("beforeend", intruder); } catch {}
        const image = document.createElement("img");
        try { image.setAttribute("onerror", "window.intruder = true"); image.src = "data:,"; document.body.append(image); } catch {}
        return new Promise((resolve) => setTimeout(() => resolve(window.intruder === true), 300));
    }""")
    assert not ran
    visit.complaints = [one for one in visit.complaints if "Content Security Policy" not in one and "Trusted" not in one]


def test_signing_in_leaves_no_code_in_the_address_and_no_token_beyond_the_tab(visit):
    page = visit.sign_in("carol", "#limits")
    expect(page.get_by_role("heading", name="Your limits")).to_be_visible()
    expect(page.get_by_text("carol", exact=True)).to_be_visible()
    assert page.url == f"{visit.stack.console}#limits"
    assert "eyJ" not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_cancelled_sign_in_says_so_and_a_stranger_s_code_is_not_taken(visit):
    page = visit.open()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You cancelled signing in.")).to_be_visible()
    assert page.url == visit.stack.console
    visit.open("?code=stolen&state=other")
    expect(page.get_by_text("This sign-in was not begun in this tab.")).to_be_visible()
    assert "stolen" not in page.url


def test_without_a_client_of_its_own_the_console_takes_a_pasted_token(visit):
    def without_client(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"client_id":"courier-local"', '"client_id":null'))

    visit.page.route(visit.stack.console, without_client)
    page = visit.open()
    page.get_by_label("Token").fill("nonsense")
    page.get_by_role("button", name="Use this token").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no token")
    page.get_by_label("Token").fill(visit.stack.token("carol"))
    page.get_by_role("button", name="Use this token").click()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()


def test_a_sign_in_that_ended_asks_for_a_new_one(visit):
    page = visit.sign_in("carol")
    page.evaluate("sessionStorage.setItem('courier.token', sessionStorage.getItem('courier.token').slice(0, -4))")
    expect(page.get_by_role("main").get_by_text("Your sign-in has ended.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_user_connects_through_the_broker_s_page_and_sees_the_account(visit):
    page = visit.sign_in("ben")
    page = visit.go("Accounts")
    expect(page.get_by_text("No account is connected yet.")).to_be_visible()
    consent(page, "paper-ben", "Approve")
    expect(page.get_by_text("You are connected.")).to_be_visible()
    assert page.url == f"{visit.stack.console}#accounts"
    card = page.get_by_role("listitem").filter(has_text="DU0000003")
    expect(card.get_by_text("PAPER")).to_be_visible()
    expect(card.get_by_text("Ready: the trading session is open.")).to_be_visible()
    card.get_by_role("button", name="Disconnect").click()
    answer_dialog(page, "Go back")
    card.get_by_role("button", name="Disconnect").click()
    answer_dialog(page, "Disconnect")
    expect(page.get_by_text("No account is connected yet.")).to_be_visible()


def test_who_cancels_at_the_broker_is_told_and_nothing_is_connected(visit):
    page = visit.sign_in("dora")
    page = visit.go("Accounts")
    consent(page, "paper-ben", "Cancel")
    expect(page.get_by_text("You cancelled at the broker; nothing was connected.", exact=True)).to_be_visible()
    expect(page.get_by_text("No account is connected yet.")).to_be_visible()
    assert "connection=" not in page.url


def test_real_money_is_unmistakable_and_asks_for_a_word_of_its_own(visit, stack):
    stack.connect("eve", "live-eve")
    stack.control("PUT", "prices", {"conid": APPLE, "price": "150.00"})
    page = visit.sign_in("eve")
    page = visit.go("Accounts")
    expect(page.get_by_text("LIVE · real money")).to_be_visible()
    page = visit.go("New order")
    fill_order(page, "U0000001", Quantity="1", Limit_price="147.00")
    page.get_by_role("button", name="Place the order with real money").click()
    expect(page.get_by_role("alert")).to_contain_text("say that you mean it")
    assert stack.api("eve", "GET", "orders")["orders"] == []
    page.get_by_label("This order trades real money, and I mean it.").check()
    page.get_by_role("button", name="Place the order with real money").click()
    expect(status(page)).to_contain_text("Working")
    expect(page.get_by_text("LIVE · real money")).to_be_visible()


def test_a_contract_is_of_the_symbol_that_stands_in_the_field_or_no_order_leaves(ada, stack):
    page = ada.go("New order")
    before = len(stack.api("ada", "GET", "orders")["orders"])
    fill_order(page, "DU0000002", Quantity="1", Limit_price="147.00")
    # The symbol is edited, and nobody looks the new one up.
    page.get_by_label("Symbol").fill("msft")
    expect(page.get_by_role("radio")).to_have_count(0)
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.locator("[data-of=symbol]")).to_contain_text("Find MSFT")
    # A program that fills the field in tells nobody that it did.
    page.get_by_label("Symbol").fill("aapl")
    page.get_by_label("Symbol").press("Enter")
    page.get_by_role("radio", name=re.compile(str(APPLE))).check()
    page.get_by_label("Symbol").evaluate("field => { field.value = 'MSFT'; }")
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.locator("[data-of=symbol]")).to_contain_text("Find MSFT")
    assert len(stack.api("ada", "GET", "orders")["orders"]) == before
    page.get_by_label("Symbol").press("Enter")
    page.get_by_role("radio", name=re.compile(str(MICROSOFT))).check()
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.get_by_role("heading", name="Buy 1 MSFT")).to_be_visible()
    assert stack.api("ada", "GET", "orders")["orders"][0]["ticket"]["contract"] == {"conid": MICROSOFT}


def test_contracts_that_come_for_an_earlier_text_are_not_shown(ada):
    page = ada.go("New order")
    waiting = []

    def hold(route):
        waiting.append(route)

    page.route("**/contracts?symbol=AAPL", hold)
    page.get_by_label("Symbol").fill("aapl")
    page.get_by_label("Symbol").press("Enter")
    page.get_by_label("Symbol").fill("msft")
    page.get_by_label("Symbol").press("Enter")
    expect(page.get_by_role("radio", name=re.compile(str(MICROSOFT)))).to_be_visible()
    waiting[0].continue_()
    page.wait_for_timeout(500)
    expect(page.get_by_role("radio", name=re.compile(str(APPLE)))).to_have_count(0)
    expect(page.get_by_role("radio", name=re.compile(str(MICROSOFT)))).to_be_visible()


def test_an_order_whose_answer_is_lost_is_found_again_under_its_id(ada, stack):
    page = ada.go("New order")
    before = len(stack.api("ada", "GET", "orders")["orders"])
    fill_order(page, "DU0000002", Quantity="1", Limit_price="147.00")

    def lose_the_answer(route):
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/orders", lose_the_answer)
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    assert len(stack.api("ada", "GET", "orders")["orders"]) == before + 1


def test_an_order_that_never_left_says_so_and_is_sent_again_under_the_same_id(ada, stack):
    page = ada.go("New order")
    before = len(stack.api("ada", "GET", "orders")["orders"])
    fill_order(page, "DU0000002", Quantity="1", Limit_price="147.00")
    ada.context.set_offline(True)
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.get_by_role("heading", name="It is not known whether this order was placed")).to_be_visible()
    order_id = page.locator("main code").first.text_content()
    # The same tab finds it again, whatever part of the page was looked at meanwhile; there is no form to type it in anew.
    ada.go("Limits")
    ada.go("New order")
    expect(page.locator("main code").first).to_have_text(order_id)
    expect(page.get_by_label("Quantity", exact=True)).to_have_count(0)
    ada.context.set_offline(False)
    expect(page.get_by_text("The service has no such order so far.")).to_be_visible()
    expect(page.get_by_role("button", name="Leave it")).to_be_hidden()
    page.get_by_role("button", name="Send the same order again").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    orders = stack.api("ada", "GET", "orders")["orders"]
    assert len(orders) == before + 1 and orders[0]["order_id"] == order_id


def test_an_order_that_can_no_longer_arrive_may_be_left(ada, stack):
    page = ada.go("New order")
    before = len(stack.api("ada", "GET", "orders")["orders"])
    fill_order(page, "DU0000002", Quantity="1", Limit_price="147.00")
    page.route("**/orders", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.get_by_role("button", name="Place the paper order").click()
    expect(page.get_by_text("The service has no such order so far.")).to_be_visible()
    page.evaluate("""() => {
        const kept = JSON.parse(sessionStorage.getItem("courier.order_in_doubt"));
        sessionStorage.setItem("courier.order_in_doubt", JSON.stringify({ ...kept, sent_at: Date.now() - 61000 }));
    }""")
    ada.go("Limits")
    ada.go("New order")
    expect(page.get_by_text("It was not placed, and cannot arrive any more.")).to_be_visible()
    page.get_by_role("button", name="Leave it").click()
    expect(page.get_by_label("Quantity", exact=True)).to_be_visible()
    assert len(stack.api("ada", "GET", "orders")["orders"]) == before


def test_what_may_be_old_says_of_when_it_is(ada):
    page = ada.page
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    page.wait_for_load_state("networkidle")
    ada.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('look-now'))")
    expect(page.locator("main").get_by_text("What is shown here is as of")).to_be_visible()
    expect(page.locator("#halt").get_by_text("Whether trading is stopped could not be read just now.")).to_be_visible()
    ada.context.set_offline(False)
    expect(page.get_by_text("What is shown here is as of")).to_have_count(0)


def test_a_working_market_order_does_not_wait_for_its_price(ada):
    def as_market(route):
        answer = route.fetch()
        order = answer.json()
        order["ticket"]["type"] = "market"
        route.fulfill(response=answer, json=order)

    ada.page.route(re.compile(r"/orders/.+"), as_market)
    page = place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    expect(status(page)).to_contain_text("Working")
    expect(page.locator(".meaning")).to_contain_text("It names no price to wait for")


def test_who_took_the_access_back_reads_what_to_do_and_has_a_button_for_it(visit, stack):
    def revoked(route):
        answer = route.fetch()
        connections = answer.json()["connections"]
        for connection in connections:
            connection["status"] = "needs_consent"
        route.fulfill(response=answer, json={"connections": connections})

    stack.login("paper-rose", "DU0000011")
    stack.connect("rose", "paper-rose")
    visit.page.route("**/connections", lambda route: revoked(route) if route.request.method == "GET" else route.continue_())
    page = visit.sign_in("rose")
    for part in ["Orders", "New order", "Accounts"]:
        visit.go(part)
        expect(page.locator("main").get_by_text("The broker does not accept our access any more").first).to_be_visible()
        expect(page.locator("main").get_by_text("Connect again: you go to the broker's page").first).to_be_visible()
        expect(page.locator("main").get_by_role("button", name="Connect again").first).to_be_visible()
    page.get_by_role("button", name="Connect again").first.click()
    expect(page.get_by_role("heading", name="Third-party authorization")).to_be_visible()


def test_a_user_decides_about_their_sessions(ada, stack):
    page = ada.go("Accounts")
    page.get_by_label("Take the session from my other logins").check()
    stack.until(lambda: stack.api("ada", "GET", "connections")["connections"][0]["choices"] == {"take_session": True, "keep_warm": False})
    page.get_by_label("Keep the session open without orders").check()
    stack.until(lambda: stack.api("ada", "GET", "connections")["connections"][0]["choices"] == {"take_session": True, "keep_warm": True})
    page.reload()
    page.get_by_label("Take the session from my other logins").uncheck()
    page.get_by_label("Keep the session open without orders").uncheck()
    stack.until(lambda: stack.api("ada", "GET", "connections")["connections"][0]["choices"] == {"take_session": False, "keep_warm": False})


def test_real_money_is_confirmed_when_an_algorithm_is_allowed_it(visit, stack):
    stack.login("live-lena", "U0000012", paper=False)
    stack.connect("lena", "live-lena")
    page = visit.sign_in("lena")
    visit.go("Algorithms")
    page.get_by_label("Algorithm", exact=True).fill(ALGORITHM)
    page.get_by_role("checkbox", name="U0000012").check()
    page.get_by_role("button", name="Allow it").click()
    expect(page.get_by_role("alert")).to_contain_text("say that you mean it")
    assert stack.api("lena", "GET", "grants")["grants"] == []
    page.get_by_label("It may trade real money in U0000012, and I mean it.").check()
    page.get_by_role("button", name="Allow it").click()
    card = page.get_by_role("listitem").filter(has_text=ALGORITHM)
    expect(card.get_by_text("May trade", exact=True)).to_be_visible()
    card.get_by_role("button", name="Stop this algorithm").click()
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    card.get_by_role("button", name="Let it trade again").click()
    answer_dialog(page, "Go back")
    assert stack.api("lena", "GET", "grants")["grants"][0]["status"] == "halted"
    card.get_by_role("button", name="Let it trade again").click()
    answer_dialog(page, "Let it trade real money")
    expect(card.get_by_text("May trade", exact=True)).to_be_visible()


def test_an_order_is_followed_until_it_is_filled(ada, stack):
    page = place(ada, "DU0000002", Quantity="10", Limit_price="147.00")
    expect(status(page)).to_contain_text("Working")
    stack.control("PUT", "prices", {"conid": APPLE, "price": "146.00"})
    order_id = page.url.split("/")[-1]
    # What the schedule does each minute.
    stack.wake_tracker()
    expect(status(page)).to_contain_text("Filled", timeout=90_000)
    steps = page.locator(".time-line li")
    expect(steps.first).to_contain_text("Received")
    expect(steps.last).to_contain_text("Filled")
    expect(page.get_by_text("10 of 10")).to_be_visible()
    page.get_by_role("link", name="All orders").click()
    card = page.get_by_role("listitem").filter(has=page.locator(f"a[href='#orders/{order_id}']"))
    expect(card).to_contain_text("Buy 10 AAPL")
    expect(card).to_contain_text("10 filled at 146")


def test_an_order_that_works_is_cancelled(ada):
    page = place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    expect(status(page)).to_contain_text("Working")
    page.get_by_role("button", name="Cancel this order").click()
    answer_dialog(page, "Keep it")
    expect(status(page)).to_contain_text("Working")
    page.get_by_role("button", name="Cancel this order").click()
    answer_dialog(page, "Cancel the order")
    expect(status(page)).to_contain_text("Cancelled", timeout=90_000)
    expect(page.get_by_role("button", name="Cancel this order")).to_have_count(0)


def test_what_is_wrong_in_the_form_is_said_at_its_field(ada):
    page = ada.go("New order")
    fill_order(page, "DU0000002", Quantity="-3", Limit_price="")
    page.get_by_role("button", name="Place the paper order").click()
    quantity = page.get_by_label("Quantity")
    expect(quantity).to_have_attribute("aria-invalid", "true")
    expect(quantity).to_be_focused()
    expect(page.locator("[data-of=quantity]")).to_contain_text("positive")
    expect(page.locator("[data-of=limit_price]")).not_to_be_empty()


def test_after_a_halt_an_order_is_refused_and_after_resuming_one_is_sent(ada):
    page = ada.page
    page.get_by_role("button", name="Stop all trading").click()
    expect(page.get_by_role("dialog")).to_contain_text("Orders that the broker has already stay there")
    page.get_by_label("Why (optional)").fill("going on holiday")
    answer_dialog(page, "Stop all trading")
    expect(page.get_by_text("All trading is stopped (by you) since")).to_contain_text("going on holiday")
    place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    expect(status(page)).to_contain_text("Not sent: not allowed")
    expect(page.locator("main .notice").get_by_text("has halted their own trading")).to_be_visible()
    page.get_by_role("button", name="Resume trading").click()
    answer_dialog(page, "Resume trading")
    expect(page.get_by_text("All trading is stopped (by you) since")).to_have_count(0)
    place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    expect(status(page)).to_contain_text("Working")


def test_a_halt_can_let_reducing_orders_pass_and_cancel_what_works(ada, stack):
    page = ada.page
    place(ada, "DU0000002", Quantity="1", Limit_price="147.00")
    expect(status(page)).to_contain_text("Working")
    page.get_by_role("button", name="Stop all trading").click()
    page.get_by_label("Let orders pass that reduce a position").check()
    page.get_by_label("Cancel the orders that the broker has").check()
    answer_dialog(page, "Stop all trading")
    expect(page.get_by_text("Only orders that reduce a position are sent (by you) since")).to_be_visible()
    assert stack.api("ada", "GET", "halt")["mode"] == "reducing"
    expect(status(page)).to_contain_text("Cancelled")
    page.get_by_role("button", name="Resume trading").click()
    answer_dialog(page, "Resume trading")
    expect(page.get_by_text("Only orders that reduce a position are sent (by you) since")).to_have_count(0)
    assert stack.api("ada", "GET", "halt")["halted"] is False


def test_the_operators_stop_is_named_and_cannot_be_lifted_here(ada, stack):
    page = ada.page
    stack.courier("halt", "user", "ada", "--reason", "asked by phone")
    try:
        banner = page.locator("#halt")
        expect(banner.get_by_text("All trading is stopped (by the operator) since")).to_contain_text("asked by phone")
        expect(banner).to_contain_text("Only the operator lifts the operator's stop.")
        expect(page.get_by_role("button", name="Resume trading")).to_have_count(0)
        page.get_by_role("button", name="Stop all trading").click()
        answer_dialog(page, "Stop all trading")
        expect(banner).to_contain_text("All trading is stopped (by you and by the operator) since")
        page.get_by_role("button", name="Lift your own stop").click()
        expect(page.get_by_role("dialog")).to_contain_text("The operator has stopped your trading too")
        answer_dialog(page, "Lift your own stop")
        expect(banner).to_contain_text("All trading is stopped (by the operator) since")
        assert "operator" in stack.courier("halt", "list")
    finally:
        stack.courier("resume", "user", "ada")
    expect(page.locator("#halt").get_by_text("All trading is stopped")).to_have_count(0)
    assert stack.api("ada", "GET", "halt")["set_by"] == []


def test_limits_are_set_and_an_order_beyond_one_says_which(ada, stack):
    page = ada.go("Limits")
    page.get_by_label("Largest order, in shares").fill("5")
    page.get_by_label("Orders in a day").fill("many")
    page.get_by_role("button", name="Save the limits").click()
    expect(page.locator("[data-of=max_daily_orders]")).to_contain_text("no whole number")
    every = {"Largest order, in money": "10000", "All orders of a day, in money": "50000.50", "Orders in a day": "400",
             "Open orders at the broker": "30", "Only these contracts": f"{APPLE}, 272093",
             "Prices at most so far from the market, in per cent": "60",
             "No second order that looks the same within, in seconds": "2"}
    for label, value in every.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Save the limits").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert stack.api("ada", "GET", "limits") == {
        "max_order_quantity": "5", "max_order_notional": "10000", "max_daily_notional": "50000.5", "max_daily_orders": 400,
        "max_open_orders": 30, "allowed_conids": [APPLE, 272093], "price_collar_percent": "60",
        "duplicate_window_seconds": 2}
    place(ada, "DU0000002", Quantity="6", Limit_price="147.00")
    expect(status(page)).to_contain_text("Not sent: not allowed")
    expect(page.locator("main .notice").get_by_text("“Largest order, in shares”")).to_be_visible()


def test_what_the_form_has_no_field_for_stays_as_it_was(ada, stack):
    seen = []

    def with_more(route):
        if route.request.method == "PUT":
            seen.append(route.request.post_data_json)
            return route.fulfill(json=seen[-1])
        route.fulfill(json={"max_daily_orders": 7, "a_limit_of_tomorrow": "12.5"})

    ada.page.route("**/limits", with_more)
    page = ada.go("Limits")
    page.get_by_label("Orders in a day").fill("8")
    page.get_by_role("button", name="Save the limits").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert seen == [{"max_daily_orders": 8, "a_limit_of_tomorrow": "12.5"}]


def test_what_is_typed_right_after_signing_in_stays(visit):
    held = []
    visit.page.route("**/connections", lambda route: held.append(route))
    page = visit.sign_in("ada")
    visit.go("Limits")
    # A page that shows its form before the accounts are known must leave it alone when they are.
    page.wait_for_timeout(300)
    if page.get_by_label("Orders in a day").count():
        page.get_by_label("Orders in a day").fill("8")
    held.pop().fulfill(json={"connections": []})
    page.wait_for_timeout(300)
    if not page.get_by_label("Orders in a day").input_value():
        page.get_by_label("Orders in a day").fill("8")
    assert held == []
    # What was asked for is what is shown, once.
    expect(page.get_by_role("heading", name="Your limits")).to_be_visible()
    expect(page.get_by_label("Orders in a day")).to_have_value("8")


def test_an_algorithm_is_allowed_stopped_and_its_permission_taken_back(ada, stack):
    page = ada.go("Algorithms")
    page.get_by_label("Algorithm", exact=True).fill(ALGORITHM)
    page.get_by_role("checkbox", name="DU0000002").check()
    page.get_by_label("Orders in a day").fill("20")
    page.get_by_label("Largest order, in money").fill("-1")
    page.get_by_role("button", name="Allow it").click()
    expect(page.locator("[data-of='limits.max_order_notional']")).to_contain_text("positive")
    page.get_by_label("Largest order, in money").fill("2500.00")
    page.get_by_role("button", name="Allow it").click()
    card = page.get_by_role("listitem").filter(has_text=ALGORITHM)
    expect(card.get_by_text("May trade", exact=True)).to_be_visible()
    grant = stack.api("ada", "GET", "grants")["grants"][0]
    assert grant["account_ids"] == ["DU0000002"] and grant["limits"] == {"max_order_notional": "2500", "max_daily_orders": 20}
    card.get_by_role("button", name="Stop this algorithm").click()
    expect(card.get_by_text("Stopped", exact=True)).to_be_visible()
    assert stack.api("ada", "GET", "grants")["grants"][0] == {**grant, "status": "halted"}
    card.get_by_role("button", name="Let it only reduce positions").click()
    expect(card.get_by_text("Only reduces positions", exact=True)).to_be_visible()
    assert stack.api("ada", "GET", "grants")["grants"][0] == {**grant, "status": "reducing"}
    card.get_by_role("button", name="Take the permission back").click()
    answer_dialog(page, "Take it back")
    expect(page.get_by_text("No algorithm may trade for you.")).to_be_visible()
    assert stack.api("ada", "GET", "grants")["grants"] == []


def test_more_orders_than_a_page_holds_are_shown_page_by_page(visit, stack):
    for number in range(55):
        stack.api("paul", "POST", "orders", {
            "order_id": f"many-{number:03}", "account_id": "DU0000009", "contract": {"conid": APPLE}, "side": "buy", "quantity": "1",
            "type": "market", "time_in_force": "day", "good_until": "2026-01-02T00:00:00Z"})
    page = visit.sign_in("paul")
    cards = page.locator(".orders > li")
    expect(cards).to_have_count(50)
    page.get_by_role("button", name="Show more orders").click()
    expect(cards).to_have_count(55)
    expect(page.get_by_role("button", name="Show more orders")).to_be_hidden()
    expect(cards.filter(has_text="Not sent: too late")).to_have_count(55)
    page.get_by_label("Only open ones").check()
    expect(page.get_by_text("There are no orders here.")).to_be_visible()


def test_everything_is_reached_by_keyboard(ada):
    page = ada.page
    page.get_by_role("heading", name="Orders").wait_for()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Orders", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New order")).to_be_visible()
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("button", name="Stop all trading").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Go back")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ada.stack.api("ada", "GET", "halt")["halted"] is False


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_part_has_a_serious_fault_of_accessibility_on_a_desk_or_a_phone(stack, chromium, scheme):
    prepare_picture(stack)
    for size in [{"width": 1100, "height": 900}, PHONE]:
        visit = Visit(stack, chromium, color_scheme=scheme, viewport=size)
        visit.open()
        hold_to_standards(visit.page, "sign-in")
        page = visit.sign_in("grace")
        for part in PARTS:
            visit.go(part)
            page.wait_for_load_state("networkidle")
            for summary in page.locator("details:not([open]) > summary:visible").all():
                summary.click()
            hold_to_standards(page, f"{part}, {scheme}, {size}")
        visit.go("Orders")
        page.locator(".orders a").first.click()
        expect(page.get_by_role("heading", name="What happened")).to_be_visible()
        hold_to_standards(page, f"an order, {scheme}, {size}")
        page.get_by_role("button", name="Stop all trading").click()
        hold_to_standards(page, f"the dialog, {scheme}, {size}")
        answer_dialog(page, "Go back")
        visit.close()


def hold_to_standards(page, where):
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert serious == [], f"{where}: " + "; ".join(f"{one['id']}: {one['help']} at {[node['target'] for node in one['nodes']]}" for one in serious)
    width, shown = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= shown, f"{where}: the page is {width} wide, and {shown} of it show"


def test_the_pictures_of_the_readme_can_be_made(stack, chromium):
    prepare_picture(stack)
    PICTURES.mkdir(parents=True, exist_ok=True)
    desk = {"width": 1000, "height": 760}
    order = {"console": "console-order.png"}
    for name, options in {"console": {"viewport": desk}, "console-dark": {"viewport": desk, "color_scheme": "dark"},
                          "console-phone": {"viewport": PHONE, "device_scale_factor": 2}}.items():
        visit = Visit(stack, chromium, **options)
        page = visit.sign_in("grace")
        page.evaluate(f"localStorage.setItem('courier.contract_names', JSON.stringify({{{APPLE}: 'AAPL', 9999: 'NOPE'}}))")
        page.reload()
        expect(page.locator(".orders > li")).to_have_count(4)
        page.screenshot(path=PICTURES / f"{name}.png")
        page.get_by_role("link", name="Buy 10 AAPL").click()
        expect(page.locator(".time-line li")).to_have_count(4)
        if name in order:
            page.screenshot(path=PICTURES / order[name])
        visit.close()
    assert {picture.name for picture in PICTURES.glob("*.png")} >= {"console.png", "console-dark.png", "console-phone.png", "console-order.png"}


def prepare_picture(stack):
    """Grace has a paper and a live account, and one order of each kind of outcome."""
    if stack.api("grace", "GET", "orders")["orders"]:
        return
    stack.login("paper-grace", "DU0000005")
    stack.login("live-grace", "U0000005", paper=False)
    stack.connect("grace", "paper-grace")
    stack.connect("grace", "live-grace")
    stack.control("PUT", "prices", {"conid": APPLE, "price": "150.00"})
    order = {"account_id": "DU0000005", "contract": {"conid": APPLE}, "side": "buy", "quantity": "10", "type": "limit",
             "limit_price": "151.00", "time_in_force": "day"}
    wanted = {"filled": order, "working": {**order, "account_id": "U0000005", "side": "sell", "quantity": "3", "limit_price": "153.00", "time_in_force": "gtc"},
              "rejected": {**order, "contract": {"conid": 9999}, "quantity": "2", "limit_price": "10.00"},
              "expired": {**order, "quantity": "1", "good_until": "2026-01-02T00:00:00Z"}}
    for number, (outcome, body) in enumerate(wanted.items()):
        stack.api("grace", "POST", "orders", {**body, "order_id": f"picture-{number}"})
        stack.until(lambda: stack.api("grace", "GET", f"orders/picture-{number}")["status"] == outcome)
