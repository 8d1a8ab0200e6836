"""A cancel that the broker takes and does not carry out (K1)."""

import itertools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from house import Broker, User, named, until

IBM = 8314
NOT_CARRIED_OUT = {"kind": "not_carried_out"}
ORDER = "/iserver/account/*/order/*"
# The first pauses between two cancels of the same order (shared/domain/src/cancel.rs); a look in between is each five seconds.
PAUSES_SECONDS = [5, 10]
AT_ONCE_SECONDS = 4.0


def resting(user: User) -> str:
    order = user.order(named("resting"), IBM, type="limit", limit_price=Decimal("215.00"))
    client = user.client()
    client.place(order)
    client.wait(order.order_id, until="working")
    return order.order_id


def cancels(broker: Broker, user: User) -> list[dict[str, Any]]:
    return broker.calls(user, "DELETE", "/iserver/account/")


@pytest.mark.parametrize("asked", ["by the queue", "by a halt that cancels what works"])
def test_a_cancel_that_is_taken_and_not_carried_out_is_asked_for_again_until_it_is(
    user: Callable[[str], User], broker: Broker, asked: str
) -> None:
    owner = user("again")
    order_id = resting(owner)
    broker.fault(owner, "DELETE", ORDER, len(PAUSES_SECONDS), NOT_CARRIED_OUT)
    if asked == "by the queue":
        owner.client().cancel(order_id)
    else:
        halted = owner.api().ask("PUT", "halt", body={"halted": True, "cancel_working": True, "reason": "stop"})
        assert halted["cancels_asked"] == 1
    until("the first is answered and not carried out", lambda: cancels(broker, owner))
    assert broker.book(owner)[0]["status"] == "Submitted"
    until("the broker has cancelled it", lambda: broker.book(owner)[0]["status"] == "Cancelled", 60)
    owner.client().wait(order_id, until="cancelled")
    calls = cancels(broker, owner)
    assert [call["status"] for call in calls] == [200] * (len(PAUSES_SECONDS) + 1)
    at = [datetime.fromisoformat(call["at"]).timestamp() for call in calls]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert all(pause >= least for pause, least in zip(pauses, PAUSES_SECONDS, strict=True)), pauses


def test_each_new_request_for_a_cancel_makes_a_call_at_once(user: Callable[[str], User], broker: Broker) -> None:
    owner = user("new-requests")
    order_id = resting(owner)
    broker.fault(owner, "DELETE", ORDER, 1_000, NOT_CARRIED_OUT)
    client, api = owner.client(), owner.api()
    for asks in (
        lambda: client.cancel_by_http(order_id),
        lambda: client.cancel_by_http(order_id),
        lambda: client.cancel(order_id),
        lambda: api.ask("PUT", "halt", body={"halted": True, "cancel_working": True, "reason": "stop"}),
    ):
        before = len(cancels(broker, owner))
        asks()
        # One that is asked for again by itself is not mistaken for it: that comes five seconds after the last one at the soonest.
        until("a call more", lambda before=before: len(cancels(broker, owner)) > before, AT_ONCE_SECONDS)
    assert client.order(order_id).status == "cancelling"
    assert broker.book(owner)[0]["status"] == "Submitted"
