"""The stack as users, their algorithms and the broker's own book see it. The addresses come from `local/stack/with-stack`."""

import contextlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import boto3
from courier_client import Api, Client, Conid, OrderQueue, OrderView, PlaceOrder, Problem

STACK = "courier"
ALGORITHM = "demo-algorithm"
AAPL = 265598
ASKED_EVERY_SECONDS = 0.1
# What takes seconds on a machine of its own may take longer on a loaded one; a fault of this kind took minutes, or for ever.
HAPPENS_WITHIN_SECONDS = 30.0
_CALL_TIMEOUT_SECONDS = 40.0
_T = TypeVar("_T")


def until(what: str, look: Callable[[], _T | None], seconds: float = HAPPENS_WITHIN_SECONDS) -> _T:
    """What the first look sees that sees something. It fails with what was waited for, and what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"within {seconds} s not: {what}; last seen: {seen!r}"
        time.sleep(ASKED_EVERY_SECONDS)
    return seen


def named(what: str) -> str:
    """An id that nothing else in this run has."""
    return f"{what}-{uuid.uuid4().hex[:10]}"


def at_once(works: list[Callable[[], _T]], most: int = 16) -> list[_T]:
    """Runs them beside each other; what each gave, in their order."""
    with ThreadPoolExecutor(max_workers=most) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def token(user_id: str, algorithm_id: str | None = None) -> str:
    query = {"user": user_id} | ({"algorithm": algorithm_id} if algorithm_id else {})
    address = f"{os.environ['COURIER_TEST_TOKEN_URL']}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=_CALL_TIMEOUT_SECONDS) as answer:
        return str(answer.read().decode())


class Broker:
    """The paper broker's control door (local/paper-broker/README.md): its own word about what it has and was asked."""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{os.environ['COURIER_TEST_BROKER_URL']}/control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=_CALL_TIMEOUT_SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def price(self, conid: int, price: str) -> None:
        self.ask("PUT", "prices", {"conid": conid, "price": price})

    def fault(self, user: "User", method: str | None, path: str, times: int, fault: dict[str, Any]) -> None:
        """What goes wrong for the next calls of this user."""
        rule = {"path": path, "username": user.username, "times": times, "fault": fault}
        self.ask("POST", "faults", rule | ({"method": method} if method else {}))

    def calls(self, user: "User | None" = None, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """What it was asked, in the order of arrival."""
        calls = self.ask("GET", "calls")
        return [
            call
            for call in calls
            if (user is None or call["username"] == user.username) and call["method"].startswith(method) and path in call["path"]
        ]

    def book(self, user: "User") -> list[dict[str, Any]]:
        """The orders of a user that were really registered."""
        return [entry for entry in self.ask("GET", "ledger")["orders"] if entry["username"] == user.username]


@dataclass(frozen=True)
class User:
    """Somebody with a username and an account at the broker; connected or not."""

    user_id: str
    username: str
    account_id: str
    broker: Broker

    @classmethod
    def new(cls, name: str) -> "User":
        user_id = named(name)
        account_id = f"DU{1_000_000 + zlib.crc32(user_id.encode()) % 9_000_000}"
        return cls(user_id, f"paper-{user_id}", account_id, Broker())

    def api(self) -> Api:
        """The HTTP API with the user's own token."""
        return Api(os.environ["COURIER_API_URL"], token(self.user_id), timeout_seconds=_CALL_TIMEOUT_SECONDS)

    def client(self, algorithm_id: str = ALGORITHM) -> Client:
        """The algorithm that trades for the user; with `self`, the user's own hand."""
        jwt = token(self.user_id, None if algorithm_id == "self" else algorithm_id)
        api = Api(os.environ["COURIER_API_URL"], jwt, timeout_seconds=_CALL_TIMEOUT_SECONDS)
        return Client(
            user_id=self.user_id,
            algorithm_id=algorithm_id,
            order_queue=OrderQueue(os.environ["COURIER_ORDER_QUEUE_URL"]),
            api=api,
        )

    def connect(self) -> "User":
        """Through the broker's consent, as a browser does; and the grant for the algorithm."""
        self.broker.ask("POST", "users", {"username": self.username, "paper": True, "accounts": [self.account_id]})
        request = urllib.request.Request(
            f"{os.environ['COURIER_API_URL']}/connections",
            method="POST",
            headers={"Authorization": f"Bearer {token(self.user_id)}"},
        )
        with urllib.request.urlopen(request, timeout=_CALL_TIMEOUT_SECONDS) as answer:
            cookie = answer.headers["Set-Cookie"].split(";")[0]
            address = json.load(answer)["authorize_url"]
        request_token = urllib.parse.parse_qs(urllib.parse.urlparse(address).query)["oauth_token"][0]
        approval = {"request_token": request_token, "username": self.username}
        back = self.broker.ask("POST", "approvals", approval)["location"]
        with urllib.request.urlopen(urllib.request.Request(back, headers={"Cookie": cookie}), timeout=_CALL_TIMEOUT_SECONDS) as answer:
            answer.read()
        api = self.api()
        until("the account is connected", lambda: self.account_id in str(api.ask("GET", "connections")["connections"]))
        api.ask("PUT", "grants", ALGORITHM, body={"account_ids": [self.account_id], "limits": {}, "status": "active"})
        return self

    def order(self, order_id: str, conid: int, **changes: Any) -> PlaceOrder:
        fields: dict[str, Any] = {
            "order_id": order_id,
            "account_id": self.account_id,
            "contract": Conid(conid),
            "side": "buy",
            "type": "market",
            "quantity": Decimal(1),
            "time_in_force": "day",
        }
        return PlaceOrder(**fields | changes)

    def with_an_open_session(self) -> "User":
        """After an order of its own, so that what follows waits for no opening."""
        first = self.order(named("opens"), AAPL)
        client = self.client("self")
        client.place_by_http(first)
        client.wait(first.order_id, until="working")
        return self


def on_record(client: Client, order_id: str) -> OrderView:
    """The order, once it is on record."""

    def look() -> OrderView | None:
        with contextlib.suppress(Problem):
            return client.order(order_id)
        return None

    return until(f"{order_id} is on record", look)


def taken_at(broker: Broker, order: OrderView) -> datetime:
    """When the broker's book took the order, once it has."""

    def look() -> datetime | None:
        for entry in broker.ask("GET", "ledger")["orders"]:
            if entry["client_order_id"] == order.client_order_id:
                return datetime.fromisoformat(entry["registered_at"])
        return None

    return until(f"{order.order_id} is at the broker", look)


def batch(messages: list[dict[str, Any]]) -> None:
    """Puts up to ten messages on the queue of orders at once, each in its user's group, so that one invocation gets them all."""
    entries = [
        {
            "Id": str(number),
            "MessageBody": json.dumps(message),
            "MessageGroupId": message["user_id"],
            "MessageDeduplicationId": uuid.uuid4().hex,
        }
        for number, message in enumerate(messages)
    ]
    sqs = boto3.client("sqs")
    with held_back("order-submit"):
        answer = sqs.send_message_batch(QueueUrl=os.environ["COURIER_ORDER_QUEUE_URL"], Entries=entries)
    assert len(answer["Successful"]) == len(messages), answer


@contextlib.contextmanager
def held_back(function: str) -> Iterator[None]:
    """The queue hands this function nothing until the end of the block."""
    functions = boto3.client("lambda")
    mappings = functions.list_event_source_mappings(FunctionName=f"{STACK}-{function}")["EventSourceMappings"]
    mapping = next(found["UUID"] for found in mappings if found["EventSourceArn"] == os.environ["COURIER_ORDER_QUEUE_ARN"])
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def run_schedule(function: str) -> None:
    """What the schedule does each minute: saves waiting for it."""
    tick = json.dumps({"source": "aws.scheduler", "detail-type": "Scheduled Event"})
    boto3.client("lambda").invoke(FunctionName=f"{STACK}-{function}", Payload=tick)


def logged(function: str, *words: str) -> list[str]:
    """The lines in the log of a function that hold all of these words."""
    pages = boto3.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{STACK}-{function}")
    lines = [event["message"] for page in pages for event in page["events"]]
    return [line for line in lines if all(word in line for word in words)]
