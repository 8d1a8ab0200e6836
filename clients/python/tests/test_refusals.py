"""What was refused is raised, and another order's fill is never taken for one's own."""

from decimal import Decimal
from typing import Any

import pytest

from courier_client import (
    ChangeRefused,
    Client,
    IdAlreadyUsed,
    ModifyOrder,
    OrderEnded,
    OrderRefused,
    OrderStatus,
    WaitTimeout,
)
from support import NOT_THERE, TICKET, FakeApi, change, order, refusal, shown, will_list


def shown_leg(status: str) -> dict[str, Any]:
    return {
        "role": "stop_loss",
        "broker_order_id": "7",
        "status": status,
        "quantity": "10",
        "filled_quantity": "0",
        "average_price": None,
        "executions": [],
        "ticket": TICKET | {"type": "stop_limit", "stop_price": "184", "limit_price": "183.5"},
        "cancel_asked": False,
        "reason": None,
    }


def test_an_order_that_was_refused_is_raised_with_its_reason(api: FakeApi, client: Client) -> None:
    client.place(order())
    api.will_answer(404, NOT_THERE)
    will_list(api)
    api.will_answer(404, NOT_THERE)
    will_list(api, refusal("m-9", "no_grant"), refusal("m-1", "account_not_granted"))
    with pytest.raises(OrderRefused, match=r"It was refused\. \(account_not_granted\)") as refused:
        client.wait("mr7-20261124-0001", until="filled")
    assert refused.value.refusal is not None
    assert refused.value.refusal.message_id == "m-1"
    assert not isinstance(refused.value, IdAlreadyUsed)
    assert api.requests[1]["path"] == "/refusals?user_id=u-7&order_id=mr7-20261124-0001"


@pytest.mark.parametrize(
    "changes",
    [
        {"ticket": TICKET | {"quantity": "11"}},
        {"ticket": TICKET | {"side": "sell"}},
        {"ticket": TICKET | {"limit_price": "187.51"}},
        {"ticket": TICKET | {"contract": {"conid": 8314}}},
        {"account_id": "DU0000002"},
        {"algorithm_id": "another"},
        {"ticket": TICKET | {"side": "sell", "limit_price": "1"}, "revision": 2},
    ],
)
def test_a_used_id_never_returns_the_first_order_s_fill(api: FakeApi, client: Client, changes: dict[str, Any]) -> None:
    client.place(order())
    api.will_answer(200, shown("filled", **changes))
    will_list(api)
    with pytest.raises(IdAlreadyUsed, match="another order is on record under this id") as used:
        client.wait("mr7-20261124-0001", until="filled")
    assert used.value.order.status is OrderStatus.FILLED


def test_what_a_client_of_another_user_sent_is_remembered_by_the_next_one_of_that_user(
    api: FakeApi, client: Client
) -> None:
    client.for_user("u-8").place(order())
    api.will_answer(200, shown("filled", user_id="u-8", ticket=TICKET | {"quantity": "11"}))
    will_list(api)
    with pytest.raises(IdAlreadyUsed):
        client.for_user("u-8").wait("mr7-20261124-0001", until="filled")
    # The same id of the user before is another order.
    api.will_answer(200, shown("filled", ticket=TICKET | {"quantity": "11"}))
    assert client.wait("mr7-20261124-0001", until="filled").status is OrderStatus.FILLED


def test_a_used_id_is_told_by_its_refusal_too(api: FakeApi, client: Client) -> None:
    client.place(order())
    api.will_answer(200, shown("filled", revision=2, ticket=TICKET | {"quantity": "7"}))
    will_list(api, refusal("m-1", "order_differs"))
    with pytest.raises(IdAlreadyUsed, match="order_differs"):
        client.wait("mr7-20261124-0001", until="filled")


def test_a_used_id_is_raised_once_and_what_is_sent_later_is_waited_for(api: FakeApi, client: Client) -> None:
    client.place(order(quantity=Decimal(2)))
    api.will_answer(200, shown())
    will_list(api, refusal("m-1", "order_differs"))
    with pytest.raises(IdAlreadyUsed, match="order_differs"):
        client.wait("mr7-20261124-0001", until="filled")
    client.modify(ModifyOrder(order_id="mr7-20261124-0001", revision=2, limit_price=Decimal("187.50")))
    api.will_answer(200, shown(change=change("asked")))
    will_list(api, refusal("m-1", "order_differs"))
    api.will_answer(200, shown(revision=2, change=change("applied")))
    assert client.wait_change("mr7-20261124-0001", 2).revision == 2
    # The next one under the id is held against the record again.
    client.place(order(quantity=Decimal(3)))
    api.will_answer(200, shown("filled"))
    will_list(api)
    with pytest.raises(IdAlreadyUsed):
        client.wait("mr7-20261124-0001", until="filled")


