from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from courier_client import (
    Attached,
    Conid,
    InvalidMessage,
    ModifyOrder,
    PlaceOrder,
    StopLoss,
    Symbol,
    TakeProfit,
    Trail,
)
from courier_client.messages import cancel_message
from support import SCHEMAS, order, read_json, validator


def faults(**changes: Any) -> list[str]:
    with pytest.raises(InvalidMessage) as refused:
        order(**changes)
    return [str(fault) for fault in refused.value.faults]


def test_the_example_of_the_contract_is_written_as_the_contract_writes_it() -> None:
    written = order().message("u-7", "mean-reversion-7")
    expected = read_json(SCHEMAS / "examples" / "valid" / "place-the-example-of-the-contract.json")
    assert written == {**expected, "limit_price": "187.5"}
    assert list(written) == list(expected)


ORDERS = [
    {},
    {"type": "market", "limit_price": None, "good_until": None},
    {"quantity": None, "cash_quantity": Decimal("250.00")},
    {"type": "stop", "limit_price": None, "stop_price": Decimal(180)},
    {"type": "stop_limit", "stop_price": Decimal(180)},
    {"type": "trailing_stop", "limit_price": None, "trail": Trail(percent=Decimal("99.99"))},
    {"type": "trailing_stop", "limit_price": None, "trail": Trail(amount=Decimal(2)), "stop_price": Decimal(180)},
    {"type": "trailing_stop_limit", "trail": Trail(amount=Decimal(2)), "stop_price": Decimal(180)},
    {"type": "midprice", "limit_price": None},
    {"type": "midprice"},
    {"attached": Attached(TakeProfit(Decimal(200)), StopLoss(Decimal(180), Decimal(179)))},
    {"attached": Attached(stop_loss=StopLoss(Decimal(180)))},
    {"contract": Symbol("BRK B", exchange="NYSE", currency="USD", security_type="STK")},
    {"outside_regular_hours": False},
    {"good_until": datetime(2026, 11, 24, 16, 4, 5, 123456, tzinfo=timezone(timedelta(hours=1)))},
    {"quantity": Decimal("999999999999"), "limit_price": Decimal("0.00000001")},
]


@pytest.mark.parametrize("changes", ORDERS, ids=str)
def test_what_is_built_is_what_the_schema_takes(changes: dict[str, Any]) -> None:
    validator("order-message").validate(order(**changes).message("u-7", "mean-reversion-7"))


def test_changes_and_cancels_are_what_the_schema_takes() -> None:
    change = ModifyOrder(
        order_id="o-1",
        revision=2,
        quantity=Decimal(11),
        limit_price=Decimal("188.00"),
        stop_price=Decimal(1),
        trail=Trail(amount=Decimal("0.5")),
        time_in_force="gtc",
    )
    validator("order-message").validate(change.message("u-7", "self"))
    validator("order-message").validate(cancel_message("o-1", "u-7", "self"))
    validator("order-message").validate(cancel_message("o-1", "u-7", "self", "take_profit"))
    exit_change = ModifyOrder(order_id="o-1", revision=2, leg="stop_loss", stop_price=Decimal("186.00"))
    validator("order-message").validate(exit_change.message("u-7", "self"))


def test_an_amount_is_written_without_exponent_and_in_one_spelling() -> None:
    for amount in ("1E+3", "1000", "1000.00"):
        assert order(quantity=Decimal(amount)).message("u", "a")["quantity"] == "1000"
    assert order(limit_price=Decimal("1E-8")).message("u", "a")["limit_price"] == "0.00000001"


