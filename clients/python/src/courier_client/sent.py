"""What a client has sent, to be held against what the server has on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from courier_client.messages import Message
from courier_client.views import ChangeView, OrderStatus, OrderView, Refusal

# What a client remembers at most; beyond it, what was sent longest ago is forgotten.
ORDERS_MAX = 10_000

_Key: TypeAlias = tuple[str, str]

# What a change cannot touch, and what it can.
_FIXED = ("side", "type")
_CHANGEABLE = ("quantity", "cash_quantity", "limit_price", "stop_price", "time_in_force")


@dataclass
class Placed:
    """The latest message that placed an order."""

    message: Message
    message_id: str
    # Whether it is known that the order on record is this one.
    is_confirmed: bool = False


@dataclass(frozen=True)
class Sent:
    """A message about an order that was placed before."""

    message: Message
    message_id: str


class _Memory:
    """What was put on the queue, by user and order."""

    def __init__(self) -> None:
        self.placed: dict[_Key, Placed] = {}
        self.changes: dict[_Key, dict[int, Sent]] = {}
        self.cancels: dict[_Key, dict[str | None, Sent]] = {}


class SentMessages:
    """What was put on the queue for one user, by order. Those of other users may be one memory with it."""

    def __init__(self, user_id: str, memory: _Memory | None = None) -> None:
        self._user_id = user_id
        self._memory = memory if memory is not None else _Memory()

    def of_user(self, user_id: str) -> SentMessages:
        """The same memory, for another user."""
        return SentMessages(user_id, self._memory)

    def remember(self, message: Message, message_id: str) -> None:
        """Remember a message that the queue took."""
        memory, key = self._memory, self._key(message["order_id"])
        if message["command"] == "place":
            memory.placed.pop(key, None)
            memory.placed[key] = Placed(message, message_id)
        elif message["command"] == "modify":
            memory.changes.setdefault(key, {})[message["revision"]] = Sent(message, message_id)
        else:
            memory.cancels.setdefault(key, {})[message.get("leg")] = Sent(message, message_id)
        _forget_oldest(memory.placed)
        _forget_oldest(memory.changes)
        _forget_oldest(memory.cancels)

    def placed(self, order_id: str) -> Placed | None:
        """The message that placed this order, if this client sent it."""
        return self._memory.placed.get(self._key(order_id))

    def forget_placed(self, order_id: str) -> None:
        """That the order on record is another one was told."""
        self._memory.placed.pop(self._key(order_id), None)

    def changes(self, order_id: str) -> dict[int, Sent]:
        """The changes of this order that this client sent and nothing was told of: their messages, by revision."""
        return self._memory.changes.get(self._key(order_id), {})

    def cancels(self, order_id: str) -> dict[str | None, Sent]:
        """The latest cancel of each exit that nothing was told of; under None that of the order."""
        return self._memory.cancels.get(self._key(order_id), {})

    def told(self, refusal: Refusal) -> None:
        """That this change or cancel was refused was told."""
        order_id = refusal.order_id or ""
        _forget_message(self.cancels(order_id), refusal.message_id)
        _forget_message(self.changes(order_id), refusal.message_id)

    def _key(self, order_id: str) -> _Key:
        return (self._user_id, order_id)


def is_other(message: Message, seen: OrderView) -> bool:
    """Whether the order on record is certainly another one than this message placed.

    What a change may have made different since is not compared; an order that could not be read shows nothing.
    """
    ticket = seen.ticket
    if ticket is None or seen.account_id is None:
        return False
    if (message["algorithm_id"], message["account_id"]) != (seen.algorithm_id, seen.account_id):
        return True
    if _contract_differs(message["contract"], ticket.get("contract")):
        return True
    fields = _FIXED if seen.revision > 1 else _FIXED + _CHANGEABLE
    return any(
        _differs(message.get(field), ticket.get(field)) for field in fields if field in ticket or field in message
    )


def is_other_change(message: Message, seen: OrderView) -> bool:
    """Whether the change on record is certainly another one than this message asked for, under the same number."""
    shown, leg = seen.change, message.get("leg")
    if shown is None or shown.revision != message["revision"]:
        return False
    if shown.leg == leg:
        return _asks_otherwise(message, shown.ticket)
    # Exits follow the entry's quantity under the number that is in force: then what was asked for is in force, too.
    return seen.revision < shown.revision or _asks_otherwise(message, _ticket_in_force(seen, leg))


def is_cancel_taken(seen: OrderView, leg: str | None) -> bool:
    """Whether the order shows that a cancel was asked for, of it or of this exit."""
    if seen.cancel_asked or seen.status is OrderStatus.CANCELLING:
        return True
    legs = [one for one in seen.legs if leg in (None, one.role)]
    return bool(legs) and all(one.cancel_asked for one in legs)


def refused_change(seen: OrderView, revision: int, leg: str | None) -> ChangeView | None:
    """The change of this number and of this part of the order, if it was refused."""
    change = seen.change
    if change is None or change.revision != revision or change.status != "refused":
        return None
    # Under a number that is in force, what was refused to another part is an exit's following of the entry's quantity.
    return change if change.leg == leg or seen.revision < revision else None


def _asks_otherwise(message: Message, ticket: Mapping[str, Any] | None) -> bool:
    # What an exit is for shrinks with the other one's fills.
    fields = [field for field in _CHANGEABLE if field in message and not (field == "quantity" and "leg" in message)]
    return ticket is not None and any(_differs(message[field], ticket.get(field)) for field in fields)


def _ticket_in_force(seen: OrderView, role: str | None) -> Mapping[str, Any] | None:
    if role is None:
        return seen.ticket
    leg = seen.leg(role)
    return None if leg is None else leg.ticket


def _forget_message(sent: dict[Any, Sent], message_id: str) -> None:
    for key in [key for key, one in sent.items() if one.message_id == message_id]:
        del sent[key]


def _forget_oldest(kept: dict[_Key, Any]) -> None:
    while len(kept) > ORDERS_MAX:
        del kept[next(iter(kept))]


def _contract_differs(asked: Mapping[str, Any], shown: object) -> bool:
    if not isinstance(shown, Mapping):
        return False
    # Only what both name: the server may show more words of a contract than were sent.
    return any(asked[word] != shown[word] for word in ("conid", "symbol") if word in asked and word in shown)


def _differs(asked: object, shown: object) -> bool:
    if isinstance(asked, str) and isinstance(shown, str):
        try:
            return Decimal(asked) != Decimal(shown)
        except InvalidOperation:
            pass
    return asked != shown
