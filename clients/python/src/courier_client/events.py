"""Events: every change of status of orders and connections, and every refused message, once and in order.

The bus gives each event at least once, and not always in order. Each event carries the whole order and its history, and
a `sequence` that counts the order's changes; so whoever has the latest has all of it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
)

from courier_client.errors import UnexpectedAnswer
from courier_client.queue import SqsClient, sqs_client
from courier_client.views import (
    ConnectionStatus,
    ConnectionView,
    LegNews,
    OrderStatus,
    OrderView,
    Reason,
    Refusal,
    read,
)

# What the reader remembers at most; beyond it, what changed longest ago is forgotten.
SUBJECTS_MAX = 100_000
RECEIVE_WAIT_SECONDS = 20
RECEIVE_MESSAGES_MAX = 10
# The pause after a failure of the queue; it doubles up to the longest.
FIRST_PAUSE_SECONDS = 1.0
PAUSE_SECONDS_MAX = 60.0
_PASSING_CODES = ("Throttl", "RequestLimitExceeded", "ServiceUnavailable", "InternalError", "InternalFailure")

_log = logging.getLogger("courier_client")


@dataclass(frozen=True)
class OrderChange:
    """One change of an order's status. `order` is the order as the event that told of it showed it.

    Where a change of the order (`modify`) was refused, `previous_status` is `status`, `revision` its number, and
    `reason` says why. With `leg` an exit of a bracket changed, and `status` is the order's as before. A warning changes
    no status either: see `is_warning`.
    """

    sequence: int
    previous_status: OrderStatus | None
    status: OrderStatus
    at: datetime
    reason: Reason | None
    order: OrderView
    leg: LegNews | None = None
    revision: int | None = None

    @property
    def is_warning(self) -> bool:
        """Whether it tells what a person must know, as `reason`; the order's status is as before."""
        is_status = self.leg is None and self.revision is None
        return is_status and self.reason is not None and self.status == self.previous_status


@dataclass(frozen=True)
class ConnectionChange:
    """A change of a connection's status."""

    sequence: int
    previous_status: ConnectionStatus | None
    status: ConnectionStatus
    connection: ConnectionView


Change: TypeAlias = OrderChange | ConnectionChange | Refusal


class EventReader:
    """Makes order out of events that come twice, late, or not at all.

    `take` gives each change once and in order. What a late event would have told is told from the history of the one
    that overtook it; when the late one arrives, it is nothing new.

    `told` remembers the last sequence of each order and connection. A program that keeps it (it is plain JSON) and
    hands it in again goes on where it was.
    """

    def __init__(self, told: Mapping[str, int] | None = None) -> None:
        self.told: dict[str, int] = dict(told or {})
        self._orders: dict[str, OrderView] = {}

    def take(self, event: str | Mapping[str, Any]) -> list[Change]:
        """Take an event as EventBridge gives it, as JSON or read already. Events of other sources tell nothing."""
        if isinstance(event, str):
            try:
                event = json.loads(event)
            except ValueError as error:
                raise UnexpectedAnswer(f"the event is not JSON: {error}") from error
        return read("an event", self._take, event)

    def order(self, user_id: str, order_id: str) -> OrderView | None:
        """The order as its latest event showed it, whenever that came."""
        return self._orders.get(_order_key(user_id, order_id))

    def _take(self, event: Mapping[str, Any]) -> list[Change]:
        match event["source"], event["detail-type"]:
            case "courier.orders", "Order Status Changed":
                return self._take_order(event["detail"])
            case "courier.orders", "Message Refused":
                return self._take_refusal(event["detail"])
            case "courier.connections", "Connection Status Changed":
                return self._take_connection(event["detail"])
            case _:
                return []

    def _take_order(self, detail: Mapping[str, Any]) -> list[Change]:
        order, sequence = OrderView.from_json(detail), _sequence(detail)
        key = _order_key(order.user_id, order.order_id)
        told = self.told.get(key, 0)
        if sequence <= told:
            return []
        self._remember(key, sequence)
        self._orders.pop(key, None)
        self._orders[key] = order
        return list(_changes(order, sequence, told))

    def _take_refusal(self, detail: Mapping[str, Any]) -> list[Change]:
        refusal = Refusal.from_json(detail)
        key = f"refusal {refusal.message_id}"
        if key in self.told:
            return []
        self._remember(key, 1)
        return [refusal]

    def _take_connection(self, detail: Mapping[str, Any]) -> list[Change]:
        connection, sequence = ConnectionView.from_json(detail), _sequence(detail)
        key = f"connection {connection.connection_id}"
        if sequence <= self.told.get(key, 0):
            return []
        self._remember(key, sequence)
        previous = detail["previous_status"]
        previous_status = None if previous is None else ConnectionStatus(previous)
        return [ConnectionChange(sequence, previous_status, connection.status, connection)]

    def _remember(self, key: str, sequence: int) -> None:
        self.told.pop(key, None)
        self.told[key] = sequence
        while len(self.told) > SUBJECTS_MAX:
            forgotten = next(iter(self.told))
            del self.told[forgotten]
            self._orders.pop(forgotten, None)


