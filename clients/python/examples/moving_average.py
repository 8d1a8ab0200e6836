"""Buys when a fast average of prices crosses above a slow one, and sells when it crosses below.

In a checkout, after the line `source …` that `courier local` printed:

    python clients/python/examples/moving_average.py --user demo-user --algorithm demo-algorithm --account DU0000001 \
        --conid 265598 --quantity 10 --run 2026-11-25 --prices 187 186 185 187 190 194 193 188 182 \
        --paper-broker "$COURIER_PAPER_BROKER_URL"

Prices come from the command line here; a real one reads them from its own source. With --paper-broker the paper
broker's price follows, so that the orders fill at these prices. Left out, they fill at the broker's own price.

Each order is named after the run and the price that caused it. Run it again with the same list and nothing is doubled:
the orders are there already.
"""

import argparse
import json
import urllib.request
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Literal

from courier_client import Client, Conid, CourierError, OrderView, PlaceOrder

FAST = 2
SLOW = 4


def main() -> None:
    arguments = read_arguments()
    try:
        run(arguments)
    except CourierError as error:
        raise SystemExit(f"Stopped: {error}") from error


def run(arguments: argparse.Namespace) -> None:
    """Trade what the prices call for, and tell each order."""
    client = Client.from_environment(user_id=arguments.user, algorithm_id=arguments.algorithm)
    prices = arguments.prices
    if arguments.paper_broker:
        prices = on_paper(arguments.paper_broker, arguments.conid, prices)
    count = 0
    for order in orders(prices, arguments.run, arguments.account, arguments.conid, arguments.quantity):
        filled = trade(client, order)
        count += 1
        print(f"{filled.order_id}: {order.side} {filled.filled_quantity} at {filled.average_price}")
    if count == 0:
        print("These prices call for no order.")


def trade(client: Client, order: PlaceOrder) -> OrderView:
    """Place an order and wait until it is filled, so that the next decision knows the position."""
    client.place(order)
    return client.wait(order.order_id, until="filled", timeout_seconds=120)


def orders(prices: Iterable[Decimal], run: str, account_id: str, conid: int, quantity: Decimal) -> Iterator[PlaceOrder]:
    """The orders that these prices call for: at most one position, and none is sold that was not bought."""
    invested = False
    for number, side in crossings(prices):
        if (side == "buy") == invested:
            continue
        invested = not invested
        yield PlaceOrder(
            order_id=f"ma-{run}-{number}",
            account_id=account_id,
            contract=Conid(conid),
            side=side,
            type="market",
            quantity=quantity,
            time_in_force="day",
        )


def crossings(prices: Iterable[Decimal]) -> Iterator[tuple[int, Literal["buy", "sell"]]]:
    """The number of each price at which the fast average crosses the slow one, and what it says."""
    window: list[Decimal] = []
    was_above: bool | None = None
    for number, price in enumerate(prices):
        window = [*window, price][-SLOW:]
        fast, slow = sum(window[-FAST:]) / FAST, sum(window) / SLOW
        if len(window) < SLOW or fast == slow:
            continue
        is_above = fast > slow
        if was_above is not None and is_above != was_above:
            yield number, "buy" if is_above else "sell"
        was_above = is_above


def on_paper(broker_url: str, conid: int, prices: Iterable[Decimal]) -> Iterator[Decimal]:
    """Move the paper broker's price before each of these is looked at."""
    for price in prices:
        body = json.dumps({"conid": conid, "price": str(price)}).encode()
        request = urllib.request.Request(f"{broker_url}/control/prices", data=body, method="PUT")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            yield price


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trades the crossing of two moving averages.")
    parser.add_argument("--user", required=True)
    parser.add_argument("--algorithm", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--conid", required=True, type=int)
    parser.add_argument("--quantity", required=True, type=amount)
    parser.add_argument("--run", required=True, help="names the orders, such as the day: 2026-11-25")
    parser.add_argument("--prices", required=True, type=amount, nargs="+")
    parser.add_argument("--paper-broker", help="the paper broker's address")
    return parser.parse_args()


def amount(text: str) -> Decimal:
    """The amount that was written."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"must be an amount such as 187.50, not {text!r}") from None


if __name__ == "__main__":
    main()
