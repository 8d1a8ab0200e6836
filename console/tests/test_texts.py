"""What the page makes of the API's texts: its own modules in Chromium, without a stack."""

import json
from pathlib import Path

import pytest

CONSOLE = Path(__file__).resolve().parent.parent
CODES = json.loads((CONSOLE.parent / "schemas" / "reason-codes.json").read_text(encoding="utf-8"))["codes"]
HERE = "http://console.test/"
# As the modules find it: they read their settings when they are loaded.
PAGE = '<!doctype html><title>Courier</title><script type="application/json" id="settings">{}</script><p id="told"></p>'
SOME_MOMENT = "2026-11-24T15:04:05Z"
SHOWN = "Nov 24, 2026"
CODES_OF_A_DENIAL = [
    "malformed", "unreadable", "contract_unknown", "contract_ambiguous", "contract_needs_conid", "price_between_steps",
    "cannot_be_sent", "account_not_connected", "too_many_waiting", "halted", "only_reducing", "beyond_limits", "no_grant",
    "account_not_granted", "not_allowed", "algorithm_unknown",
]
CODES_OF_A_RULE = {"halted", "only_reducing", "beyond_limits", "no_grant", "account_not_granted", "not_allowed"}


def serve(route):
    path = route.request.url.removeprefix(HERE)
    if not path:
        return route.fulfill(body=PAGE, content_type="text/html")
    route.fulfill(body=(CONSOLE / path).read_text(encoding="utf-8"), content_type="text/javascript")


@pytest.fixture(scope="module")
def page(chromium):
    context = chromium.new_context(locale="en-US", timezone_id="UTC")
    context.route("**/*", serve)
    page = context.new_page()
    page.goto(HERE)
    yield page
    context.close()


def told(page, text):
    """As an order, a refusal and a connection tell it."""
    return page.evaluate("""async (text) => {
        const [{ prose }, { inWordsOfThePage }] = await Promise.all([import("/src/elements.js"), import("/src/forms.js")]);
        const place = document.getElementById("told");
        place.replaceChildren(...prose(inWordsOfThePage(text)));
        return place.textContent;
    }""", text)


def words(page, code, status="denied"):
    return page.evaluate("""async (order) => {
        const { meaningOf, statusBadge } = await import("/src/words.js");
        return [statusBadge(order.status, order.reason).textContent, meaningOf(order)];
    }""", {"status": status, "reason": {"code": code, "message": "…"}})


@pytest.mark.parametrize("text", [
    f'good_until must be a time in UTC by RFC 3339, such as "{SOME_MOMENT}"',
    f"write it such as {SOME_MOMENT}.",
    f"write a time, for example {SOME_MOMENT}",
    f"write a time, e.g. {SOME_MOMENT}",
    f'good_until must be later, not "{SOME_MOMENT}"',
    f'the text "until {SOME_MOMENT} or \\"later\\"" is no time',
    f"since is `{SOME_MOMENT}`",
    f"'{SOME_MOMENT}' is no time of the user's",
    f"look at GET /orders?since={SOME_MOMENT}&open=true",
    'the key "max_order_quantity" is not a field of this object',
])
def test_what_is_quoted_or_an_example_stays_as_it_is_written(page, text):
    assert told(page, text) == text


@pytest.mark.parametrize("text", [
    f"It was good until {SOME_MOMENT} and was not sent by then.",
    f"The broker's pause ends at {SOME_MOMENT}, and the user's orders wait.",
    f"The broker says 'wait': the next session is opened at {SOME_MOMENT}.",
    f'The order "o-1" waits until {SOME_MOMENT}: its "limit" is being checked.',
    f"The pipe of 6\" waits until {SOME_MOMENT}.",
])
def test_a_moment_that_is_told_is_of_the_readers_time_zone(page, text):
    shown = told(page, text)
    assert SHOWN in shown and SOME_MOMENT not in shown
    assert page.locator("#told time").get_attribute("datetime") == SOME_MOMENT
    before, _, after = text.partition(SOME_MOMENT)
    assert shown.startswith(before) and shown.endswith(after)


def test_a_limit_is_called_as_its_label_calls_it_unless_it_is_quoted(page):
    assert told(page, "The order is beyond max_order_quantity.") == "The order is beyond “Largest order, in shares”."


def test_a_message_that_could_not_be_read_is_no_matter_of_permission(page):
    badge, meaning = words(page, "malformed")
    assert badge.endswith("Not sent: not readable")
    assert "could not be read" in meaning and "A mended order takes a new order id." in meaning


@pytest.mark.parametrize("code", CODES_OF_A_DENIAL)
def test_a_denied_order_is_called_after_its_reason(page, code):
    badge, meaning = words(page, code)
    assert ("A rule here said no" in meaning) == (code in CODES_OF_A_RULE)
    assert ("not allowed" in badge) == (code in CODES_OF_A_RULE | {"algorithm_unknown"})
    assert "The broker never had it." in meaning and "new order id" in meaning
    remedy = next(one["remedy"] for one in CODES if one["code"] == code)
    assert ("mended" in meaning) == (remedy == "mend" and code not in CODES_OF_A_RULE)


def test_a_denied_order_whose_reason_is_not_known_here_claims_nothing(page):
    badge, meaning = words(page, "of_tomorrow")
    assert badge.endswith("Not sent")
    assert meaning == "The reason says why. The broker never had it."
    assert words(page, "malformed", "rejected")[0].endswith("Refused")


def test_every_code_that_the_page_tells_apart_is_one_of_an_order(page):
    known = page.evaluate("async () => Object.keys((await import('/src/words.js')).DENIALS)")
    assert sorted(known) == sorted(CODES_OF_A_DENIAL)
    assert set(known) <= {one["code"] for one in CODES if "order" in one["of"]}
