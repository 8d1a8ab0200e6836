"""Buys for a fixed amount of money each month: on its first trading day, or on the first one after it that this runs.

Run it every weekday, as often as you like, between the opening and 20:00 UTC:

    python monthly_buyer.py --user demo-user --algorithm demo-algorithm --account DU0000001 --symbol SPY --cash 1250.00

The cash must be enough for one share: the paper broker's SPY stands at 600. With --any-day it buys at once, whatever
day and hour it is: for a try on the paper broker.

It keeps no file of what it has bought. The order's id says what it is for: the month, and which purchase it is (of
which algorithm, account and symbol). An order id is one order's for ever: however often this runs, and wherever it
crashes, a month has one order of a purchase that trades. Where it was denied, or its time ran out before it was sent,
nothing was bought: the next run takes the month's next id, which ends with `-2`, up to TRIES_MAX. What was sent before
it ended so, and what IBKR refused, it takes for not bought an hour later.
"""

import argparse
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from courier_client import Client, CourierError, OrderView, PlaceOrder, Problem, Symbol

# Either New York is still open at this hour, or it closes right then.
LAST_HOUR_UTC = 20
SATURDAY = 5
NOT_FOUND = 404
# What a month has at most: a fault that three orders did not get past is for a person.
TRIES_MAX = 3
# A rejection this old is not taken back any more.
REJECTION_HOLDS_AFTER = timedelta(hours=1)
# What of the symbol and of the digest has room in an id of 36 characters.
SYMBOL_CHARACTERS_MAX = 8
DIGEST_CHARACTERS = 8


@dataclass(frozen=True)
class Purchase:
    """What is bought each month."""

    algorithm_id: str
    account_id: str
    symbol: str
    cash: Decimal


def main() -> None:
    arguments = read_arguments()
    purchase = Purchase(arguments.algorithm, arguments.account, arguments.symbol, arguments.cash)
    try:
        client = Client.from_environment(user_id=arguments.user, algorithm_id=arguments.algorithm)
        print(run(client, purchase, arguments, datetime.now(UTC)))
    except CourierError as error:
        raise SystemExit(f"Not bought: {error}") from error


def run(client: Client, purchase: Purchase, arguments: argparse.Namespace, now: datetime) -> str:
    """Buy if it is the time, or wait for what was placed before; returns what to tell."""
    order_id, placed = of_month(client, purchase, now.date())
    if placed is not None:
        check_same(placed, purchase)
        bought = client.wait(placed.order_id, until="filled", timeout_seconds=arguments.timeout_seconds)
    else:
        why = None if arguments.any_day else why_not_now(now)
        if why is not None:
            return f"Nothing to do: {why}. --any-day buys all the same."
        order = order_of(purchase, now.date(), order_id, limited=not arguments.any_day)
        bought = buy(client, order, timeout_seconds=arguments.timeout_seconds)
    return f"{bought.order_id}: {bought.filled_quantity} {purchase.symbol} at {bought.average_price}"


def of_month(client: Client, purchase: Purchase, day: date) -> tuple[str, OrderView | None]:
    """The month's order of this purchase, if it was placed before; or the id under which it is to be placed."""
    placed = None
    for number in range(1, TRIES_MAX + 1):
        order_id = order_id_of(purchase, day, number)
        try:
            placed = client.order(order_id)
        except Problem as problem:
            if problem.status == NOT_FOUND:
                return order_id, None
            raise
        if not bought_nothing(placed):
            break
    return order_id, placed


def bought_nothing(order: OrderView) -> bool:
    """Whether nothing of it was bought and it was nobody's will. What somebody cancelled is not bought after all."""
    if order.filled_quantity:
        return False
    # IBKR may have taken what it refused, or called undelivered: Courier looks for it a while longer, and then the
    # order is open again.
    was_sent = order.status == "rejected" or "sending" in order.statuses
    is_certain = not was_sent or datetime.now(UTC) >= order.updated_at + REJECTION_HOLDS_AFTER
    return order.status in ("denied", "expired", "rejected") and is_certain


def check_same(placed: OrderView, purchase: Purchase) -> None:
    """End if the order on record is not what is to be bought: its success is not this purchase's."""
    if bought_nothing(placed):
        return
    for field, shown, wanted in (
        ("account_id", placed.account_id, purchase.account_id),
        ("symbol", placed.symbol, purchase.symbol),
        ("side", (placed.ticket or {}).get("side"), "buy"),
        ("cash_quantity", placed.cash_quantity, purchase.cash),
    ):
        if shown != wanted:
            raise SystemExit(
                f"Not bought: the order {placed.order_id} is on record with {field} {shown}, not {wanted}. "
                f"It is {placed.status} and stays as it is; a month has one order of a purchase"
            )


def why_not_now(now: datetime) -> str | None:
    """Why nothing is bought at this moment; None: it is the time."""
    day, first = now.date(), first_trading_day(now.date())
    if day < first:
        return f"this month's day is {first}"
    if day.weekday() >= SATURDAY or is_holiday(day):
        return f"New York is closed on {day}"
    return f"New York closes at {LAST_HOUR_UTC}:00 UTC; run it again tomorrow" if now.hour >= LAST_HOUR_UTC else None


def order_id_of(purchase: Purchase, day: date, number: int = 1) -> str:
    """The name of the month's order of this purchase, such as monthly-2026-12-SPY-be509d58.

    The digest tells accounts, symbols and algorithms apart that the id has no room or no letters for. A further try has
    its number at the end.
    """
    symbol = purchase.symbol.upper()
    named = re.sub("[^A-Z0-9]", "", symbol)[:SYMBOL_CHARACTERS_MAX]
    what = "\n".join((purchase.algorithm_id, purchase.account_id, symbol))
    digest = hashlib.sha256(what.encode()).hexdigest()[:DIGEST_CHARACTERS]
    order_id = f"monthly-{day:%Y-%m}-{named}-{digest}"
    return order_id if number == 1 else f"{order_id}-{number}"


def order_of(purchase: Purchase, day: date, order_id: str, *, limited: bool = True) -> PlaceOrder:
    """The month's order, the same each time on one day. Not `limited`: it may be sent at any hour."""
    return PlaceOrder(
        order_id=order_id,
        account_id=purchase.account_id,
        contract=Symbol(purchase.symbol, currency="USD"),
        side="buy",
        type="market",
        cash_quantity=purchase.cash,
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
    parser.add_argument("--cash", required=True, help="in the contract's currency, such as 1250.00")
    parser.add_argument("--any-day", action="store_true", help="buy now, whatever day and hour it is")
    parser.add_argument("--timeout-seconds", type=float, default=300)
    arguments = parser.parse_args()
    cash = amount(arguments.cash)
    if cash is None:
        parser.exit(2, f"{parser.prog}: --cash must be an amount such as 1250.00, not {arguments.cash!r}\n")
    arguments.cash = cash
    return arguments


def amount(text: str) -> Decimal | None:
    """The amount that was written; None: it is none."""
    try:
        written = Decimal(text)
    except InvalidOperation:
        return None
    return written if written.is_finite() and written > 0 else None


if __name__ == "__main__":
    main()