def follow(
    queue_url: str,
    reader: EventReader,
    *,
    sqs: SqsClient | None = None,
    wait_seconds: int = RECEIVE_WAIT_SECONDS,
    keep_on: Callable[[], bool] = lambda: True,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Change]:
    """Yield the changes that reach a queue which the bus sends to, until `keep_on` says no.

    A message is deleted when its changes have been taken and the next is asked for. So a program that dies in between
    sees them again after its restart: at least once. To act once, keep each order's last sequence with what you do.

    A queue or a network that is away is waited out, with growing pauses and a warning in the log `courier_client`;
    the events of that time come afterwards. What waiting does not mend is raised: no right, no such queue.
    What cannot be read raises `UnexpectedAnswer`, and stays in the queue for its dead letter queue, if it has one.
    """
    sqs = sqs if sqs is not None else sqs_client()
    pause_seconds = FIRST_PAUSE_SECONDS
    while keep_on():
        try:
            answer = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=RECEIVE_MESSAGES_MAX, WaitTimeSeconds=wait_seconds
            )
        except (BotoCoreError, ClientError) as error:
            if not _passes(error):
                raise
            _log.warning("the queue of events did not answer (%s); it is asked again in %g s", error, pause_seconds)
            sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, PAUSE_SECONDS_MAX)
            continue
        pause_seconds = FIRST_PAUSE_SECONDS
        for message in answer.get("Messages", ()):
            yield from reader.take(message["Body"])
            _delete(sqs, queue_url, message["ReceiptHandle"])


def _delete(sqs: SqsClient, queue_url: str, handle: str) -> None:
    try:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)
    except (BotoCoreError, ClientError) as error:
        if not _passes(error):
            raise
        # It comes again, and the reader knows that it was told.
        _log.warning("a message of the queue of events was not deleted (%s); it comes again", error)


def _passes(error: BotoCoreError | ClientError) -> bool:
    """Whether waiting may mend it: the network or the service is away, or asks for patience."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or any(word in code for word in _PASSING_CODES)
    return not isinstance(error, NoCredentialsError | NoRegionError | ParamValidationError)


def _changes(order: OrderView, sequence: int, told: int) -> Iterator[OrderChange]:
    """The changes after `told`, out of the history: its last entry is the event's own change."""
    history = order.history
    # A very long history has lost entries in its middle; what stands before the gap has no known number.
    first_known = len(history) // 2 if sequence > len(history) else 0
    first_new = max(first_known, len(history) - (sequence - told))
    for index in range(first_new, len(history)):
        entry = history[index]
        yield OrderChange(
            sequence=sequence - (len(history) - 1 - index),
            previous_status=history[index - 1].status if index > 0 else None,
            status=entry.status,
            at=entry.at,
            reason=entry.reason,
            order=order,
            leg=entry.leg,
            revision=entry.revision,
        )


def _order_key(user_id: str, order_id: str) -> str:
    # An order id holds no slash, so no two orders share a key.
    return f"order {user_id}/{order_id}"


def _sequence(detail: Mapping[str, Any]) -> int:
    sequence = detail["sequence"]
    if not isinstance(sequence, int) or sequence < 1:
        raise ValueError(f"the sequence must be 1 or more, not {sequence!r}")
    return sequence
