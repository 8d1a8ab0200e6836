"""Several users in one batch of the queue, and a broker that is slow (K3)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from house import ALGORITHM, Broker, User, batch, named, on_record, taken_at

pytestmark = pytest.mark.alone

IBM = 8314
TICKETS = "/iserver/account/*/orders"
SLOW_SECONDS = 10
HELD_UP_SECONDS_MAX = 3.0
ANSWER_SECONDS = 2
ALL_WITHIN_SECONDS = 6.0


def resting(user: User, price: str) -> tuple[User, str, dict[str, object]]:
    order = user.order(named("batch"), IBM, type="limit", limit_price=Decimal(price))
    return user, order.order_id, dict(order.message(user.user_id, ALGORITHM))


def slow(broker: Broker, user: User, seconds: int, times: int) -> None:
    broker.fault(user, "POST", TICKETS, times, {"kind": "delay", "after_ms": seconds * 1000})


@pytest.mark.people("slow", "quick", "another")
def test_a_broker_that_is_slow_for_one_user_holds_up_no_other_in_the_batch(people: list[User], broker: Broker) -> None:
    # The slow one's order comes first: the engine hands out one batch after the other, so who came in a later one would wait.
    sent = [resting(one, "215.00") for one in people]
    slow(broker, people[0], SLOW_SECONDS, 1)
    begun = datetime.now(UTC)
    batch([message for _, _, message in sent])
    for one, order_id, _ in sent[1:]:
        order = on_record(one.client(), order_id)
        recorded, taken = order.created_at, taken_at(broker, order)
        print(
            f"\nK3: {one.user_id} is on record after {(recorded - begun).total_seconds():.2f} s, at the broker after "
            f"{(taken - begun).total_seconds():.2f} s, beside a broker that takes {SLOW_SECONDS} s"
        )
        assert (taken - begun).total_seconds() < HELD_UP_SECONDS_MAX
    records = [on_record(one.client(), order_id).created_at for one, order_id, _ in sent]
    assert max(records) <= min(taken_at(broker, on_record(one.client(), order_id)) for one, order_id, _ in sent)
    assert (datetime.now(UTC) - begun).total_seconds() < SLOW_SECONDS, "the slow one's answer was there already"
    one, order_id, _ = sent[0]
    assert one.client().wait(order_id, until="working").status == "working"
    assert len([entry for entry in broker.book(one) if entry["order_type"] == "LMT"]) == 1


@pytest.mark.people("one", "two", "three", "four", "five")
def test_ten_orders_of_five_users_take_as_long_as_the_two_of_one(people: list[User], broker: Broker) -> None:
    sent = [resting(one, price) for price in ("215.00", "216.00") for one in people]
    for one in people:
        slow(broker, one, ANSWER_SECONDS, 2)
    begun = datetime.now(UTC)
    batch([message for _, _, message in sent])
    taken = [taken_at(broker, on_record(one.client(), order_id)) for one, order_id, _ in sent]
    working = [one.client().wait(order_id, until="working") for one, order_id, _ in sent]
    told = [next(entry.at for entry in order.history if entry.status == "working") for order in working]
    at_the_broker, answered = ((max(times) - begun).total_seconds() for times in (taken, told))
    print(
        f"\nK3: ten orders of five users, answers of {ANSWER_SECONDS} s: all at the broker after {at_the_broker:.2f} s, "
        f"all answered after {answered:.2f} s"
    )
    assert at_the_broker < ALL_WITHIN_SECONDS
