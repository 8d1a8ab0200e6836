"""Messages: what a sender may ask for (docs/contract.md, Orders), checked as they are built."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from courier_client.checks import CONID_MAX, Faults, comparable, is_amount, read_texts, written_amount, written_time

SCHEMA = "courier.order/1"
REVISION_MAX = 2**64 - 1

Side: TypeAlias = Literal["buy", "sell"]
OrderType: TypeAlias = Literal[
    "market", "limit", "stop", "stop_limit", "trailing_stop", "trailing_stop_limit", "midprice"
]
TimeInForce: TypeAlias = Literal["day", "gtc", "ioc", "opg"]
LegRole: TypeAlias = Literal["take_profit", "stop_loss"]
Message: TypeAlias = dict[str, Any]
# Never a float, which is not exact. A text is written as the wire writes it, "187.50", and is kept as its Decimal.
Amount: TypeAlias = Decimal | int | str

_PRICES = ("limit_price", "stop_price", "trail")
# The prices that go with each type: those it needs, and those it may have.
_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "market": ((), ()),
    "limit": (("limit_price",), ()),
    "stop": (("stop_price",), ()),
    "stop_limit": (("stop_price", "limit_price"), ()),
    "trailing_stop": (("trail",), ("stop_price",)),
    "trailing_stop_limit": (("trail", "stop_price", "limit_price"), ()),
    "midprice": ((), ("limit_price",)),
}


@dataclass(frozen=True)
class Conid:
    """A contract by the broker's permanent number."""

    conid: int


@dataclass(frozen=True)
class Symbol:
    """A contract in words, which must name exactly one. The symbol is written in capitals."""

    symbol: str
    exchange: str | None = None
    currency: str | None = None
    security_type: str | None = None


@dataclass(frozen=True)
class Trail:
    """The distance at which a trailing stop follows: in money, or in per cent of the price. One of the two."""

    amount: Amount | None = None
    percent: Amount | None = None

    def __post_init__(self) -> None:
        read_texts(self, "amount", "percent")


@dataclass(frozen=True)
class TakeProfit:
    """A bracket's exit at a profit: a limit order."""

    limit_price: Amount

    def __post_init__(self) -> None:
        read_texts(self, "limit_price")


@dataclass(frozen=True)
class StopLoss:
    """A bracket's exit at a loss: a stop, or with a limit price a stop limit."""

    stop_price: Amount
    limit_price: Amount | None = None

    def __post_init__(self) -> None:
        read_texts(self, "stop_price", "limit_price")


