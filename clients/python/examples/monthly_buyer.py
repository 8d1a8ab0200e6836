"""Buys for a fixed amount of money on the first trading day of each month.

Run it every weekday, as often as you like, between the opening and 20:00 UTC:

    python monthly_buyer.py --user demo-user --algorithm monthly --account DU0000001 --symbol SPY --cash 250.00

It keeps no file of what it has bought. The order's id is the month, and an order id is one order's for ever: however
often this runs, and wherever it crashes, a month has one order.
"""

import argparse
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from courier_client import Client, OrderView, PlaceOrder, Symbol

# Either New York is still open at this hour, or it closes right then.
LAST_HOUR_UTC = 20


def main() -> None:
    arguments = read_arguments()
    client = Client.from_environment(user_id=arguments.user, algorithm_id=arguments.algorithm)
    today = datetime.now(UTC).date()
    if today != first_trading_day(today):
        print(f"Nothing to do on {today}: this month's day is {first_trading_day(today)}.")
        return
    order = order_of(today, arguments.account, Symbol(arguments.symbol, currency="USD"), arguments.cash)
    bought = buy(client, order, timeout_seconds=arguments.timeout_seconds)
    print(f"{bought.order_id}: {bought.filled_quantity} {arguments.symbol} at {bought.average_price}")


def order_of(day: date, account_id: str, contract: Symbol, cash: Decimal) -> PlaceOrder:
    """The month's order. Everything in it follows from the month, so that it is the same order each time."""
    return PlaceOrder(
        order_id=f"monthly-{day:%Y-%m}",
        account_id=account_id,
        contract=contract,
        side="buy",
        type="market",
        cash_quantity=cash,
        time_in_force="day",
        good_until=datetime(day.year, day.month, day.day, LAST_HOUR_UTC, tzinfo=UTC),
    )


def buy(client: Client, order: PlaceOrder, timeout_seconds: float) -> OrderView:
    """Place the order and wait until it is filled; `OrderEnded` tells why if it never will be."""
    client.place(order)
    return client.wait(order.order_id, until="filled", timeout_seconds=timeout_seconds)


def first_trading_day(day: date) -> date:
    """The first day of the month on which New York trades."""
    first = day.replace(day=1)
    while first.weekday() >= 5 or is_holiday(first):
        first += timedelta(days=1)
    return first


def is_holiday(day: date) -> bool:
    """Whether New York is closed, for the holidays that can fall on a month's first days."""
    monday = day.weekday() == 0
    new_year = (day.month, day.day) == (1, 1) or (day.month == 1 and day.day == 2 and monday)
    labour_day = day.month == 9 and day.day <= 7 and monday
    return new_year or labour_day or day == easter(day.year) - timedelta(days=2)


def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus)."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Buys for a fixed amount on the first trading day of each month.")
    parser.add_argument("--user", required=True)
    parser.add_argument("--algorithm", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--symbol", required=True)
    parser.add_argument("--cash", required=True, type=Decimal, help="in the contract's currency, such as 250.00")
    parser.add_argument("--timeout-seconds", type=float, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
