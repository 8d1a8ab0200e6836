"""What an order and a connection show (docs/contract.md). New fields of later versions are passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from courier_client.errors import UnexpectedAnswer
from courier_client.reasons import ReasonCode, Remedy

Json = Mapping[str, Any]
_T = TypeVar("_T")


class OrderStatus(StrEnum):
    """Where an order is."""

    RECEIVED = "received"
    HELD = "held"
    SENDING = "sending"
    UNKNOWN = "unknown"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    CANCELLING = "cancelling"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DENIED = "denied"
    EXPIRED = "expired"
    NOT_PLACED = "not_placed"
    NEEDS_REVIEW = "needs_review"

    @property
    def is_final(self) -> bool:
        """Whether it is an end, or waits for a person (`needs_review`).

        An end may be none: where the broker shows the order at work after all, it is open again.
        """
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.REJECTED,
        OrderStatus.DENIED,
        OrderStatus.EXPIRED,
        OrderStatus.NOT_PLACED,
        OrderStatus.NEEDS_REVIEW,
    }
)


def _is_over(status: OrderStatus) -> bool:
    return status.is_final and status is not OrderStatus.NEEDS_REVIEW


class ConnectionStatus(StrEnum):
    """Where a connection stands."""

    PENDING = "pending"
    CONNECTED = "connected"
    NEEDS_CONSENT = "needs_consent"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True)
class Reason:
    """Why an order is where it is: a code for programs (one of `ReasonCode`), a message for people."""

    code: str
    message: str

    @property
    def remedy(self) -> Remedy | None:
        """What a program does about it; None: the code is one of a newer server."""
        try:
            return ReasonCode(self.code).remedy
        except ValueError:
            return None


@dataclass(frozen=True)
class LegNews:
    """What became of an exit of a bracket then."""

    role: str
    status: OrderStatus
    filled_quantity: Decimal


@dataclass(frozen=True)
class HistoryEntry:
    """One change of an order's status.

    With `leg` the news of an exit, and with `revision` the refusal of a change: `status` is the order's as before then.
    """

    at: datetime
    status: OrderStatus
    reason: Reason | None
    leg: LegNews | None = None
    revision: int | None = None


@dataclass(frozen=True)
class LegView:
    """An exit of a bracket: an order of its own at the broker, `role` `take_profit` or `stop_loss`."""

    role: str
    broker_order_id: str | None
    status: OrderStatus
    quantity: Decimal | None
    filled_quantity: Decimal
    average_price: Decimal | None
    reason: Reason | None
    # Its whole ticket in force; None: an older server does not show it.
    ticket: Json | None = None
    # Whether a cancel was asked for, of it alone or with its order.
    cancel_asked: bool = False

    @property
    def limit_price(self) -> Decimal | None:
        """The limit price in force, if it has one."""
        return _decimal((self.ticket or {}).get("limit_price"))

    @property
    def stop_price(self) -> Decimal | None:
        """The stop price in force, if it has one."""
        return _decimal((self.ticket or {}).get("stop_price"))


@dataclass(frozen=True)
class ChangeView:
    """The latest change of an order that was asked for. `status`: asked, sending, unknown, applied or refused.

    `leg` is the exit that it changes; None: the entry.
    """

    revision: int
    status: str
    ticket: Json
    reason: Reason | None
    asked_at: datetime
    leg: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A message that became no order. The ids are its own word; None where they could not be read."""

    at: datetime
    message_id: str
    order_id: str | None
    user_id: str | None
    algorithm_id: str | None
    reason: Reason

    @classmethod
    def from_json(cls, shown: object) -> Refusal:
        """Read what the API or an event shows; `UnexpectedAnswer` if it is no refusal."""
        return read("a refusal", _refusal, shown)


@dataclass(frozen=True)
class OrderView:
    """An order as the API and the events show it. Without `account_id` and `ticket`: its message could not be read."""

    order_id: str
    user_id: str
    algorithm_id: str
    account_id: str | None
    status: OrderStatus
    symbol: str | None
    quantity: Decimal | None
    cash_quantity: Decimal | None
    filled_quantity: Decimal
    average_price: Decimal | None
    broker_order_ids: tuple[str, ...]
    client_order_id: str
    reason: Reason | None
    good_until: datetime | None
    ticket: Json | None
    created_at: datetime
    updated_at: datetime
    history: tuple[HistoryEntry, ...]
    legs: tuple[LegView, ...] = ()
    revision: int = 1
    change: ChangeView | None = None
    # The number under which the next change is asked for. A change that was refused on its way has used its own up.
    next_revision: int = 2
    # Whether a cancel was asked for, and it has not ended. The exits of a bracket show their own.
    cancel_asked: bool = False
    # What a person must know of it, whatever its status: that a filled bracket stands without its stop, for one.
    warning: Reason | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing of it can trade any more. `status` is the entry's: a filled bracket's exits still work.

        What waits for a person (`needs_review`) may work at the broker.
        """
        return all(_is_over(status) for status in (self.status, *(leg.status for leg in self.legs)))

    @property
    def takes_no_change(self) -> bool:
        """Whether it is over, or waits for a person: a change of it is refused."""
        return self.status.is_final and all(leg.status.is_final for leg in self.legs)

    def leg(self, role: str) -> LegView | None:
        """One of its exits."""
        return next((leg for leg in self.legs if leg.role == role), None)

    @property
    def statuses(self) -> frozenset[OrderStatus]:
        """Every status that it has had. A final one among them may have been taken back: see `has_reached`."""
        return frozenset({self.status, *(entry.status for entry in self.history)})

    def has_reached(self, status: OrderStatus) -> bool:
        """Whether it is in this status, or has been in it, where it is not a final one.

        An end may be none: the broker may show the order at work after all. So of final ones the present one counts.
        """
        return self.status is status or (not status.is_final and status in self.statuses)

    @property
    def contract(self) -> str:
        """What is traded, for people: its symbol, or `conid 265598` where the order names the broker's number alone."""
        contract = (self.ticket or {}).get("contract", {})
        words = [contract[name] for name in ("symbol", "osi") if name in contract]
        return str(words[0]) if words else f"conid {contract['conid']}" if "conid" in contract else "no contract"

    @classmethod
    def from_json(cls, shown: object) -> OrderView:
        """Read what the API or an event shows; `UnexpectedAnswer` if it is no order."""
        return read("an order", _order, shown)


