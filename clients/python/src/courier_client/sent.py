"""What a client has sent, to be held against what the server has on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from courier_client.messages import Message
from courier_client.views import ChangeView, OrderView, Refusal

# What a client remembers at most; beyond it, what was sent longest ago is forgotten.
ORDERS_MAX = 10_000

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


class SentMessages:
    """What was put on the queue, by order."""

    def __init__(self) -> None:
        self._placed: dict[str, Placed] = {}
        self._changes: dict[str, dict[int, Sent]] = {}
        self._cancels: dict[str, Sent] = {}

    def remember(self, message: Message, message_id: str) -> None:
        """Remember a message that the queue took."""
        order_id = message["order_id"]
        if message["command"] == "place":
            self._placed.pop(order_id, None)
            self._placed[order_id] = Placed(message, message_id)
        elif message["command"] == "modify":
            self._changes.setdefault(order_id, {})[message["revision"]] = Sent(message, message_id)
        else:
            self._cancels[order_id] = Sent(message, message_id)
        _forget_oldest(self._placed)
        _forget_oldest(self._changes)
        _forget_oldest(self._cancels)

    def placed(self, order_id: str) -> Placed | None:
        """The message that placed this order, if this client sent it."""
        return self._placed.get(order_id)

    def changes(self, order_id: str) -> dict[int, Sent]:
        """The changes of this order that this client sent and nothing was told of: their messages, by revision."""
        return self._changes.get(order_id, {})

    def cancel(self, order_id: str) -> Sent | None:
        """The latest cancel of this order, if nothing was told of it."""
        return self._cancels.get(order_id)

    def forget_cancel(self, order_id: str) -> None:
        """The cancel was taken."""
        self._cancels.pop(order_id, None)

    def told(self, refusal: Refusal) -> None:
        """That this change or cancel was refused was told."""
        order_id = refusal.order_id or ""
        cancel = self._cancels.get(order_id)
        if cancel is not None and cancel.message_id == refusal.message_id:
            del self._cancels[order_id]
        changes = self._changes.get(order_id, {})
        for revision in [one for one, sent in changes.items() if sent.message_id == refusal.message_id]:
            del changes[revision]


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


def is_other_change(message: Message, shown: ChangeView) -> bool:
    """Whether the change on record is certainly another one than this message asked for, under the same number."""
    if message.get("leg") != shown.leg:
        return True
    # What an exit is for shrinks with the other one's fills.
    fields = [field for field in _CHANGEABLE if field in message and not (field == "quantity" and shown.leg)]
    return any(_differs(message[field], shown.ticket.get(field)) for field in fields)


def _forget_oldest(kept: dict[str, Any]) -> None:
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
