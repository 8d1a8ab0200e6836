"""What can go wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courier_client.views import OrderStatus, OrderView


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
    """A message was not sent, because it would be refused. `faults` names every fault."""

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("nothing was sent: " + "; ".join(map(str, self.faults)))


class NotEnqueued(CourierError):
    """The queue did not confirm a message. It may have arrived all the same: sending it again is safe."""


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
    """The order reached a final status that was not waited for. `order` says which, and why."""

    def __init__(self, order: OrderView, awaited: frozenset[OrderStatus]) -> None:
        self.order = order
        self.awaited = awaited
        why = f": {order.reason.message} ({order.reason.code})" if order.reason else ""
        super().__init__(f"the order {order.order_id} is {order.status}, not {_words(awaited)}{why}")


class WaitTimeout(CourierError, TimeoutError):
    """The time to wait ran out; nothing was changed by that. `order` is as it was last seen; None: it never was."""

    def __init__(
        self,
        order_id: str,
        order: OrderView | None,
        awaited: frozenset[OrderStatus],
        timeout_seconds: float,
        failure: CourierError | None = None,
    ) -> None:
        self.order = order
        self.awaited = awaited
        if order is None:
            seen = (
                "was not seen. It may wait in the queue, or its message was refused "
                "(`courier refusals list` tells the operator why)"
            )
        else:
            why = f" ({order.reason.message})" if order.reason else ""
            seen = f"is {order.status}{why}"
        if failure is not None:
            seen += f". The last look failed: {failure}"
        super().__init__(f"after {timeout_seconds:g} s the order {order_id} is not {_words(awaited)}: it {seen}")


def _words(statuses: frozenset[OrderStatus]) -> str:
    return " or ".join(sorted(statuses))