def test_the_same_order_again_is_the_first_one_and_is_asked_about_once(api: FakeApi, client: Client) -> None:
    client.place(order())
    api.will_answer(200, shown("working"))
    will_list(api)
    api.will_answer(200, shown("filled"))
    assert client.wait("mr7-20261124-0001", until="filled").status is OrderStatus.FILLED
    assert [request["path"].split("?")[0] for request in api.requests] == [
        "/orders/mr7-20261124-0001",
        "/refusals",
        "/orders/mr7-20261124-0001",
    ]


def test_a_mended_order_that_is_placed_again_is_not_held_against_the_refusal_before(
    api: FakeApi, client: Client
) -> None:
    client.place(order())
    client.place(order())
    api.will_answer(404, NOT_THERE)
    will_list(api, refusal("m-1", "no_grant"))
    api.will_answer(200, shown("filled"))
    will_list(api, refusal("m-1", "no_grant"))
    assert client.wait("mr7-20261124-0001", until="filled").status is OrderStatus.FILLED


def test_a_server_that_lists_no_refusals_is_waited_for_all_the_same(api: FakeApi, client: Client) -> None:
    client.place(order())
    api.will_answer(200, shown("filled"))
    api.will_answer(404, NOT_THERE)
    assert client.wait("mr7-20261124-0001", until="filled").status is OrderStatus.FILLED


def test_an_order_shows_its_revision_and_its_change(api: FakeApi, client: Client) -> None:
    api.will_answer(200, shown(revision=3, change=change("refused", 4)))
    seen = client.order("mr7-20261124-0001")
    assert seen.revision == 3
    assert seen.change is not None
    assert (seen.change.revision, seen.change.status) == (4, "refused")
    assert seen.change.reason is not None
    assert seen.change.reason.code == "price_between_steps"


def test_a_refused_change_is_raised_once_and_the_order_goes_on(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id="mr7-20261124-0001", revision=2, limit_price=Decimal("187.50")))
    api.will_answer(200, shown(change=change("refused")))
    with pytest.raises(ChangeRefused, match=r"revision 2 .* between two steps") as refused:
        client.wait("mr7-20261124-0001", until="filled")
    assert refused.value.order.status is OrderStatus.WORKING
    api.will_answer(200, shown(change=change("refused")))
    api.will_answer(200, shown("filled", change=change("refused")))
    assert client.wait("mr7-20261124-0001", until="filled").status is OrderStatus.FILLED


def test_a_change_with_a_wrong_revision_is_raised_by_its_refusal(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id="mr7-20261124-0001", revision=7, time_in_force="gtc"))
    api.will_answer(200, shown())
    will_list(api, refusal("m-1", "revision_skipped"))
    with pytest.raises(ChangeRefused, match="revision_skipped"):
        client.wait_change("mr7-20261124-0001", 7)


def test_a_new_change_is_not_held_against_the_refused_one_under_the_same_number(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id="mr7-20261124-0001", revision=2, limit_price=Decimal("187.40")))
    api.will_answer(200, shown(change=change("refused"), next_revision=3))
    will_list(api)
    api.will_answer(200, shown(change=change("refused"), next_revision=3))
    will_list(api, refusal("m-1", "revision_differs"))
    with pytest.raises(ChangeRefused, match=r"revision_differs\); the next change is revision 3") as refused:
        client.wait_change("mr7-20261124-0001", 2)
    assert refused.value.order.next_revision == 3


@pytest.mark.parametrize("leg_status", [None, "cancelled"])
def test_a_refused_change_of_an_order_that_is_over_names_no_next_revision(
    api: FakeApi, client: Client, leg_status: str | None
) -> None:
    legs = [] if leg_status is None else [shown_leg(leg_status)]
    api.will_answer(200, shown("filled", legs=legs, change=change("refused"), next_revision=3))
    with pytest.raises(ChangeRefused, match=r"the order is filled, and takes no change$") as refused:
        client.wait_change("mr7-20261124-0001", 2)
    assert "next change" not in str(refused.value)


def test_a_refused_change_of_a_bracket_whose_exits_work_names_the_next_revision(api: FakeApi, client: Client) -> None:
    api.will_answer(200, shown("filled", legs=[shown_leg("working")], change=change("refused"), next_revision=3))
    with pytest.raises(ChangeRefused, match=r"the next change is revision 3$"):
        client.wait_change("mr7-20261124-0001", 2)


