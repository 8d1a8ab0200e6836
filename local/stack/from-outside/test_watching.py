"""A hundred and ten orders of a user without a session, and everybody else's fills (H3)."""

import os
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import boto3
import pytest

from house import ALGORITHM, Broker, User, batch, named, run_schedule, until

# It empties the queue of looks.
pytestmark = pytest.mark.alone

BHP = 4815747
ORDERS = 110
ORDERS_IN_A_MESSAGE = 10
TOLD_SECONDS_MAX = 15.0
# shared/store/src/documents.rs
SHARDS = 16
SENT_WITHIN_SECONDS = 60.0


def in_the_same_shard_as(other: User) -> User:
    """Due orders lie in shards by their user (shared/store/src/documents.rs, `shard_of`)."""
    shard = sha256(other.user_id.encode()).digest()[0] % SHARDS
    names = (User.new("gone") for _ in range(100 * SHARDS))
    return next(user for user in names if sha256(user.user_id.encode()).digest()[0] % SHARDS == shard)


def resting(user: User, order_id: str) -> dict[str, object]:
    order = user.order(order_id, BHP, type="limit", limit_price=Decimal("49.00"))
    return dict(order.message(user.user_id, ALGORITHM))


def make_due(user: User, since_seconds: int) -> None:
    """The next look at this user's orders would be a minute away: it is due since so long, as if that minute had passed."""
    table = boto3.resource("dynamodb").Table(os.environ["COURIER_ORDERS_TABLE"])
    due = (datetime.now(UTC) - timedelta(seconds=since_seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    key = boto3.dynamodb.conditions.Key("user_id").eq(user.user_id)
    for row in table.query(KeyConditionExpression=key)["Items"]:
        if "next_check_at" in row:
            table.update_item(
                Key={"user_id": row["user_id"], "order_id": row["order_id"]},
                UpdateExpression="SET next_check_at = :due, #document.next_check_at = :due",
                ExpressionAttributeNames={"#document": "order"},
                ExpressionAttributeValues={":due": due},
            )


def lose_the_looks_that_are_on_their_way() -> None:
    """So that nobody follows an order closely any more, and the schedule alone can find it."""
    sqs, queue_url = boto3.client("sqs"), os.environ["COURIER_TRACK_QUEUE_URL"]
    kinds = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]

    def is_empty() -> bool:
        sqs.purge_queue(QueueUrl=queue_url)
        counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=kinds)["Attributes"]
        return not any(map(int, counts.values()))

    until("no look is on its way", is_empty)


@pytest.mark.people("healthy")
def test_a_hundred_and_ten_orders_of_a_user_without_a_session_keep_no_other_user_waiting(people: list[User], broker: Broker) -> None:
    broker.price(BHP, "50.00")
    [healthy] = people
    client = healthy.client()
    gone = in_the_same_shard_as(healthy).connect()
    messages = [resting(gone, f"order-{number:03}") for number in range(ORDERS)]
    for part in range(0, ORDERS, ORDERS_IN_A_MESSAGE):
        batch(messages[part : part + ORDERS_IN_A_MESSAGE])
    until("their orders are at the broker", lambda: len(broker.book(gone)) == ORDERS, SENT_WITHIN_SECONDS)
    order_id = named("mine")
    batch([resting(healthy, order_id)])
    client.wait(order_id, until="working")

    connection = gone.api().ask("GET", "connections")["connections"][0]["connection_id"]
    gone.api().ask("DELETE", "connections", connection)
    lose_the_looks_that_are_on_their_way()
    # Theirs are all before the other's in the shard.
    make_due(gone, since_seconds=90)
    make_due(healthy, since_seconds=30)
    broker.price(BHP, "48.50")
    begun = time.monotonic()
    run_schedule("order-track")
    client.wait(order_id, until="filled")
    took = time.monotonic() - begun
    print(f"\nH3: a fill is told after {took:.1f} s, beside {ORDERS} due orders of a user without a session in the same shard")
    assert took < TOLD_SECONDS_MAX

    # Whom nobody looks after is told so, and nothing of theirs is lost.
    def warned() -> bool:
        shown = gone.api().ask("GET", "orders", "order-000")
        return (shown.get("warning") or {}).get("code") == "unwatched"

    until("the user without a session is told", warned)
    assert len(broker.book(gone)) == ORDERS
