"""The exits of a bracket whose entry is filled (K2)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from courier_client import Attached, ModifyOrder, OrderView, StopLoss, TakeProfit

from conftest import Events
from house import Broker, User, named, until

MSFT = 272093
WORKS = ("PreSubmitted", "Submitted")
# Changes of price are found by looks, one each five seconds.
SEEN_WITHIN_SECONDS = 45.0


def bracket(user: User, name: str, quantity: int, stop: str) -> str:
    exits = Attached(take_profit=TakeProfit(Decimal("426.00")), stop_loss=StopLoss(Decimal(stop)))
    size = Decimal(quantity)
    order = user.order(named(name), MSFT, type="limit", limit_price=Decimal("419.00"), quantity=size, attached=exits, time_in_force="gtc")
    user.client().place(order)
    return order.order_id


def exits_of(broker: Broker, user: User, order: OrderView) -> dict[str, dict[str, Any]]:
    """By the broker's own book: the take profit is a limit order, the stop loss a stop."""
    book = broker.book(user)
    parent = next(entry["order_id"] for entry in book if entry["client_order_id"] == order.client_order_id)
    roles = {"LMT": "take_profit", "STP": "stop_loss"}
    return {roles[entry["order_type"]]: entry for entry in book if entry["parent_order_id"] == parent}


def position(broker: Broker, user: User) -> Decimal:
    signs = {"BUY": 1, "SELL": -1}
    return sum((signs[entry["side"]] * Decimal(entry["filled_quantity"]) for entry in broker.book(user)), Decimal(0))


def statuses(order: OrderView) -> list[str]:
    return [leg.status.value for leg in order.legs]


def test_the_exits_of_a_filled_bracket_are_told_cancelled_changed_counted_and_ended(
    user: Callable[[str], User], broker: Broker, events: Events
) -> None:
    owner = user("exits")
    client, api = owner.client(), owner.api()
    broker.price(MSFT, "420.00")
    by_hand, stopped, halted = (
        bracket(owner, "by-hand", 1, "415.00"),
        bracket(owner, "stopped", 2, "416.00"),
        bracket(owner, "halted", 4, "410.00"),
    )
    all_three = (by_hand, stopped, halted)
    for order_id in all_three:
        client.wait(order_id, until="working")
    broker.price(MSFT, "418.50")

    # The entries are filled, and the orders are open while their exits work: listed, with their states.
    for order_id in all_three:
        entry = client.wait(order_id, until="filled")
        assert not entry.is_over
    until(
        "the exits work",
        lambda: all(statuses(client.order(order_id)) == ["working", "working"] for order_id in all_three),
        SEEN_WITHIN_SECONDS,
    )
    assert {order.order_id for order in client.orders(only_open=True)} == set(all_three)
    for order_id in all_three:
        shown = client.order(order_id)
        at_the_broker = exits_of(broker, owner, shown)
        told = {leg.role: leg.broker_order_id for leg in shown.legs}
        assert told == {role: str(entry["order_id"]) for role, entry in at_the_broker.items()}
    assert position(broker, owner) == 7

    # One exit is changed by its name, the other one cancelled by its name.
    client.modify_by_http(ModifyOrder(order_id=by_hand, revision=2, leg="stop_loss", stop_price=Decimal("415.50")))
    until(
        "the stop is changed at the broker",
        lambda: Decimal(exits_of(broker, owner, client.order(by_hand))["stop_loss"]["price"]) == Decimal("415.50"),
    )
    client.cancel_by_http(by_hand, leg="take_profit")
    until(
        "one exit has ended, the other works",
        lambda: statuses(client.order(by_hand)) == ["cancelled", "working"],
        SEEN_WITHIN_SECONDS,
    )
    ended = exits_of(broker, owner, client.order(by_hand))
    assert ended["take_profit"]["status"] == "Cancelled"
    assert ended["stop_loss"]["status"] in WORKS

    # A stop fires: the other exit ends, and both are told.
    broker.price(MSFT, "415.90")
    until(
        "the stop has fired",
        lambda: statuses(client.order(stopped)) == ["cancelled", "filled"],
        SEEN_WITHIN_SECONDS,
    )
    assert client.order(stopped).is_over
    assert position(broker, owner) == 5

    def is_told(details: list[dict[str, Any]]) -> bool:
        return any([leg["status"] for leg in detail["legs"]] == ["cancelled", "filled"] for detail in details)

    news = events(stopped, is_told)
    assert sorted({detail["sequence"] for detail in news}) == list(range(1, news[-1]["sequence"] + 1))
    assert news[-1]["previous_status"] == news[-1]["status"] == "filled"
    assert [(leg["role"], leg["filled_quantity"]) for leg in news[-1]["legs"]] == [("take_profit", "0"), ("stop_loss", "2")]

    # What would sell the whole position beside the exits reduces nothing.
    api.ask("PUT", "halt", body={"halted": True, "mode": "reducing", "reason": "close only"})
    beside = owner.order(named("beside"), MSFT, side="sell", type="limit", limit_price=Decimal("415.00"), quantity=Decimal(5))
    client.place(beside)
    denied = client.wait(beside.order_id)
    assert (denied.status, denied.reason and denied.reason.code) == ("denied", "only_reducing")

    # A halt that cancels what works ends the exits too.
    asked = api.ask("PUT", "halt", body={"halted": True, "cancel_working": True, "reason": "stop"})
    assert asked["cancels_asked"] == 2
    until(
        "nothing works at the broker",
        lambda: not [entry for entry in broker.book(owner) if entry["status"] in WORKS],
        SEEN_WITHIN_SECONDS,
    )
    until("nothing is open", lambda: not list(client.orders(only_open=True)), SEEN_WITHIN_SECONDS)
    assert statuses(client.order(halted)) == ["cancelled", "cancelled"]
    assert position(broker, owner) == 5