@dataclass(frozen=True)
class Attached:
    """The exits that make an order a bracket: at least one of the two."""

    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """A new order. Building it checks it, and `InvalidMessage` names every fault.

    `order_id` is the order's name for ever: placing the same order twice is placing it once. Derive it from what the
    order is for (`"monthly-2026-12-SPY"`), not from the time or from chance: a program that starts again cannot buy
    twice.

    An amount is a Decimal, a whole number, or a text such as `"187.50"`, which is kept as its Decimal.

    `good_until`: after it the order is not sent. Left out: 2 minutes after it was sent for `market`, else 15.
    At most 24 hours after.
    """

    order_id: str
    account_id: str
    contract: Conid | Symbol
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Amount | None = None
    cash_quantity: Amount | None = None
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    trail: Trail | None = None
    good_until: datetime | None = None
    outside_regular_hours: bool | None = None
    attached: Attached | None = None

    def __post_init__(self) -> None:
        read_texts(self, "quantity", "cash_quantity", "limit_price", "stop_price")
        faults = Faults()
        faults.identifier("order_id", self.order_id)
        faults.identifier("account_id", self.account_id)
        _check_contract(faults, self.contract)
        faults.choice("side", self.side, get_args(Side))
        faults.choice("type", self.type, get_args(OrderType))
        faults.choice("time_in_force", self.time_in_force, get_args(TimeInForce))
        self._check_size(faults)
        self._check_prices(faults)
        if self.good_until is not None:
            faults.time("good_until", self.good_until)
        if self.outside_regular_hours is not None:
            faults.boolean("outside_regular_hours", self.outside_regular_hours)
        if self.attached is not None:
            self._check_attached(faults, self.attached)
        faults.raise_any()

    def message(self, user_id: str, algorithm_id: str) -> Message:
        """The message as it is sent."""
        good_until = None if self.good_until is None else written_time(self.good_until)
        return _identity("place", user_id, self.order_id, algorithm_id) | _present(
            account_id=self.account_id,
            good_until=good_until,
            contract=_present(**vars(self.contract)),
            side=self.side,
            quantity=_written(self.quantity),
            cash_quantity=_written(self.cash_quantity),
            type=self.type,
            **_written_prices(self),
            time_in_force=self.time_in_force,
            outside_regular_hours=self.outside_regular_hours,
            attached=_written_attached(self.attached),
        )

    def _check_size(self, faults: Faults) -> None:
        if (self.quantity is None) == (self.cash_quantity is None):
            faults.add("quantity", "and cash_quantity: give one of the two")
        for field in ("quantity", "cash_quantity"):
            if getattr(self, field) is not None:
                faults.amount(field, getattr(self, field))

    def _check_prices(self, faults: Faults) -> None:
        _check_price_fields(faults, self)
        if not isinstance(self.type, str) or self.type not in _NEEDS:
            return
        needed, allowed = _NEEDS[self.type]
        for field in _PRICES:
            given = getattr(self, field) is not None
            if field in needed and not given:
                faults.add(field, f"is missing: a {self.type} order needs it")
            if given and field not in needed + allowed:
                faults.add(field, f"has no meaning in a {self.type} order")

    def _check_attached(self, faults: Faults, attached: Attached) -> None:
        if not faults.kind("attached", attached, Attached, "Attached(TakeProfit(…), StopLoss(…))"):
            return
        if attached.take_profit is None and attached.stop_loss is None:
            faults.add("attached", "needs take_profit, stop_loss, or both")
        if self.cash_quantity is not None:
            faults.add("attached", "needs a quantity: a cash quantity leaves that of the exits open")
        if _check_exits(faults, attached):
            self._check_sides(faults, attached)

    def _check_sides(self, faults: Faults, attached: Attached) -> None:
        """Name an exit on the wrong side: it would trade as soon as the entry is filled."""
        if self.side not in get_args(Side) or self.type not in get_args(OrderType):
            return
        towards = {"buy": 1, "sell": -1}[self.side]
        profit = None if attached.take_profit is None else comparable(attached.take_profit.limit_price)
        stop = None if attached.stop_loss is None else comparable(attached.stop_loss.stop_price)
        fields = {
            "limit": ["limit_price"],
            "stop": ["stop_price"],
            "stop_limit": ["stop_price", "limit_price"],
            "midprice": ["limit_price"],
        }
        prices = [
            price for field in fields.get(self.type, ()) if (price := comparable(getattr(self, field))) is not None
        ]
        profit_side, loss_side = ("above", "below") if towards > 0 else ("below", "above")
        entry, soon = " or ".join(map(str, prices)), "would trade as soon as the entry is filled"
        if profit is not None and prices and all((profit - price) * towards <= 0 for price in prices):
            faults.add(
                "attached.take_profit.limit_price", f"must be {profit_side} the entry's {entry}: this exit {soon}"
            )
        if stop is not None and prices and all((price - stop) * towards <= 0 for price in prices):
            faults.add("attached.stop_loss.stop_price", f"must be {loss_side} the entry's {entry}: this exit {soon}")
        if profit is not None and stop is not None and not prices and (profit - stop) * towards <= 0:
            faults.add(
                "attached.stop_loss.stop_price",
                f"must be {loss_side} the take profit's {profit}: one of the exits {soon}",
            )


@dataclass(frozen=True, kw_only=True)
class ModifyOrder:
    """A change of an order: what is to be different. Revisions count up from 2, and each is applied once."""

    order_id: str
    revision: int
    leg: LegRole | None = None
    quantity: Amount | None = None
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    trail: Trail | None = None
    time_in_force: TimeInForce | None = None

    def __post_init__(self) -> None:
        read_texts(self, "quantity", "limit_price", "stop_price")
        faults = Faults()
        faults.identifier("order_id", self.order_id)
        faults.whole_number("revision", self.revision, 2, REVISION_MAX)
        changes = ("quantity", *_PRICES, "time_in_force")
        if all(getattr(self, field) is None for field in changes):
            faults.add("", f"nothing to change: give {', '.join(changes[:-1])} or {changes[-1]}")
        check_leg(faults, self.leg)
        if self.quantity is not None:
            faults.amount("quantity", self.quantity)
        _check_price_fields(faults, self)
        if self.time_in_force is not None:
            faults.choice("time_in_force", self.time_in_force, get_args(TimeInForce))
        faults.raise_any()

    def message(self, user_id: str, algorithm_id: str) -> Message:
        """The message as it is sent."""
        return _identity("modify", user_id, self.order_id, algorithm_id) | _present(
            revision=self.revision,
            leg=self.leg,
            quantity=_written(self.quantity),
            **_written_prices(self),
            time_in_force=self.time_in_force,
        )


