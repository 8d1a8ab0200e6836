import argparse
import shlex
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

import event_consumer
import moving_average
from courier_client import Api, Client, EventReader, OrderEnded
from monthly_buyer import (
    TRIES_MAX,
    Purchase,
    first_trading_day,
    of_month,
    order_id_of,
    order_of,
    read_arguments,
    run,
    why_not_now,
)
from support import NOT_THERE, ROOT, FakeApi, shown_order, validator

SPY = Purchase("monthly", "DU0000001", "SPY", Decimal("250.00"))
DAY = date(2026, 12, 1)
IDS = [order_id_of(SPY, DAY, number) for number in range(1, TRIES_MAX + 1)]


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
    first = order_of(SPY, DAY, IDS[0])
    again = replace(SPY, cash=Decimal(250))
    assert first == order_of(again, DAY, order_id_of(again, DAY))
    assert first.order_id == "monthly-2026-12-SPY-be509d58"
    assert first.good_until == datetime(2026, 12, 1, 20, tzinfo=UTC)
    validator("order-message").validate(first.message("u-7", "monthly"))


def test_each_purchase_of_a_month_has_its_own_id() -> None:
    algorithms, accounts = ("another", "m" * 64), ("DU0000002", "U" * 24)
    symbols = ("QQQ", "BRK B", "BRK.B", "A LONG NAME / OF 32 CHARACTERS.X")
    purchases = [
        SPY,
        *(replace(SPY, algorithm_id=algorithm_id) for algorithm_id in algorithms),
        *(replace(SPY, account_id=account_id) for account_id in accounts),
        *(replace(SPY, symbol=symbol) for symbol in symbols),
    ]
    order_ids = [order_id_of(one, DAY, number) for one in purchases for number in (1, TRIES_MAX)]
    assert len(set(order_ids)) == len(order_ids)
    for purchase, order_id in zip(purchases, order_ids[::2], strict=True):
        assert order_of(purchase, DAY, order_id).order_id.startswith("monthly-2026-12-")
    # What it costs, and how the symbol is written, makes no second purchase.
    assert order_id_of(replace(SPY, cash=Decimal(9), symbol="spy"), DAY) == IDS[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"account_id": "DU0000002"}, "account_id DU0000002, not DU0000001"),
        ({"symbol": "QQQ"}, "symbol QQQ, not SPY"),
        ({"cash_quantity": "300"}, "cash_quantity 300, not 250.00"),
        ({"cash_quantity": None, "quantity": "1"}, "cash_quantity None, not 250.00"),
        ({"ticket": {"side": "sell"}}, "side sell, not buy"),
    ],
)
def test_another_purchase_on_record_is_not_reported_as_this_one(
    api: FakeApi, changes: dict[str, object], told: str
) -> None:
    of_spy = {"symbol": "SPY", "quantity": None, "cash_quantity": "250", "ticket": {"side": "buy"}}
    arguments = argparse.Namespace(timeout_seconds=1, any_day=True)
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    filled = {"order_id": IDS[0], "filled_quantity": "2", "average_price": "125"}
    for _ in range(2):
        api.will_answer(200, shown_order("filled", **filled, **of_spy))
    assert run(reader(api), SPY, arguments, noon) == f"{IDS[0]}: 2 SPY at 125"
    api.will_answer(200, shown_order("filled", **filled, **of_spy | changes))
    with pytest.raises(SystemExit, match=f"{IDS[0]} is on record with {told}"):
        run(reader(api), SPY, arguments, noon)


@pytest.mark.parametrize("cash", ["12.5x", "", "nan", "-1", "0"])
def test_cash_that_is_no_amount_is_told_in_a_line(
    cash: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--user=u", "--algorithm=a", "--account=DU1", "--symbol=SPY", f"--cash={cash}"]
    monkeypatch.setattr(sys, "argv", ["monthly_buyer.py", *given])
    with pytest.raises(SystemExit) as ended:
        read_arguments()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"monthly_buyer.py: --cash must be an amount such as 1250.00, not {cash!r}\n"


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
    assert order_of(SPY, date(2026, 12, 6), "m", limited=False).good_until is None


def reader(api: FakeApi) -> Client:
    return Client(
        user_id="u-7",
        algorithm_id="mean-reversion-7",
        order_queue=None,
        api=Api(api.url, "a-token"),
        sleep=lambda _: None,
    )


def test_a_month_in_which_nothing_was_bought_takes_its_next_id(api: FakeApi) -> None:
    api.will_answer(404, NOT_THERE)
    assert of_month(reader(api), SPY, DAY) == (IDS[0], None)
    for status in ("rejected", "denied", "expired"):
        api.will_answer(200, shown_order(status, order_id=IDS[0]))
        api.will_answer(404, NOT_THERE)
        assert of_month(reader(api), SPY, DAY) == (f"{IDS[0]}-2", None)
    just_now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    api.will_answer(200, shown_order("rejected", order_id=IDS[0], updated_at=just_now))
    order_id, placed = of_month(reader(api), SPY, DAY)
    assert placed is not None, "IBKR may have taken what it refused just now"
    history = [{"at": just_now, "status": status} for status in ("received", "sending", "held", "expired")]
    api.will_answer(200, shown_order("expired", order_id=IDS[0], updated_at=just_now, history=history))
    order_id, placed = of_month(reader(api), SPY, DAY)
    assert placed is not None, "IBKR may have taken what it called undelivered"
    for status, filled in (("working", "0"), ("filled", "2"), ("cancelled", "0"), ("needs_review", "0")):
        api.will_answer(200, shown_order(status, order_id=IDS[0], filled_quantity=filled))
        order_id, placed = of_month(reader(api), SPY, DAY)
        assert placed is not None, status
        assert placed.order_id == order_id == IDS[0]


def test_a_month_has_no_more_tries_than_some(api: FakeApi) -> None:
    for order_id in [*IDS, IDS[-1]]:
        api.will_answer(200, shown_order("rejected", order_id=order_id))
    arguments = argparse.Namespace(timeout_seconds=1, any_day=True)
    with pytest.raises(OrderEnded, match=IDS[-1]):
        run(reader(api), SPY, arguments, datetime(2026, 12, 1, 15, tzinfo=UTC))


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


def test_a_quantity_that_is_no_amount_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--user=u", "--algorithm=a", "--account=DU1", "--conid=1", "--run=r", "--prices", "187", "--quantity=1x"]
    monkeypatch.setattr(sys, "argv", ["moving_average.py", *given])
    with pytest.raises(SystemExit) as ended:
        moving_average.read_arguments()
    assert ended.value.code == 2
    assert "argument --quantity: must be an amount such as 187.50, not '1x'" in capsys.readouterr().err


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


def test_the_command_in_the_head_of_the_moving_average_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    head = moving_average.__doc__ or ""
    command = next(part for part in head.split("\n\n") if "python " in part)
    readme = (ROOT / "clients/python/README.md").read_text(encoding="utf-8")
    written = shlex.split(command.replace("\\\n", " "))
    blocks = [block.partition("```")[0] for block in readme.split("```text\n")[1:]]
    assert written in [block.replace("\\\n", " ").replace('"', "").split() for block in blocks]
    monkeypatch.setattr(sys, "argv", written[1:])
    given = moving_average.read_arguments()
    made = moving_average.orders(given.prices, given.run, given.account, given.conid, given.quantity)
    assert [(order.order_id, order.side) for order in made] == [("ma-2026-11-25-4", "buy"), ("ma-2026-11-25-7", "sell")]