def test_a_time_is_written_in_utc() -> None:
    good_until = datetime(2026, 11, 24, 16, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert order(good_until=good_until).message("u", "a")["good_until"] == "2026-11-24T15:04:05Z"


def test_a_float_is_refused_and_told_how_to_write_it() -> None:
    assert faults(limit_price=187.5) == [
        'limit_price is a float, which is not exact: write Decimal("187.5"), not 187.5'
    ]


def test_a_decimal_made_from_a_float_is_recognised() -> None:
    (fault,) = faults(limit_price=Decimal(0.1))  # noqa: RUF032
    assert "was it made from a float?" in fault


@pytest.mark.parametrize("amount", [b"10", True, 0, -1, Decimal(0), Decimal(-1), Decimal("NaN")], ids=str)
def test_what_is_no_positive_decimal_is_refused(amount: object) -> None:
    (fault,) = faults(quantity=amount)
    assert fault.startswith("quantity must be")


@pytest.mark.parametrize("field", ["quantity", "limit_price"])
@pytest.mark.parametrize("text", ["1", "187.50", "0.00000001", "999999999999", "007"])
def test_a_text_that_the_wire_takes_is_its_decimal(field: str, text: str) -> None:
    written, exact = order(**{field: text}), order(**{field: Decimal(text)})
    assert written == exact
    assert isinstance(getattr(written, field), Decimal)
    assert written.message("u-7", "a") == exact.message("u-7", "a")
    validator("order-message").validate(written.message("u-7", "a") | {field: text})


NO_AMOUNTS = [
    *["", " ", "ten", "1,5", "1 000", "1_000", "1e3", "1E+3", "+1", "-1", " 1", "1 ", "1\n", ".5", "1.", "0x1"],
    *["0", "0.00", "NaN", "Infinity", "1234567890123", "0.123456789", "١", "１"],  # noqa: RUF001
]


@pytest.mark.parametrize("text", NO_AMOUNTS, ids=repr)
def test_a_text_that_the_wire_does_not_take_is_refused(text: str) -> None:
    (fault,) = faults(quantity=text)
    assert fault.startswith("quantity must be")
    assert not validator("order-message").is_valid(order().message("u-7", "a") | {"quantity": text})


def test_texts_are_taken_in_every_field_of_an_amount() -> None:
    bracket = order(attached=Attached(TakeProfit("200.0"), StopLoss("180", "179.5")))
    assert bracket == order(attached=Attached(TakeProfit(200), StopLoss(Decimal(180), Decimal("179.5"))))
    assert faults(attached=Attached(TakeProfit("180"), StopLoss("1x")))[0].startswith("attached.stop_loss.stop_price")
    assert order(quantity=None, cash_quantity="250.00") == order(quantity=None, cash_quantity=250)
    trailing = order(type="trailing_stop", limit_price=None, trail=Trail(percent="2.5"), stop_price="180")
    assert trailing.message("u-7", "a")["trail"] == {"percent": "2.5"}
    assert faults(type="trailing_stop", limit_price=None, trail=Trail(percent="100")) == [
        "trail.percent must be less than 100"
    ]
    change = ModifyOrder(order_id="o-1", revision=2, quantity="11", limit_price="188.00", trail=Trail(amount="0.5"))
    assert change.message("u-7", "a")["quantity"] == "11"
    validator("order-message").validate(change.message("u-7", "a"))


def test_an_exit_that_is_no_number_is_a_fault_and_no_error_of_python() -> None:
    attached = Attached(TakeProfit(Decimal("NaN")), StopLoss(Decimal(180)))
    assert faults(attached=attached) == ["attached.take_profit.limit_price must be greater than zero, not NaN"]


def test_a_whole_number_is_an_amount_and_the_same_one_as_its_decimal() -> None:
    whole, exact = order(quantity=1, limit_price=187), order(quantity=Decimal(1), limit_price=Decimal("187.00"))
    assert whole == exact
    assert whole.message("u-7", "a") == exact.message("u-7", "a")
    assert (whole.message("u-7", "a")["quantity"], whole.message("u-7", "a")["limit_price"]) == ("1", "187")
    assert faults(quantity=1.0) == ['quantity is a float, which is not exact: write Decimal("1.0"), not 1.0']
    validator("order-message").validate(whole.message("u-7", "a"))


@pytest.mark.parametrize("amount", ["Infinity", "sNaN", "1234567890123", "0.123456789", "1E+12", "1E-9"])
def test_an_absurd_amount_is_refused(amount: str) -> None:
    assert len(faults(quantity=Decimal(amount))) == 1


def test_one_building_names_every_fault() -> None:
    found = faults(
        order_id="",
        side="hold",
        quantity=Decimal(-10),
        limit_price=187.5,
        stop_price=Decimal(1),
        good_until=datetime(2026, 1, 1),  # noqa: DTZ001
    )
    assert [fault.split()[0] for fault in found] == [
        "order_id",
        "side",
        "quantity",
        "limit_price",
        "stop_price",
        "good_until",
    ]
    with pytest.raises(InvalidMessage, match=r"nothing was sent: order_id must be .*; side must be buy or sell"):
        order(order_id="", side="hold")


def test_a_symbol_is_written_in_capitals() -> None:
    for symbol, capitals in (("aapl", "AAPL"), ("Brk b", "BRK B")):
        told = [f"contract.symbol must be written in capitals: {capitals!r}, not {symbol!r}"]
        assert faults(contract=Symbol(symbol)) == told
    assert [fault.split()[:3] for fault in faults(contract=Symbol(" aapl"))] == [["contract.symbol", "must", "be"]]


def test_a_price_that_a_type_needs_or_cannot_use_is_named() -> None:
    assert faults(type="market") == ["limit_price has no meaning in a market order"]
    assert faults(limit_price=None) == ["limit_price is missing: a limit order needs it"]
    assert faults(type="trailing_stop", limit_price=None) == ["trail is missing: a trailing_stop order needs it"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"type": "trailing_stop", "limit_price": None, "trail": "1"},
            "trail must be Trail(amount=…) or Trail(percent=…), not '1'",
        ),
        (
            {"attached": {"stop_loss": {"stop_price": "180"}}},
            "attached must be Attached(TakeProfit(…), StopLoss(…)), not {'stop_loss': {'stop_price': '180'}}",
        ),
        ({"attached": Attached(stop_loss="184")}, "attached.stop_loss must be StopLoss(stop_price), not '184'"),  # type: ignore[arg-type]
        ({"type": ["limit"]}, "type must be market, limit, "),
        ({"side": ["buy"], "attached": Attached(TakeProfit(200))}, "side must be buy or sell, not ['buy']"),
    ],
)
def test_what_is_of_another_class_is_a_fault_with_its_field(changes: dict[str, Any], expected: str) -> None:
    found = faults(**changes)
    assert found[0].startswith(expected)
    assert len(found) == 1