def cancel_message(order_id: str, user_id: str, algorithm_id: str, leg: LegRole | None = None) -> Message:
    """The message that ends an order, or one exit of a bracket."""
    faults = Faults()
    faults.identifier("order_id", order_id)
    check_leg(faults, leg)
    faults.raise_any()
    return _identity("cancel", user_id, order_id, algorithm_id) | _present(leg=leg)


def check_leg(faults: Faults, leg: object) -> None:
    """Check the name of an exit of a bracket, where one is given."""
    if leg is not None:
        faults.choice("leg", leg, get_args(LegRole))


def _identity(command: str, user_id: str, order_id: str, algorithm_id: str) -> Message:
    return {
        "schema": SCHEMA,
        "command": command,
        "user_id": user_id,
        "order_id": order_id,
        "algorithm_id": algorithm_id,
    }


def _check_contract(faults: Faults, contract: object) -> None:
    if isinstance(contract, Conid):
        faults.whole_number("contract.conid", contract.conid, 1, CONID_MAX)
    elif isinstance(contract, Symbol):
        faults.symbol("contract.symbol", contract.symbol)
        for field in ("exchange", "currency", "security_type"):
            if getattr(contract, field) is not None:
                faults.word(f"contract.{field}", getattr(contract, field))
    else:
        faults.add("contract", 'must be Conid(265598), or Symbol("AAPL", …)')


def _check_price_fields(faults: Faults, order: PlaceOrder | ModifyOrder) -> None:
    for field in ("limit_price", "stop_price"):
        if getattr(order, field) is not None:
            faults.amount(field, getattr(order, field))
    if order.trail is not None:
        _check_trail(faults, order.trail)


def _check_exits(faults: Faults, attached: Attached) -> bool:
    """Check each exit by itself; whether each is one."""
    profit, stop = attached.take_profit, attached.stop_loss
    is_profit = profit is None or faults.kind("attached.take_profit", profit, TakeProfit, "TakeProfit(limit_price)")
    is_stop = stop is None or faults.kind("attached.stop_loss", stop, StopLoss, "StopLoss(stop_price)")
    if profit is not None and is_profit:
        faults.amount("attached.take_profit.limit_price", profit.limit_price)
    if stop is not None and is_stop:
        faults.amount("attached.stop_loss.stop_price", stop.stop_price)
        if stop.limit_price is not None:
            faults.amount("attached.stop_loss.limit_price", stop.limit_price)
    return is_profit and is_stop


def _check_trail(faults: Faults, trail: Trail) -> None:
    if not faults.kind("trail", trail, Trail, "Trail(amount=…) or Trail(percent=…)"):
        return
    if (trail.amount is None) == (trail.percent is None):
        faults.add("trail", "takes amount or percent: one of the two")
    if trail.amount is not None:
        faults.amount("trail.amount", trail.amount)
    if trail.percent is not None:
        faults.amount("trail.percent", trail.percent)
        if is_amount(trail.percent) and (percent := Decimal(trail.percent)).is_finite() and percent >= 100:
            faults.add("trail.percent", "must be less than 100")


def _written(amount: Amount | None) -> str | None:
    return None if amount is None else written_amount(amount)


def _written_prices(order: PlaceOrder | ModifyOrder) -> Message:
    trail = order.trail
    return {
        "limit_price": _written(order.limit_price),
        "stop_price": _written(order.stop_price),
        "trail": None if trail is None else _present(amount=_written(trail.amount), percent=_written(trail.percent)),
    }


def _written_attached(attached: Attached | None) -> Message | None:
    if attached is None:
        return None
    take_profit, stop_loss = attached.take_profit, attached.stop_loss
    return _present(
        take_profit=take_profit and {"limit_price": _written(take_profit.limit_price)},
        stop_loss=stop_loss
        and _present(stop_price=_written(stop_loss.stop_price), limit_price=_written(stop_loss.limit_price)),
    )


def _present(**fields: Any) -> Message:
    return {name: value for name, value in fields.items() if value is not None}
