"""One user's hundred and twenty questions, and a broker that shuts out everybody for too many calls (H5)."""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from courier_client import Problem

from house import Broker, User, at_once, named, on_record, taken_at

pytestmark = pytest.mark.alone

IBM = 8314
QUESTIONS, ORDERS = 110, 10
# IBKR Web API, pacing: calls of one username in a second.
CALLS_PER_SECOND_MAX = 10
NEIGHBOUR_SECONDS_MAX = 10.0


@pytest.fixture
def paced(broker: Broker) -> Iterator[None]:
    """More than ten calls in one second of anybody shut the box for all, for ten minutes."""
    broker.ask("PUT", "options", {"pacing": True})
    yield
    broker.ask("PUT", "options", {"pacing": False})


def most_in_a_second(calls: list[dict[str, Any]]) -> dict[str, int]:
    """By username: the most calls within any second, as the broker counted them."""
    by_user = defaultdict(list)
    for call in calls:
        if call["username"] is not None:
            by_user[call["username"]].append(datetime.fromisoformat(call["at"]).timestamp())
    return {
        username: max(sum(begins <= at < begins + 1 for at in itertools.islice(times, start, None)) for start, begins in enumerate(times))
        for username, times in by_user.items()
    }


@pytest.mark.usefixtures("paced")
@pytest.mark.people("asker", "neighbour")
def test_one_users_questions_put_nobody_into_the_penalty_box(people: list[User], broker: Broker) -> None:
    asker, neighbour = people
    api, own, theirs = asker.api(), asker.client("self"), neighbour.client()

    def asks(number: int) -> int:
        try:
            api.ask("GET", "contracts", query={"symbol": f"S{number}"})
        except Problem as problem:
            return problem.status
        return 200

    def places(number: int) -> int:
        own.place_by_http(asker.order(f"order-{number}", IBM, type="limit", limit_price=Decimal(214) + Decimal(number) / 10))
        return 202

    def places_beside() -> float:
        order = neighbour.order(named("neighbour"), IBM, type="limit", limit_price=Decimal("215.00"))
        begun = time.monotonic()
        theirs.place(order)
        taken_at(broker, on_record(theirs, order.order_id))
        return time.monotonic() - begun

    works: list[Callable[[], Any]] = [lambda number=number: asks(number) for number in range(QUESTIONS)]
    for number in range(ORDERS):
        works.insert(number * QUESTIONS // ORDERS + 1, lambda number=number: places(number))
    works.insert(30, places_beside)
    answered = at_once(works, most=24)
    neighbours_seconds = answered.pop(30)
    statuses = Counter(answered)
    assert set(statuses) <= {200, 202, 429}, statuses
    assert statuses[202] == ORDERS
    for number in range(ORDERS):
        own.wait(f"order-{number}", until="working")

    # Of everybody, and of all that this stack did until now.
    calls = broker.calls()
    refused = [call for call in calls if call["status"] == 429]
    most = most_in_a_second(calls)
    print(
        f"\nH5: {dict(statuses)}; calls in the fullest second: {max(most.values())}; the neighbour's order was at the broker after "
        f"{neighbours_seconds:.2f} s"
    )
    assert not refused
    assert max(most.values()) <= CALLS_PER_SECOND_MAX, most
    assert neighbours_seconds < NEIGHBOUR_SECONDS_MAX
