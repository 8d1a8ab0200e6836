import argparse
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

import event_consumer
import moving_average
from courier_client import Api, Client, EventReader, OrderEnded, Symbol
from monthly_buyer import TRIES_MAX, first_trading_day, of_month, order_id_of, order_of, run, why_not_now
from support import FakeApi, shown_order, validator


@pytest.mark.parametrize(
    ("day", "first"),
    [
        (date(2026, 11, 25), date(2026, 11, 2)),  # the first is a Sunday
        (date(2026, 12, 1), date(2026, 12, 1)),
        (date(2027, 1, 20), date(2027, 1, 4)),  # New Year's Day, and a week-end
        (date(2023, 1, 5), date(2023, 1, 3)),  # New Year's Day is kept on a Monday
        (date(2025, 9, 9), date(2025, 9, 2)),  # Labor Day
        (date(2026, 9, 9), date(2026, 9, 1)),
        (date(2033, 4, 9), date(2033, 4, 1)),
        (date(2018, 4, 9), date(2018, 4, 2)),
        (date(2094, 4, 9), date(2094, 4, 1)),
        (date(1988, 4, 9), date(1988, 4, 4)),  # Good Friday
    ],
)
def test_the_first_trading_day_is_no_week_end_and_no_holiday(day: date, first: date) -> None:
    assert first_trading_day(day) == first


def test_a_month_s_order_is_the_same_however_often_it_is_made() -> None:
    day = date(2026, 12, 1)
    first = order_of(day, order_id_of(day), "DU0000001", Symbol("SPY"), Decimal("250.00"))
    assert first == order_of(day, order_id_of(day), "DU0000001", Symbol("SPY"), Decimal(250))
    assert first.order_id == "monthly-2026-12"
    assert first.good_until == datetime(2026, 12, 1, 20, tzinfo=UTC)
    validator("order-message").validate(first.message("u-7", "monthly"))


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (datetime(2026, 11, 1, 15, tzinfo=UTC), "this month's day is 2026-11-02"),
        (datetime(2026, 11, 2, 15, tzinfo=UTC), None),
        (datetime(2026, 11, 2, 20, tzinfo=UTC), "run it again tomorrow"),
        (datetime(2026, 11, 17, 15, tzinfo=UTC), None),  # nobody ran it before
        (datetime(2026, 11, 21, 15, tzinfo=UTC), "New York is closed on 2026-11-21"),
    ],
)
def test_a_month_is_bought_on_its_first_trading_day_or_the_next_that_this_runs(now: datetime, why: str | None) -> None:
    said = why_not_now(now)
    assert said is None if why is None else why in (said or "")


def test_a_try_is_good_at_any_hour() -> None:
    assert order_of(date(2026, 12, 6), "m", "DU0000001", Symbol("SPY"), Decimal(250), limited=False).good_until is None


NOT_THERE = {"status": 404, "title": "Not Found", "code": "not_found", "detail": "Not yet."}


def reader(api: FakeApi) -> Client:
    return Client(
        user_id="u-7",
        algorithm_id="mean-reversion-7",
        order_queue=None,
        api=Api(api.url, "a-token"),
        sleep=lambda _: None,
    )


def test_a_month_in_which_nothing_was_bought_takes_its_next_id(api: FakeApi) -> None:
    day = date(2026, 12, 1)
    api.will_answer(404, NOT_THERE)
    assert of_month(reader(api), day) == ("monthly-2026-12", None)
    for status in ("rejected", "denied", "expired"):
        api.will_answer(200, shown_order(status, order_id="monthly-2026-12"))
        api.will_answer(404, NOT_THERE)
        assert of_month(reader(api), day) == ("monthly-2026-12-2", None)
    for status, filled in (("working", "0"), ("filled", "2"), ("cancelled", "0"), ("needs_review", "0")):
        api.will_answer(200, shown_order(status, order_id="monthly-2026-12", filled_quantity=filled))
        order_id, placed = of_month(reader(api), day)
        assert placed is not None, status
        assert placed.order_id == order_id == "monthly-2026-12"


def test_a_month_has_no_more_tries_than_some(api: FakeApi) -> None:
    last = f"monthly-2026-12-{TRIES_MAX}"
    for number in range(1, TRIES_MAX + 1):
        api.will_answer(200, shown_order("rejected", order_id=order_id_of(date(2026, 12, 1), number)))
    api.will_answer(200, shown_order("rejected", order_id=last))
    arguments = argparse.Namespace(timeout_seconds=1, any_day=True, symbol="SPY")
    with pytest.raises(OrderEnded, match=last):
        run(reader(api), arguments, datetime(2026, 12, 1, 15, tzinfo=UTC))


def test_a_change_of_an_exit_is_told_as_the_exit_s() -> None:
    exit_filled = {"role": "take_profit", "status": "filled", "filled_quantity": "5"}
    order = shown_order("filled", filled_quantity="5", average_price="187")
    order["history"][-1]["leg"] = exit_filled
    event = {"source": "courier.orders", "detail-type": "Order Status Changed"}
    detail = {**order, "sequence": 2, "previous_status": "filled"}
    changes = EventReader({"order u-7/o-1": 1}).take({**event, "detail": detail})
    assert [event_consumer.told(change) for change in changes] == [
        "06:55:05 u-7/o-1 no contract 2: its take_profit is filled, 5 filled"
    ]
    order["history"][-1] = {
        **order["history"][0],
        "status": "working",
        "revision": 3,
        "reason": {"code": "x", "message": "No."},
    }
    changes = EventReader({"order u-7/o-1": 1}).take({**event, "detail": {**order, "sequence": 2}})
    assert (
        event_consumer.told(changes[0])
        == "06:55:05 u-7/o-1 no contract 2: revision 3 was refused, it stays working (No.)"
    )


PRICES = [Decimal(price) for price in (187, 186, 185, 184, 187, 190, 194, 193, 188, 182, 181)]


def test_averages_cross_up_and_down() -> None:
    assert list(moving_average.crossings(PRICES)) == [(5, "buy"), (8, "sell")]


def test_a_position_is_bought_once_and_sold_once() -> None:
    orders = list(moving_average.orders(PRICES, "2026-11-25", "DU0000001", 265598, Decimal(10)))
    assert [(order.order_id, order.side) for order in orders] == [
        ("ma-2026-11-25-5", "buy"),
        ("ma-2026-11-25-8", "sell"),
    ]
    falling_first = [Decimal(price) for price in (1, 2, 3, 4, 3, 2, 1)]
    assert list(moving_average.orders(falling_first, "r", "DU0000001", 265598, Decimal(10))) == []


def test_a_level_price_crosses_nothing() -> None:
    assert list(moving_average.crossings([Decimal(100)] * 20)) == []
