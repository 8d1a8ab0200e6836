"""Under a halt that lets only reducing orders pass, beside an order by cash (H2)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from house import Broker, User, at_once, batch, logged, named, on_record, taken_at

SPY = 756733
# 29 digits are more than a decimal holds.
HUGE = "79228162514264337593543950335"
AT_ONCE_SECONDS = 10.0


def test_beside_a_purchase_by_cash_nothing_dies_under_a_halt_that_lets_reducing_orders_pass(
    user: Callable[[str], User], broker: Broker
) -> None:
    owner, neighbour = at_once([lambda: user("reducing"), lambda: user("neighbour").with_an_open_session()])
    client = owner.client()
    long = owner.order(named("long"), SPY, quantity=Decimal(10))
    client.place(long)
    client.wait(long.order_id, until="filled")
    cash = owner.order(named("cash"), SPY, type="limit", limit_price=Decimal("590.00"), quantity=None, cash_quantity=Decimal(1000))
    client.place(cash)
    client.wait(cash.order_id, until="working")
    owner.api().ask("PUT", "halt", body={"halted": True, "mode": "reducing", "reason": "close only"})

    def limit(name: str, **changes: Any) -> dict[str, Any]:
        order = owner.order(named(name), SPY, type="limit", limit_price=Decimal("590.00"))
        return dict(order.message(owner.user_id, client.algorithm_id)) | changes

    others = neighbour.order(named("others"), SPY, type="limit", limit_price=Decimal("590.00"))
    buys = [
        limit("buys"),
        limit("huge", quantity=HUGE),
        limit("huge-cash", quantity=None, cash_quantity=HUGE),
    ]
    buys[-1].pop("quantity")
    cancel = {"schema": "courier.order/1", "command": "cancel", "user_id": owner.user_id, "order_id": cash.order_id}
    cancel["algorithm_id"] = client.algorithm_id
    batch([*buys, dict(others.message(neighbour.user_id, client.algorithm_id)), cancel])

    # The neighbour's order in the same batch is at the broker, and the cancel got through.
    theirs = on_record(neighbour.client(), others.order_id)
    assert (taken_at(broker, theirs) - theirs.created_at).total_seconds() < AT_ONCE_SECONDS
    assert client.wait(cash.order_id).status == "cancelled"
    ended = [client.wait(buy["order_id"]) for buy in buys]
    assert [order.status for order in ended] == ["denied"] * len(buys)
    assert ended[0].reason is not None
    assert ended[0].reason.code == "only_reducing"
    assert not [entry for entry in broker.book(owner) if entry["side"] == "BUY" and entry["status"] == "Submitted"]

    # What reduces still passes.
    sells = owner.order(named("sells"), SPY, side="sell", type="limit", limit_price=Decimal("610.00"), quantity=Decimal(10))
    client.place(sells)
    client.wait(sells.order_id, until="working")
    assert not logged("order-submit", "panic")