def test_exits_in_each_other_s_place_are_both_named() -> None:
    swapped = Attached(StopLoss(Decimal(180)), TakeProfit(Decimal(200)))  # type: ignore[arg-type]
    assert [fault.split(" ")[0] for fault in faults(attached=swapped)] == [
        "attached.take_profit",
        "attached.stop_loss",
    ]


def test_a_change_with_a_distance_of_another_class_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="trail must be Trail"):
        ModifyOrder(order_id="o-1", revision=2, trail="1")  # type: ignore[arg-type]


def test_the_exits_of_a_bracket_need_a_quantity() -> None:
    attached = Attached(stop_loss=StopLoss(Decimal(180)))
    assert faults(quantity=None, cash_quantity=Decimal(100), attached=attached) == [
        "attached needs a quantity: a cash quantity leaves that of the exits open"
    ]


def test_a_change_of_nothing_and_a_first_revision_are_refused() -> None:
    with pytest.raises(InvalidMessage, match=r"revision must be .* from 2 .*nothing to change"):
        ModifyOrder(order_id="o-1", revision=1)


def in_fields(message: dict[str, Any], amount: Callable[[str], object]) -> dict[str, Any]:
    """A message's fields as a caller of this client would give them; `amount` makes one of its text."""
    decimal = {"quantity", "cash_quantity", "limit_price", "stop_price", "amount", "percent"}

    def value(field: str, given: Any) -> Any:
        if field in decimal and isinstance(given, str):
            return amount(given)
        if field == "good_until" and isinstance(given, str):
            return datetime.fromisoformat(given)
        return given

    kinds: dict[str, Any] = {"trail": Trail, "attached": Attached, "take_profit": TakeProfit, "stop_loss": StopLoss}

    def built(fields: dict[str, Any]) -> dict[str, Any]:
        return {
            field: kinds[field](**built(given)) if field in kinds and isinstance(given, dict) else value(field, given)
            for field, given in fields.items()
        }

    fields = built(message)
    contract = fields.get("contract")
    if isinstance(contract, dict):
        fields["contract"] = (Conid if "conid" in contract else Symbol)(**contract)
    return fields


