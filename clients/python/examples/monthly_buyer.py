"""Buys for a fixed amount of money each month: on its first trading day, or on the first one after it that this runs.

Run it every weekday, as often as you like, between the opening and 20:00 UTC:

    python monthly_buyer.py --user demo-user --algorithm monthly --account DU0000001 --symbol SPY --cash 250.00

With --any-day it buys at once, whatever day and hour it is: for a try on the paper broker.

It keeps no file of what it has bought. The order's id is the month, and an order id is one order's for ever: however
often this runs, and wherever it crashes, a month has one order.
"""

import argparse
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from courier_client import Client, OrderView, PlaceOrder, Problem, Symbol

# Either New York is still open at this hour, or it closes right then.
LAST_HOUR_UTC = 20
SATURDAY = 5
NOT_FOUND = 404


def main() -> None:
    arguments = read_arguments()
    client = Client.from_environment(user_id=arguments.user, algorithm_id=arguments.algorithm)
    now = datetime.now(UTC)
    contract = Symbol(arguments.symbol, currency="USD")
    placed = of_month(client, now.date())
    if placed is not None:
        bought = client.wait(placed.order_id, until="filled", timeout_seconds=arguments.timeout_seconds)
    elif arguments.any_day:
        order = order_of(now.date(), arguments.account, contract, arguments.cash, limited=False)
        bought = buy(client, order, timeout_seconds=arguments.timeout_seconds)
    elif (why := why_not_now(now)) is not None:
        print(f"Nothing to do: {why}. --any-day buys all the same.")
        return
    else:
        order = order_of(now.date(), arguments.account, contract, arguments.cash)
        bought = buy(client, order, timeout_seconds=arguments.timeout_seconds)
    print(f"{bought.order_id}: {bought.filled_quantity} {arguments.symbol} at {bought.average_price}")


def of_month(client: Client, day: date) -> OrderView | None:
    """The order of this day's month, if it was placed before, on whatever day."""
    try:
        return client.order(order_id_of(day))
    except Problem as problem:
        if problem.status == NOT_FOUND:
            return None
        raise


def why_not_now(now: datetime) -> str | None:
    """Why nothing is bought at this moment; None: it is the time."""
    day, first = now.date(), first_trading_day(now.date())
    if day < first:
        return f"this month's day is {first}"
    if day.weekday() >= SATURDAY or is_holiday(day):
        return f"New York is closed on {day}"
    return f"New York closes at {LAST_HOUR_UTC}:00 UTC; run it again tomorrow" if now.hour >= LAST_HOUR_UTC else None


def order_id_of(day: date) -> str:
    """The month's name, and so its order's."""
    return f"monthly-{day:%Y-%m}"


def order_of(day: date, account_id: str, contract: Symbol, cash: Decimal, *, limited: bool = True) -> PlaceOrder:
    """The month's order, the same each time on one day. Not `limited`: it may be sent at any hour."""
    return PlaceOrder(
        order_id=order_id_of(day),
        account_id=account_id,
        contract=contract,
        side="buy",
        type="market",
        cash_quantity=cash,
        time_in_force="day",
        good_until=datetime(day.year, day.month, day.day, LAST_HOUR_UTC, tzinfo=UTC) if limited else None,
    )


def buy(client: Client, order: PlaceOrder, timeout_seconds: float) -> OrderView:
    """Place the order and wait until it is filled; `OrderEnded` tells why if it never will be."""
    client.place(order)
    return client.wait(order.order_id, until="filled", timeout_seconds=timeout_seconds)


def first_trading_day(day: date) -> date:
    """The first day of the month on which New York trades."""
    first = day.replace(day=1)
    while first.weekday() >= SATURDAY or is_holiday(first):
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
    parser.add_argument("--any-day", action="store_true", help="buy now, whatever day and hour it is")
    parser.add_argument("--timeout-seconds", type=float, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