@dataclass(frozen=True)
class ConnectionView:
    """A connection as the API and the events show it."""

    connection_id: str
    user_id: str
    status: ConnectionStatus
    environment: str | None
    accounts: tuple[str, ...]
    session_state: str
    last_error: Reason | None

    @classmethod
    def from_json(cls, shown: object) -> ConnectionView:
        """Read what the API or an event shows; `UnexpectedAnswer` if it is no connection."""
        return read("a connection", _connection, shown)


def read(what: str, reader: Callable[[Json], _T], shown: object) -> _T:
    """Read JSON by `reader`; what is missing or of another kind becomes `UnexpectedAnswer`."""
    try:
        if not isinstance(shown, Mapping):
            raise TypeError(f"{shown!r} is not an object")
        return reader(shown)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise UnexpectedAnswer(
            f"this is not {what} as the contract shows it ({error!r}); a newer client may read it"
        ) from error


def reason(shown: Json | None) -> Reason | None:
    """Read a reason."""
    return None if shown is None else Reason(_text(shown["code"]), _text(shown["message"]))


def _order(shown: Json) -> OrderView:
    good_until = shown.get("good_until")
    revision = _number(shown.get("revision", 1))
    change = None if shown.get("change") is None else _change(shown["change"])
    # An older server does not show the next number.
    next_revision = max(revision, 1 if change is None else change.revision) + 1
    return OrderView(
        order_id=_text(shown["order_id"]),
        user_id=_text(shown["user_id"]),
        algorithm_id=_text(shown["algorithm_id"]),
        account_id=None if shown["account_id"] is None else _text(shown["account_id"]),
        status=OrderStatus(shown["status"]),
        symbol=None if shown.get("symbol") is None else _text(shown["symbol"]),
        quantity=_decimal(shown["quantity"]),
        cash_quantity=_decimal(shown.get("cash_quantity")),
        filled_quantity=Decimal(_text(shown["filled_quantity"])),
        average_price=_decimal(shown["average_price"]),
        broker_order_ids=tuple(map(_text, shown["broker_order_ids"])),
        client_order_id=_text(shown["client_order_id"]),
        reason=reason(shown["reason"]),
        good_until=None if good_until is None else _time(good_until),
        ticket=shown.get("ticket"),
        created_at=_time(shown["created_at"]),
        updated_at=_time(shown["updated_at"]),
        history=tuple(map(_entry, shown["history"])),
        legs=tuple(map(_leg, shown.get("legs", ()))),
        revision=revision,
        change=change,
        next_revision=_number(shown.get("next_revision", next_revision)),
        cancel_asked=shown.get("cancel_asked") is True,
        warning=reason(shown.get("warning")),
    )


def _change(shown: Json) -> ChangeView:
    return ChangeView(
        revision=_number(shown["revision"]),
        status=_text(shown["status"]),
        ticket=shown["ticket"],
        reason=reason(shown["reason"]),
        asked_at=_time(shown["asked_at"]),
        leg=None if shown.get("leg") is None else _text(shown["leg"]),
    )


def _refusal(shown: Json) -> Refusal:
    why = reason(shown["reason"])
    if why is None:
        raise ValueError("a refusal has a reason")

    def optional(name: str) -> str | None:
        return None if shown[name] is None else _text(shown[name])

    return Refusal(
        at=_time(shown["at"]),
        message_id=_text(shown["message_id"]),
        order_id=optional("order_id"),
        user_id=optional("user_id"),
        algorithm_id=optional("algorithm_id"),
        reason=why,
    )


def _entry(shown: Json) -> HistoryEntry:
    news = shown.get("leg")
    leg = None if news is None else LegNews(news["role"], OrderStatus(news["status"]), Decimal(news["filled_quantity"]))
    revision = shown.get("revision")
    return HistoryEntry(
        at=_time(shown["at"]),
        status=OrderStatus(shown["status"]),
        reason=reason(shown.get("reason")),
        leg=leg,
        revision=None if revision is None else _number(revision),
    )


def _leg(shown: Json) -> LegView:
    number = shown["broker_order_id"]
    return LegView(
        role=_text(shown["role"]),
        broker_order_id=None if number is None else _text(number),
        status=OrderStatus(shown["status"]),
        quantity=_decimal(shown["quantity"]),
        filled_quantity=Decimal(_text(shown["filled_quantity"])),
        average_price=_decimal(shown["average_price"]),
        reason=reason(shown.get("reason")),
        ticket=shown.get("ticket"),
        cancel_asked=shown.get("cancel_asked") is True,
    )


def _connection(shown: Json) -> ConnectionView:
    return ConnectionView(
        connection_id=_text(shown["connection_id"]),
        user_id=_text(shown["user_id"]),
        status=ConnectionStatus(shown["status"]),
        environment=shown["environment"],
        accounts=tuple(map(_text, shown["accounts"])),
        session_state=_text(shown["session"]["state"]),
        last_error=reason(shown["last_error"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(_text(value))


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError(f"{value!r} names no time zone")
    return time
