"""One stack for all tests (local/stack/with-stack), and users of their own for each."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import event_consumer
import pytest

from house import Broker, User, at_once, named, until

Events = Callable[[str, Callable[[list[dict[str, Any]]], bool]], list[dict[str, Any]]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: measures time, or stops what all users need; nothing may run beside it")
    config.addinivalue_line("markers", "people(*names): connected users, for the fixture `people`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last comes what shuts the box for everybody where it fails, and what it asserts holds for all before it."""
    items.sort(key=lambda item: "test_pacing" in item.nodeid)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def user() -> Callable[[str], User]:
    """Makes a connected user."""
    return lambda name: User.new(name).connect()


@pytest.fixture(scope="session")
def everybody(request: pytest.FixtureRequest) -> dict[tuple[str, str], User]:
    """The people of all chosen tests, by test and name: connecting takes seconds each, and these do it at the same time."""
    wanted = [(item.name, name) for item in request.session.items for mark in item.iter_markers("people") for name in mark.args]
    connected = at_once([lambda name=name: User.new(name).connect().with_an_open_session() for _, name in wanted])
    return dict(zip(wanted, connected, strict=True))


@pytest.fixture
def people(request: pytest.FixtureRequest, everybody: dict[tuple[str, str], User]) -> list[User]:
    """The users that the test's mark `people` names, connected, their sessions open."""
    mark = request.node.get_closest_marker("people")
    return [everybody[request.node.name, name] for name in mark.args]


@pytest.fixture
def events() -> Iterator[Events]:
    """What the bus told of an order from now on, in its sequence, once what is waited for is among it."""
    queue_url = event_consumer.subscribe(os.environ["COURIER_EVENT_BUS_NAME"], named("from-outside"))
    sqs, seen = boto3.client("sqs"), list[dict[str, Any]]()

    def told(order_id: str, is_there: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        def look() -> list[dict[str, Any]]:
            answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
            seen.extend(json.loads(message["Body"])["detail"] for message in answer.get("Messages", ()))
            for message in answer.get("Messages", ()):
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            of_order = [detail for detail in seen if detail.get("order_id") == order_id]
            return sorted(of_order, key=lambda detail: detail["sequence"]) if is_there(of_order) else []

        return until("the events are told", look)

    yield told
    sqs.delete_queue(QueueUrl=queue_url)
