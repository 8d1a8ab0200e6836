"""Fifteen hundred orders of a user who is not connected (H4)."""

import os
import statistics
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest

from house import ALGORITHM, Broker, User, at_once, batch, named, on_record, taken_at, until

pytestmark = pytest.mark.alone

IBM = 8314
ORDERS_BY_HTTP, ORDERS_BY_QUEUE = 1_480, 20
# trading::PENDING_MAX
WAITING_MAX = 200
SAMPLES = 9
RATIO_MAX = 2.0
# Of less than this the machine decides, and not what waits.
UNREMARKABLE_SECONDS = 0.5
HALT_SECONDS_MAX = 1.0
# It writes two hundred orders, in an engine that is slower than what it stands for.
HALT_AND_CANCEL_SECONDS_MAX = 5.0


def seconds_to_the_broker(broker: Broker, user: User, samples: int = SAMPLES) -> float:
    """How long orders of this user take from their sending until the broker's book has them: the median."""
    client, took = user.client(), []
    for _ in range(samples):
        order = user.order(named("sample"), IBM, type="limit", limit_price=Decimal("215.00"))
        begun = datetime.now(UTC)
        client.place(order)
        took.append((taken_at(broker, on_record(client, order.order_id)) - begun).total_seconds())
    return statistics.median(took)


def until_the_engine_is_free() -> None:
    """Loses the wakes that the user's many orders left in the queue: what is on record does not need them.

    The engine hands out one batch of the queue after the other, whoever's it is, where SQS has a worker for each user; and a
    batch of wakes waits for the user's lane for up to six seconds.
    """
    sqs, queue_url = boto3.client("sqs"), os.environ["COURIER_ORDER_QUEUE_URL"]
    kinds = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_free() -> bool:
        counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=kinds)["Attributes"]
        return not any(map(int, counts.values()))

    sqs.purge_queue(QueueUrl=queue_url)
    until("no batch is worked on", is_free)


@pytest.mark.people("neighbour")
def test_who_sends_more_than_may_wait_hears_it_at_once_and_holds_up_nobody(people: list[User], broker: Broker) -> None:
    [neighbour] = people
    before = seconds_to_the_broker(broker, neighbour)

    flood = User.new("unconnected")
    own = flood.client("self")

    def place(number: int) -> tuple[str, str | None]:
        order = own.place_by_http(flood.order(f"order-{number:04}", IBM, type="limit", limit_price=Decimal("215.00")))
        return order.status.value, order.reason.code if order.reason and order.status == "denied" else None

    begun = time.monotonic()
    answers = Counter(at_once([lambda number=number: place(number) for number in range(ORDERS_BY_HTTP)]))
    took = time.monotonic() - begun
    denied = answers.pop(("denied", "too_many_waiting"))
    assert set(answers) <= {("received", None), ("held", None)}, answers
    assert (answers.total(), denied) == (WAITING_MAX, ORDERS_BY_HTTP - WAITING_MAX)
    by_queue = [
        flood.order(named("queue"), IBM, type="limit", limit_price=Decimal("215.00")).message(flood.user_id, ALGORITHM)
        for _ in range(ORDERS_BY_QUEUE)
    ]
    flood.api().ask("PUT", "grants", ALGORITHM, body={"account_ids": [flood.account_id], "limits": {}, "status": "active"})
    until_the_engine_is_free()
    for part in range(0, ORDERS_BY_QUEUE, 10):
        batch([dict(message) for message in by_queue[part : part + 10]])
    algorithms = flood.client()
    for message in by_queue:
        seen = on_record(algorithms, message["order_id"])
        assert (seen.status, seen.reason and seen.reason.code) == ("denied", "too_many_waiting")

    until_the_engine_is_free()
    after = seconds_to_the_broker(broker, neighbour)
    print(
        f"\nH4: {ORDERS_BY_HTTP} orders by HTTP in {took:.1f} s; another user's order is at the broker after {before:.2f} s "
        f"without them, {after:.2f} s beside them: ratio {after / before:.2f}"
    )
    assert after < max(before * RATIO_MAX, UNREMARKABLE_SECONDS)

    halt_seconds = []
    for cancel_working in (False, True):
        own_api = flood.api()
        begun = time.monotonic()
        answer = own_api.ask("PUT", "halt", body={"halted": True, "cancel_working": cancel_working, "reason": "stop"})
        halt_seconds.append(time.monotonic() - begun)
        assert answer["halted"] is True
    print(f"\nH4: their kill switch answers after {halt_seconds[0]:.2f} s, one that ends what waits after {halt_seconds[1]:.2f} s")
    assert halt_seconds[0] < HALT_SECONDS_MAX
    assert halt_seconds[1] < HALT_AND_CANCEL_SECONDS_MAX
    until("nothing waits any more", lambda: not list(own.orders(only_open=True)))
