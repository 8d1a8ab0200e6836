"""The client against the real functions, on this machine (`./check stack` starts them)."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

import event_consumer
import monthly_buyer
import moving_average
from courier_client import (
    Api,
    Change,
    ChangeRefused,
    Client,
    Conid,
    EventReader,
    IdAlreadyUsed,
    ModifyOrder,
    OrderChange,
    OrderEnded,
    OrderRefused,
    OrderStatus,
    PlaceOrder,
    Problem,
)
from support import validator

pytestmark = pytest.mark.stack

USER = "demo-user"
ALGORITHM = "demo-algorithm"
ACCOUNT = "DU0000001"
AAPL = Conid(265598)
PYTHON_FOLDER = Path(__file__).resolve().parents[1]
SEEN_WITHIN_SECONDS = 30


def token(user: str, algorithm: str | None = ALGORITHM) -> str:
    query = f"?user={user}" + (f"&algorithm={algorithm}" if algorithm else "")
    with urllib.request.urlopen(os.environ["COURIER_TEST_TOKEN_URL"] + query, timeout=10) as answer:
        return str(answer.read().decode())


def broker(method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(
        f"{os.environ['COURIER_TEST_BROKER_URL']}/control/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def named(what: str) -> str:
    """An order id that no earlier run has used."""
    return f"{what}-{uuid.uuid4().hex[:12]}"


def order(order_id: str, **changes: Any) -> PlaceOrder:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "account_id": ACCOUNT,
        "contract": AAPL,
        "side": "buy",
        "type": "market",
        "quantity": Decimal(1),
        "time_in_force": "day",
    }
    return PlaceOrder(**fields | changes)


@pytest.fixture(autouse=True)
def price() -> None:
    broker("PUT", "prices", {"conid": AAPL.conid, "price": "187.50"})


@pytest.fixture
def client() -> Client:
    return Client.from_environment(user_id=USER, algorithm_id=ALGORITHM, token=lambda: token(USER))


@pytest.fixture(scope="module")
def events() -> Iterator[Callable[[Callable[[list[dict[str, Any]]], bool]], list[dict[str, Any]]]]:
    """All events so far, once what is waited for is among them."""
    queue_url = event_consumer.subscribe(os.environ["COURIER_EVENT_BUS_NAME"], named("stack-test"))
    sqs, seen = boto3.client("sqs"), list[dict[str, Any]]()

    def wait(is_there: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + SEEN_WITHIN_SECONDS
        while not is_there(seen):
            assert time.monotonic() < deadline, seen
            answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in answer.get("Messages", ()):
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return seen

    yield wait
    sqs.delete_queue(QueueUrl=queue_url)
    sqs.close()


@pytest.mark.parametrize("page", ["clients/python/README.md", "docs/algorithms.md"])
def test_stack_the_first_order_of_the_page_is_filled(page: str) -> None:
    text = (PYTHON_FOLDER.parents[1] / page).read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    lines = [line for line in example[1].splitlines() if line]
    assert len(lines) <= 10
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example[1].replace("my-first-order", named("page")), page, "exec"), {})
    assert printed.getvalue() == "filled 1 at 187.5\n"


def test_stack_the_bracket_of_the_page_is_taken_by_the_broker(client: Client) -> None:
    text = (PYTHON_FOLDER / "README.md").read_text(encoding="utf-8")
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert "attached=" in example
    order_id = named("bracket")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example.replace("my-first-bracket", order_id), "README.md", "exec"), {})
    assert printed.getvalue() == "working\n"
    client.cancel_by_http(order_id)
    assert client.wait(order_id).status is OrderStatus.CANCELLED


def test_stack_the_same_order_again_is_the_first_one(client: Client) -> None:
    same = order(named("again"))
    for _ in range(2):
        client.place(same)
    first = client.wait(same.order_id, until="filled")
    again = client.place_by_http(same)
    assert (again.order_id, again.created_at) == (first.order_id, first.created_at)
    assert broker("GET", "ledger")["count_by_client_order_id"][first.client_order_id] == 1
    assert first.filled_quantity == 1
    assert len(first.broker_order_ids) == 1
    with pytest.raises(Problem) as refused:
        client.place_by_http(order(same.order_id, quantity=Decimal(2)))
    assert (refused.value.status, refused.value.code) == (409, "order_differs")
    assert same.order_id in [seen.order_id for seen in client.orders()]


def test_stack_a_used_id_is_raised_and_not_the_first_order_s_fill(client: Client) -> None:
    first = order(named("used"))
    client.place(first)
    client.wait(first.order_id, until="filled")
    client.place(order(first.order_id, quantity=Decimal(2)))
    with pytest.raises(IdAlreadyUsed):
        client.wait(first.order_id, until="filled")
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while not (told := list(client.refusals(order_id=first.order_id))):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert [refusal.reason.code for refusal in told] == ["order_differs"]


def test_stack_what_is_not_granted_is_raised(client: Client) -> None:
    refused = order(named("ungranted"), account_id="DU0000099")
    client.place(refused)
    with pytest.raises(OrderRefused, match="account_not_granted"):
        client.wait(refused.order_id, until="filled")


def test_stack_a_refused_change_is_raised(client: Client) -> None:
    resting = order(named("change"), type="limit", limit_price=Decimal("185.00"))
    client.place(resting)
    client.wait(resting.order_id, until="working")
    client.modify(ModifyOrder(order_id=resting.order_id, revision=5, limit_price=Decimal("184.00")))
    with pytest.raises(ChangeRefused, match="revision_skipped"):
        client.wait_change(resting.order_id, 5)
    client.modify(ModifyOrder(order_id=resting.order_id, revision=2, limit_price=Decimal("184.00")))
    assert client.wait_change(resting.order_id, 2).revision == 2
    client.cancel(resting.order_id)
    client.wait(resting.order_id)


def test_stack_an_order_is_cancelled_by_queue_and_by_http(client: Client) -> None:
    resting = [order(named("cancel"), type="limit", limit_price=Decimal("185.00")) for _ in range(2)]
    for one in resting:
        client.place(one)
    for one, cancel in zip(resting, (client.cancel, client.cancel_by_http), strict=True):
        client.wait(one.order_id, until="working")
        cancel(one.order_id)
        cancel(one.order_id)
    for one in resting:
        ended = client.wait(one.order_id)
        assert ended.status is OrderStatus.CANCELLED
        assert ended.filled_quantity == 0


def test_stack_what_the_broker_refuses_ends_the_waiting(client: Client) -> None:
    refused = order(named("refused"), contract=Conid(9999), type="limit", limit_price=Decimal(10))
    client.place(refused)
    with pytest.raises(OrderEnded, match=r"is rejected, not filled: .*No trading permissions") as ended:
        client.wait(refused.order_id, until="filled")
    assert ended.value.order.status is OrderStatus.REJECTED


def test_stack_an_expired_order_is_never_sent(client: Client) -> None:
    late = order(named("late"), good_until=datetime.now(UTC) - timedelta(minutes=1))
    client.place(late)
    seen = client.wait(late.order_id)
    assert seen.status is OrderStatus.EXPIRED
    assert OrderStatus.SENDING not in seen.statuses


def test_stack_what_the_api_refuses_names_its_fields() -> None:
    api = Api(os.environ["COURIER_API_URL"], token(USER))
    with pytest.raises(Problem) as refused:
        api.ask("POST", "orders", body={"side": "hold"})
    assert {"side", "order_id", "type"} <= {fault.field for fault in refused.value.errors}
    with pytest.raises(Problem) as unknown:
        Api(os.environ["COURIER_API_URL"], "no-token").ask("GET", "orders")
    assert unknown.value.code == "unauthorized"


def test_stack_a_user_s_own_hand_trades_by_http(client: Client) -> None:
    own = Client.from_environment(user_id=USER, algorithm_id="self", token=lambda: token(USER, None))
    mine = order(named("own"))
    own.place_by_http(mine)
    assert own.wait(mine.order_id, until="filled").algorithm_id == "self"
    with pytest.raises(Problem) as hidden:
        client.order(mine.order_id)
    assert hidden.value.status == 404


def test_stack_every_event_is_as_its_schema_says_and_read_once_and_in_order(client: Client, events: Any) -> None:
    placed = order(named("events"))
    client.place(placed)
    final = client.wait(placed.order_id)
    with contextlib.suppress(Problem):
        Api(os.environ["COURIER_API_URL"], token("other-user", None)).ask("POST", "connections")

    def of_order(event: dict[str, Any]) -> bool:
        return bool(event["detail"].get("order_id") == placed.order_id)

    def is_there(seen: list[dict[str, Any]]) -> bool:
        told = {event["detail"].get("status") for event in seen if of_order(event)}
        return "filled" in told and any(event["source"] == "courier.connections" for event in seen)

    seen = events(is_there)
    for event in seen:
        kinds = {
            "Order Status Changed": "order",
            "Message Refused": "refusal",
            "Connection Status Changed": "connection",
        }
        validator(f"{kinds[event['detail-type']]}-event").validate(event)
    mine = [event for event in seen if of_order(event)]
    # Each twice, and the first one late.
    reader = EventReader()
    told: list[Change] = [change for event in [*mine[1:], *mine[1:], mine[0]] for change in reader.take(event)]
    changes = [change for change in told if isinstance(change, OrderChange)]
    assert len(changes) == len(told)
    assert [change.sequence for change in changes] == list(range(1, len(final.history) + 1))
    assert [change.status for change in changes] == [entry.status for entry in final.history]
    assert reader.order(USER, placed.order_id) == final


def test_stack_the_monthly_buyer_buys_once(client: Client) -> None:
    # A month that is far off and by chance: each run has its own, and none of them is over.
    day = monthly_buyer.first_trading_day(datetime(2100 + uuid.uuid4().int % 7000, 6, 1, tzinfo=UTC).date())
    spy = monthly_buyer.Purchase(ALGORITHM, ACCOUNT, "SPY", Decimal("1250.00"))
    month = monthly_buyer.order_of(spy, day, monthly_buyer.order_id_of(spy, day))
    first = monthly_buyer.buy(client, month, timeout_seconds=60)
    again = monthly_buyer.buy(client, month, timeout_seconds=60)
    assert first == again
    assert first.filled_quantity == 2


def test_stack_the_monthly_buyer_can_be_tried_on_any_day() -> None:
    order = {"--user": USER, "--algorithm": ALGORITHM, "--account": ACCOUNT, "--symbol": "SPY", "--cash": "1250.00"}
    command = [
        sys.executable,
        "examples/monthly_buyer.py",
        "--any-day",
        *(word for pair in order.items() for word in pair),
    ]
    environment = os.environ | {"PYTHONPATH": "src", "COURIER_TOKEN": token(USER)}
    for _ in range(2):
        tried = subprocess.run(command, cwd=PYTHON_FOLDER, env=environment, capture_output=True, text=True, check=False)
        assert re.fullmatch(r"monthly-\d{4}-\d\d-SPY-[0-9a-f]{8}: 2 SPY at 600\n", tried.stdout), tried.stderr


def test_stack_the_moving_average_buys_and_sells(client: Client) -> None:
    prices = [Decimal(price) for price in (187, 186, 185, 184, 187, 190, 194, 193, 188, 182)]
    on_paper = moving_average.on_paper(os.environ["COURIER_TEST_BROKER_URL"], AAPL.conid, prices)
    wanted = moving_average.orders(on_paper, uuid.uuid4().hex[:8], ACCOUNT, AAPL.conid, Decimal(10))
    traded = [(order.side, moving_average.trade(client, order).average_price) for order in wanted]
    assert traded == [("buy", Decimal(190)), ("sell", Decimal(188))]


def test_stack_the_event_consumer_tells_of_an_order(client: Client) -> None:
    command = [sys.executable, "examples/event_consumer.py", "--name", named("consumer")]
    environment = os.environ | {"PYTHONPATH": "src", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=PYTHON_FOLDER, env=environment, stdout=subprocess.PIPE, text=True) as consumer:
        try:
            assert consumer.stdout is not None
            assert consumer.stdout.readline().startswith("Following ")
            placed = order(named("consumed"))
            client.place(placed)
            told = next(line for line in consumer.stdout if placed.order_id in line and "filled" in line)
        finally:
            consumer.terminate()
    assert re.search(r": working -> filled, 1 at 187\.5$", told.strip())
