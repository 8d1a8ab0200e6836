"""A yes to the broker's question that would leave too late (M1)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from house import Broker, User, named

# It holds up the batch that it is in.
pytestmark = pytest.mark.alone

# Without market data the broker asks about an order for it (o354), to which the policy says yes.
DARK = 9998
REPLIES = "/iserver/reply/"
GOOD_FOR_SECONDS = 4
ANSWERED_AFTER_SECONDS = 6


def test_no_yes_leaves_after_the_order_was_good_until(broker: Broker) -> None:
    owner = User.new("asked")
    # No question is answered beforehand.
    broker.fault(owner, "POST", "/iserver/questions/suppress", 100, {"kind": "unavailable", "executed": False})
    owner.connect()
    client = owner.client()
    in_time = owner.order(named("in-time"), DARK, type="limit", limit_price=Decimal("10.00"))
    client.place(in_time)
    assert client.wait(in_time.order_id, until="working").status == "working"
    assert len(broker.calls(owner, "POST", REPLIES)) == 1, "it was asked, and the answer was yes"

    delay = {"kind": "delay", "after_ms": ANSWERED_AFTER_SECONDS * 1000}
    broker.fault(owner, "POST", "/iserver/account/*/orders", 1, delay)
    good_until = datetime.now(UTC) + timedelta(seconds=GOOD_FOR_SECONDS)
    late = owner.order(named("late"), DARK, type="limit", limit_price=Decimal("11.00"), good_until=good_until)
    client.place(late)
    ended = client.wait(late.order_id)
    assert (ended.status, ended.reason and ended.reason.code) == ("rejected", "question_too_late")
    tickets = broker.calls(owner, "POST", f"/iserver/account/{owner.account_id}/orders")
    assert ended.client_order_id in tickets[-1]["client_order_ids"], "it had left in time, and was asked about too late"
    assert datetime.fromisoformat(tickets[-1]["at"]) < good_until
    names = [entry["client_order_id"] for entry in broker.book(owner)]
    assert names == [client.order(in_time.order_id).client_order_id]
    # The second answer is the no.
    assert len(broker.calls(owner, "POST", REPLIES)) == 2
