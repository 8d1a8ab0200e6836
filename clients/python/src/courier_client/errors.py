"""What can go wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courier_client.views import OrderStatus, OrderView, Reason, Refusal


NOTHING_SENT = "nothing was sent"


@dataclass(frozen=True)
class FieldFault:
    """One fault: which field (with its path), and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field} {self.message}".lstrip()


class CourierError(Exception):
    """Anything that this package raises on its own account."""


class InvalidMessage(CourierError, ValueError):
    """A message or a question was not sent, because it would be refused. `faults` names every fault."""

    def __init__(self, faults: Sequence[FieldFault], undone: str = NOTHING_SENT) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{undone}: " + "; ".join(map(str, self.faults)))


class NotSetUp(CourierError, ValueError):
    """An address, a queue or a token that is needed was not given, or cannot be used for this. Nothing was sent."""


class NotEnqueued(CourierError):
    """The queue did not confirm a message; it says whether it may have arrived. Sending it again is safe."""


class Unreachable(CourierError):
    """The API gave no answer. Whether a command took effect is not known; asking again is safe."""


class UnexpectedAnswer(CourierError):
    """An answer or an event is not what the contract says. A newer client may understand it."""


class Problem(CourierError):
    """The API refused (RFC 9457). `code` is for programs, `detail` for people, `errors` names each bad field."""

    def __init__(self, status: int, code: str, title: str, detail: str, errors: Sequence[FieldFault] = ()) -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        fields = "".join(f"\n  {fault.field or 'the message'}: {fault.message}" for fault in self.errors)
        super().__init__(f"{status} {title} ({code}): {detail}{fields}")


class OrderEnded(CourierError):
    """The order ended otherwise than it was waited for. `order` says how, and why.

    Its id is used up, also where it is `denied` as `malformed`: a mended order takes a new id.
    """

    def __init__(self, order: OrderView, awaited: frozenset[OrderStatus]) -> None:
        self.order = order
        self.awaited = awaited
        why = f": {order.reason.message} ({order.reason.code})" if order.reason else ""
        instead = f", not {_words(awaited)}" if awaited else ""
        super().__init__(f"{_named(order.order_id)} is {order.status}{instead}{why}")


class OrderNeedsReview(OrderEnded):
    """Nobody knows how the order stands at the broker, and a person decides: place none in its stead.

    It may work there and fill. It may be cancelled, and its events tell what was decided.
    """


class OrderRefused(CourierError):
    """A message of this client became no order, or changed none. `refusal` says why.

    It used up no id: mend what `refusal` names, and send the same again.
    """

    def __init__(self, order_id: str, refusal: Refusal | None, why: str | None = None) -> None:
        self.order_id = order_id
        self.refusal = refusal
        told = f"{refusal.reason.message} ({refusal.reason.code})" if refusal else (why or "no reason was told")
        super().__init__(f"a message about {_named(order_id)} was refused, and nothing was sent for it: {told}")


class IdAlreadyUsed(OrderRefused):
    """The id is another order's for ever. `order` is that one: its fills are not those of the order that you placed."""

    def __init__(self, order: OrderView, refusal: Refusal | None) -> None:
        self.order = order
        super().__init__(
            order.order_id,
            refusal,
            "another order is on record under this id, and is left as it is. Take a new id for this one",
        )


class ChangeRefused(CourierError):
    """A change is not in force and will not be; `order` is as it was before it, and goes on unless `order.is_over`.

    Another change of an order that goes on takes the number `order.next_revision`.
    """

    def __init__(self, order: OrderView, revision: int, reason: Reason | None) -> None:
        self.order = order
        self.revision = revision
        self.reason = reason
        why = f": {reason.message} ({reason.code})" if reason else ""
        next_change = f"the next change is revision {order.next_revision}"
        after = f"the order is {order.status}, and takes no change" if order.takes_no_change else next_change
        super().__init__(f"revision {revision} of {_named(order.order_id)} was refused{why}; {after}")


class NoSuchLeg(CourierError):
    """The order has no such exit: `order.legs` are those that it has."""

    def __init__(self, order: OrderView, leg: str) -> None:
        self.order = order
        self.leg = leg
        super().__init__(f"{_named(order.order_id)} has no {leg}")


class WaitTimeout(CourierError, TimeoutError):
    """The time to wait ran out; nothing was changed by that. `order` is as it was last seen; None: it never was."""

    def __init__(
        self,
        order_id: str,
        order: OrderView | None,
        awaited: frozenset[OrderStatus],
        timeout_seconds: float,
        failure: CourierError | None = None,
        leg: str | None = None,
    ) -> None:
        self.order = order
        self.awaited = awaited
        self.leg = leg
        part = None if order is None or leg is None else order.leg(leg)
        if order is None:
            seen = (
                "was not seen. It may wait in the queue, or its message was refused "
                "(`Client.refusals`, and for the operator `courier refusals list`, tell why)"
            )
        else:
            shown = part or order
            why = f" ({shown.reason.message})" if shown.reason else ""
            seen = f"is {shown.status}{why}"
        if failure is not None:
            seen += f". The last look failed: {failure}"
        # `views` needs this module when it is loaded.
        from courier_client.views import FINAL_STATUSES

        # Where any end would do, the list of all ends says no more than that.
        is_end = leg is not None or awaited == FINAL_STATUSES
        wanted = "has not ended" if is_end else f"is not {_words(awaited)}" if awaited else "is not changed"
        what = _named(order_id) if leg is None else f"the {leg} of {_named(order_id)}"
        super().__init__(f"after {timeout_seconds:g} s {what} {wanted}: it {seen}")


def _named(order_id: str) -> str:
    """The order by its id, which stands in quotes: an id may be any word."""
    return f'the order "{order_id}"'


def _words(statuses: frozenset[OrderStatus]) -> str:
    return " or ".join(sorted(statuses))
