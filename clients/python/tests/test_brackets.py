"""A bracket's status is its entry's: its exits work on, follow its quantity, and are waited for by themselves."""

from decimal import Decimal
from typing import Any

import pytest

from courier_client import (
    ChangeRefused,
    Client,
    InvalidMessage,
    ModifyOrder,
    NoSuchLeg,
    OrderEnded,
    OrderRefused,
    OrderStatus,
    WaitTimeout,
)
from support import NOT_THERE, TICKET, FakeApi, change, refusal, shown, will_list

ORDER_ID = "mr7-20261124-0001"


def leg(role: str, status: str = "working", **changes: Any) -> dict[str, Any]:
    price = {"type": "stop", "stop_price": "184"} if role == "stop_loss" else {"limit_price": "190"}
    return {
        "role": role,
        "broker_order_id": "7",
        "status": status,
        "quantity": "10",
        "filled_quantity": "0",
        "average_price": None,
        "executions": [],
        "ticket": TICKET | {"side": "sell"} | price,
        "cancel_asked": False,
        "reason": None,
        **changes,
    }


def exits(stop_loss: str = "working", take_profit: str = "working", **of_the_stop: Any) -> list[dict[str, Any]]:
    return [leg("take_profit", take_profit), leg("stop_loss", stop_loss, **of_the_stop)]


def of_leg(status: str, revision: int = 2, **ticket: Any) -> dict[str, Any]:
    return change(status, revision) | {"leg": "stop_loss", "ticket": leg("stop_loss")["ticket"] | ticket}


def test_a_change_of_a_filled_bracket_s_exit_is_waited_for(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id=ORDER_ID, revision=2, leg="stop_loss", stop_price=185))
    api.will_answer(200, shown("filled", legs=exits()))
    will_list(api)
    api.will_answer(200, shown("filled", legs=exits(), change=of_leg("sending", stop_price="185")))
    will_list(api)
    api.will_answer(200, shown("filled", revision=2, legs=exits(), change=of_leg("applied", stop_price="185")))
    assert client.wait_change(ORDER_ID, 2).revision == 2


def test_a_change_is_not_waited_for_once_the_exits_have_ended_too(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id=ORDER_ID, revision=2, leg="stop_loss", stop_price=185))
    api.will_answer(200, shown("filled", legs=exits()))
    will_list(api)
    api.will_answer(200, shown("filled", legs=exits("cancelled", "filled")))
    will_list(api)
    with pytest.raises(OrderEnded, match="is filled"):
        client.wait_change(ORDER_ID, 2)


@pytest.mark.parametrize("following", ["asked", "sending", "applied", "refused"])
def test_a_quantity_is_in_force_while_the_exits_follow_it(api: FakeApi, client: Client, following: str) -> None:
    client.modify(ModifyOrder(order_id=ORDER_ID, revision=2, quantity=15))
    in_force = shown(
        revision=2, ticket=TICKET | {"quantity": "15"}, legs=exits(), change=of_leg(following, quantity="15")
    )
    api.will_answer(200, in_force)
    assert client.wait_change(ORDER_ID, 2).revision == 2
    # Nor does a client that did not send it take what follows it for it.
    api.will_answer(200, in_force)
    assert client.wait_change(ORDER_ID, 2).revision == 2


def test_an_exit_s_price_is_in_force_while_the_other_exit_follows(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id=ORDER_ID, revision=2, leg="take_profit", limit_price=Decimal(190)))
    api.will_answer(200, shown("filled", revision=2, legs=exits(), change=of_leg("asked", quantity="5")))
    assert client.wait_change(ORDER_ID, 2).revision == 2


def test_another_change_of_an_exit_under_the_number_is_not_taken_for_the_own(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id=ORDER_ID, revision=2, quantity=15))
    # Not in force yet, and in force: the entry is for what it was.
    for revision, status in ((1, "asked"), (2, "applied")):
        api.will_answer(200, shown(revision=revision, legs=exits(), change=of_leg(status, stop_price="185")))
        will_list(api)
    api.will_answer(200, shown(revision=2, legs=exits(), change=of_leg("applied", stop_price="185")))
    will_list(api, refusal("m-1", "revision_differs"))
    with pytest.raises(ChangeRefused, match="revision_differs"):
        client.wait_change(ORDER_ID, 2)


def test_an_exit_is_waited_for_until_it_has_ended(api: FakeApi, client: Client) -> None:
    client.cancel(ORDER_ID, leg="stop_loss")
    api.will_answer(404, NOT_THERE)
    will_list(api)
    api.will_answer(200, shown("filled", legs=exits()))
    will_list(api)
    api.will_answer(200, shown("filled", legs=exits(cancel_asked=True)))
    api.will_answer(200, shown("filled", legs=exits("cancelled", cancel_asked=True)))
    ended = client.wait_leg(ORDER_ID, "stop_loss")
    assert (ended.role, ended.status) == ("stop_loss", OrderStatus.CANCELLED)


def test_a_cancel_that_an_order_without_exits_shows_is_not_asked_after_any_more(api: FakeApi, client: Client) -> None:
    client.cancel(ORDER_ID)
    api.will_answer(200, shown("sending", cancel_asked=True))
    api.will_answer(200, shown("cancelled"))
    assert client.wait(ORDER_ID, until="cancelled").status is OrderStatus.CANCELLED
    assert not [request for request in api.requests if request["path"].startswith("/refusals")]


@pytest.mark.parametrize("asked_of", ["stop_loss", None])
def test_a_refused_cancel_of_an_exit_is_raised_once_after_the_entry_filled(
    api: FakeApi, client: Client, asked_of: Any
) -> None:
    client.cancel(ORDER_ID, leg=asked_of)
    api.will_answer(200, shown("filled", legs=exits()))
    will_list(api, refusal("m-1", "not_your_order"))
    with pytest.raises(OrderRefused, match="not_your_order"):
        client.wait_leg(ORDER_ID, "stop_loss")
    api.will_answer(200, shown("filled", legs=exits("filled")))
    assert client.wait_leg(ORDER_ID, "stop_loss").status is OrderStatus.FILLED


def test_each_exit_s_cancel_is_remembered_and_is_its_own(api: FakeApi, client: Client) -> None:
    client.cancel(ORDER_ID, leg="stop_loss")
    client.cancel(ORDER_ID, leg="take_profit")
    refused = [refusal("m-2", "take_profit_refused"), refusal("m-1", "stop_loss_refused")]
    for role in ("stop_loss", "take_profit"):
        api.will_answer(200, shown("filled", legs=exits()))
        will_list(api, *refused)
        with pytest.raises(OrderRefused, match=f"{role}_refused"):
            client.wait_leg(ORDER_ID, role)


def test_an_exit_that_goes_on_is_named_when_time_runs_out(api: FakeApi, client: Client) -> None:
    for _ in range(5):
        api.will_answer(200, shown("filled", legs=exits("partially_filled")))
    with pytest.raises(
        WaitTimeout, match=f'after 3 s the stop_loss of the order "{ORDER_ID}" has not ended: it is parti'
    ):
        client.wait_leg(ORDER_ID, "stop_loss", timeout_seconds=3)


def test_an_exit_that_the_order_does_not_have_is_not_waited_for(api: FakeApi, client: Client) -> None:
    api.will_answer(200, shown())
    with pytest.raises(NoSuchLeg, match=f'the order "{ORDER_ID}" has no stop_loss'):
        client.wait_leg(ORDER_ID, "stop_loss")
    with pytest.raises(InvalidMessage, match="leg must be take_profit or stop_loss"):
        client.wait_leg(ORDER_ID, "entry")  # type: ignore[arg-type]