def test_another_change_in_force_under_the_number_is_not_taken_for_the_own(api: FakeApi, client: Client) -> None:
    client.modify(ModifyOrder(order_id="mr7-20261124-0001", revision=2, limit_price=Decimal("187.40")))
    api.will_answer(200, shown(revision=2, change=change("applied")))
    will_list(api, refusal("m-1", "revision_differs"))
    with pytest.raises(ChangeRefused, match="revision_differs"):
        client.wait_change("mr7-20261124-0001", 2)


def test_a_cancel_or_a_change_of_no_order_is_raised(api: FakeApi, client: Client) -> None:
    client.cancel("mr7-20261124-0001")
    api.will_answer(404, NOT_THERE)
    will_list(api, refusal("m-1", "no_such_order"))
    with pytest.raises(OrderRefused, match="no_such_order"):
        client.wait("mr7-20261124-0001")
    client.modify(ModifyOrder(order_id="mr7-20261124-0001", revision=2, time_in_force="gtc"))
    api.will_answer(404, NOT_THERE)
    will_list(api, refusal("m-2", "no_such_order"), refusal("m-1", "no_such_order"))
    with pytest.raises(OrderRefused, match="no_such_order"):
        client.wait_change("mr7-20261124-0001", 2)
    # It was told, and the order that is placed then is not held against it.
    client.place(order())
    api.will_answer(404, NOT_THERE)
    will_list(api, refusal("m-2", "no_such_order"))
    api.will_answer(200, shown("filled"))
    will_list(api, refusal("m-2", "no_such_order"))
    assert client.wait("mr7-20261124-0001").status is OrderStatus.FILLED


def test_a_refused_cancel_of_an_order_on_record_is_raised_once(api: FakeApi, client: Client) -> None:
    client.cancel("mr7-20261124-0001", leg="stop_loss")
    api.will_answer(200, shown())
    will_list(api, refusal("m-1", "no_such_leg"))
    with pytest.raises(OrderRefused, match="no_such_leg"):
        client.wait("mr7-20261124-0001")
    api.will_answer(200, shown())
    api.will_answer(200, shown("filled"))
    assert client.wait("mr7-20261124-0001").status is OrderStatus.FILLED


def test_a_cancel_that_is_under_way_is_not_asked_about(api: FakeApi, client: Client) -> None:
    client.cancel("mr7-20261124-0001")
    api.will_answer(200, shown("cancelling"))
    api.will_answer(200, shown("cancelled"))
    assert client.wait("mr7-20261124-0001").status is OrderStatus.CANCELLED


def test_the_next_revision_is_known_where_an_older_server_does_not_show_it(api: FakeApi, client: Client) -> None:
    for answer, expected in [
        (shown(), 2),
        (shown(revision=3), 4),
        (shown(change=change("refused", 2)), 3),
        (shown(change=change("refused", 2), next_revision=7), 7),
    ]:
        api.will_answer(200, answer)
        assert client.order("mr7-20261124-0001").next_revision == expected


def test_an_exit_shows_its_prices_and_that_a_cancel_was_asked_for(api: FakeApi, client: Client) -> None:
    leg = shown_leg("working") | {"cancel_asked": True}
    api.will_answer(200, shown(legs=[leg], change=change("applied") | {"leg": "stop_loss"}))
    seen = client.order("mr7-20261124-0001")
    exit_of = seen.leg("stop_loss")
    assert exit_of is not None
    assert (exit_of.stop_price, exit_of.limit_price) == (Decimal(184), Decimal("183.5"))
    assert exit_of.cancel_asked
    assert seen.change is not None
    assert seen.change.leg == "stop_loss"


def test_a_change_is_waited_for_until_it_is_in_force_or_the_order_ended(api: FakeApi, client: Client) -> None:
    api.will_answer(200, shown(change=change("sending")))
    api.will_answer(200, shown(revision=2, change=change("applied")))
    assert client.wait_change("mr7-20261124-0001", 2).revision == 2
    api.will_answer(200, shown("filled"))
    with pytest.raises(OrderEnded, match=r"is filled$"):
        client.wait_change("mr7-20261124-0001", 2)
    for _ in range(5):
        api.will_answer(200, shown(change=change("unknown")))
    with pytest.raises(WaitTimeout, match="is not changed: it is working"):
        client.wait_change("mr7-20261124-0001", 2, timeout_seconds=3)


def test_refusals_are_listed_page_by_page(api: FakeApi, client: Client) -> None:
    api.will_answer(200, {"refusals": [refusal("m-2", "no_grant")], "cursor": "next"})
    api.will_answer(200, {"refusals": [refusal("m-1", "malformed", None)]})
    listed = list(client.refusals())
    assert [(one.message_id, one.order_id) for one in listed] == [("m-2", "mr7-20261124-0001"), ("m-1", None)]
    assert api.requests[1]["path"] == "/refusals?user_id=u-7&cursor=next"