IDENTITY = {"schema", "command", "user_id", "algorithm_id"}
# Refused as a text, and another spelling of an amount once it is a Decimal.
SPELLINGS_OF_A_DECIMAL = {
    "a-quantity-with-an-exponent",
    "a-quantity-with-a-sign",
    "a-quantity-with-a-space",
    "a-quantity-with-a-line-break",
    "a-quantity-that-begins-with-a-point",
    "a-quantity-that-ends-with-a-point",
}
# What this client cannot even be asked for: its types have no such field, or it writes another.
SPELLINGS = {
    "a-quantity-that-is-a-number": "a whole number is written as a text",
    "a-time-that-is-not-in-utc": "written in UTC",
    "a-time-that-is-null": "left out",
    "a-limit-price-that-is-null": "left out: another example",
}


def invalid_orders() -> list[Any]:
    found = []
    for path in sorted((SCHEMAS / "examples" / "invalid").glob("*.json")):
        message = read_json(path)
        of_order = isinstance(message, dict) and message.get("command") == "place"
        if of_order and "user" not in path.stem and path.stem not in SPELLINGS:
            fields = {field: value for field, value in message.items() if field not in IDENTITY}
            changed = read_json(SCHEMAS / "examples" / "valid" / "place-the-example-of-the-contract.json")
            if fields != {field: value for field, value in changed.items() if field not in IDENTITY}:
                found.append(pytest.param(fields, id=path.stem))
    return found


@pytest.mark.parametrize("fields", invalid_orders())
def test_what_the_schema_refuses_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises((InvalidMessage, TypeError, ValueError)):
        PlaceOrder(**in_fields(fields, amount=str))


@pytest.mark.parametrize(
    "fields", [example for example in invalid_orders() if example.id not in SPELLINGS_OF_A_DECIMAL]
)
def test_what_the_schema_refuses_is_refused_as_a_decimal_too(fields: dict[str, Any]) -> None:
    with pytest.raises((InvalidMessage, TypeError, ArithmeticError, ValueError)):
        PlaceOrder(**in_fields(fields, amount=Decimal))


def test_the_examples_that_were_tried_are_most_of_them() -> None:
    assert len(invalid_orders()) > 55


@pytest.mark.parametrize(
    ("side", "entry", "profit", "stop", "wrong"),
    [
        ("buy", {"limit_price": Decimal(187)}, 190, 184, []),
        ("buy", {"limit_price": Decimal(187)}, 184, 190, ["take_profit.limit_price", "stop_loss.stop_price"]),
        ("buy", {"limit_price": Decimal(187)}, 190, 187, ["stop_loss.stop_price"]),
        ("sell", {"limit_price": Decimal(187)}, 184, 190, []),
        ("sell", {"limit_price": Decimal(187)}, 190, 184, ["take_profit.limit_price", "stop_loss.stop_price"]),
        ("buy", {"type": "market", "limit_price": None}, 190, 184, []),
        ("buy", {"type": "market", "limit_price": None}, 184, 190, ["stop_loss.stop_price"]),
        (
            "buy",
            {"type": "stop_limit", "stop_price": Decimal(187), "limit_price": Decimal(188)},
            Decimal("187.5"),
            Decimal("187.5"),
            [],
        ),
    ],
)
def test_an_exit_on_the_wrong_side_of_its_entry_is_refused(
    side: str, entry: dict[str, Any], profit: int | Decimal, stop: int | Decimal, wrong: list[str]
) -> None:
    attached = Attached(TakeProfit(profit), StopLoss(stop))
    if not wrong:
        assert order(side=side, attached=attached, **entry).attached == attached
        return
    with pytest.raises(InvalidMessage) as refused:
        order(side=side, attached=attached, **entry)
    assert [fault.field for fault in refused.value.faults] == [f"attached.{field}" for field in wrong]
