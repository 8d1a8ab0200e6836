import copy
import json
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from courier_client import (
    ConnectionChange,
    ConnectionStatus,
    EventReader,
    OrderChange,
    OrderStatus,
    Refusal,
    UnexpectedAnswer,
    events,
    follow,
)
from support import SCHEMAS, read_json, shown_order, validator

LIFE = ["received", "held", "sending", "working", "partially_filled", "filled"]


def life(order_id: str = "o-1", statuses: list[str] = LIFE) -> list[dict[str, Any]]:
    """Every event of an order's life, in order."""
    history = [{"at": f"2026-11-25T06:55:{second:02}Z", "status": status} for second, status in enumerate(statuses)]
    return [
        {
            "version": "0",
            "id": f"{order_id}-{index}",
            "source": "courier.orders",
            "detail-type": "Order Status Changed",
            "time": history[index]["at"],
            "detail": {
                **shown_order(status, order_id=order_id, history=history[: index + 1]),
                "previous_status": statuses[index - 1] if index else None,
                "sequence": index + 1,
            },
        }
        for index, status in enumerate(statuses)
    ]


def test_a_warning_changes_no_status_stands_on_the_order_and_is_told_as_one() -> None:
    told = life(statuses=["received", "sending", "filled", "filled"])
    warning = {"code": "unprotected_position", "message": "Its stop loss is not at the broker."}
    detail = told[-1]["detail"]
    detail["history"][-1]["reason"] = warning
    detail["warning"] = warning
    assert validator("order-event").is_valid(told[-1])
    reader = EventReader()
    changes = [change for event in told for change in reader.take(event) if isinstance(change, OrderChange)]
    assert [change.is_warning for change in changes] == [False, False, False, True]
    assert changes[-1].order.warning == changes[-1].reason
    assert changes[-2].order.warning is None


def connection_event(sequence: int, status: str, previous: str | None) -> dict[str, Any]:
    event: dict[str, Any] = copy.deepcopy(read_json(SCHEMAS / "examples" / "events" / "connection-pending.json"))
    event["detail"].update(sequence=sequence, status=status, previous_status=previous)
    return event


def order_changes(reader: EventReader, given: list[dict[str, Any]]) -> list[OrderChange]:
    return [change for event in given for change in reader.take(event) if isinstance(change, OrderChange)]


def test_the_events_of_these_tests_are_events() -> None:
    for event in [*life(), connection_event(2, "connected", "pending")]:
        validator("order-event" if event["source"] == "courier.orders" else "connection-event").validate(event)


def test_events_in_order_are_told_as_they_come() -> None:
    reader = EventReader()
    changes = order_changes(reader, life())
    assert [(change.sequence, change.status) for change in changes] == [
        (number, OrderStatus(status)) for number, status in enumerate(LIFE, start=1)
    ]
    assert [change.previous_status for change in changes] == [None, *map(OrderStatus, LIFE[:-1])]


def test_each_event_twice_and_one_late_end_with_the_true_state() -> None:
    reader = EventReader()
    once = life()
    late = once.pop(3)
    given = [event for event in once for _ in range(2)] + [late]
    changes = order_changes(reader, given)
    assert [change.sequence for change in changes] == [1, 2, 3, 4, 5, 6]
    assert [change.status for change in changes] == LIFE
    order = reader.order("u-7", "o-1")
    assert order is not None
    assert order.status is OrderStatus.FILLED


def test_a_refused_change_is_a_change_of_its_own_under_the_same_status() -> None:
    reader = EventReader()
    events = life(statuses=["received", "working", "working", "filled"])
    changes = order_changes(reader, [events[0], events[2], events[1], events[3]])
    assert [change.sequence for change in changes] == [1, 2, 3, 4]
    assert (changes[2].previous_status, changes[2].status) == (OrderStatus.WORKING, OrderStatus.WORKING)


def test_a_refused_message_is_told_once() -> None:
    event = read_json(SCHEMAS / "examples" / "events" / "refusal-of-a-used-id.json")
    reader = EventReader()
    (told,) = reader.take(event)
    assert isinstance(told, Refusal)
    assert (told.order_id, told.reason.code) == ("mr7-20261124-0001", "order_differs")
    assert reader.take(event) == []
    (unreadable,) = reader.take(read_json(SCHEMAS / "examples" / "events" / "refusal-of-what-is-no-json.json"))
    assert isinstance(unreadable, Refusal)
    assert unreadable.order_id is None


@pytest.mark.parametrize("seed", range(50))
def test_whatever_the_bus_does_each_change_is_told_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    given = [event for order_id in ("o-1", "o-2", "o-3") for event in life(order_id) * 2]
    chance.shuffle(given)
    reader = EventReader()
    changes = order_changes(reader, given)
    for order_id in ("o-1", "o-2", "o-3"):
        told = [(change.sequence, change.status) for change in changes if change.order.order_id == order_id]
        assert told == [(number, OrderStatus(status)) for number, status in enumerate(LIFE, start=1)]
        order = reader.order("u-7", order_id)
        assert order is not None
        assert order.status is OrderStatus.FILLED


def test_an_event_that_is_lost_is_told_by_the_next_one() -> None:
    reader = EventReader()
    last = life()[-1]
    assert [change.status for change in order_changes(reader, [last])] == LIFE
    assert reader.take(last) == []


def test_a_reader_goes_on_where_another_was() -> None:
    first = EventReader()
    order_changes(first, life()[:3])
    second = EventReader(json.loads(json.dumps(first.told)))
    assert [change.sequence for change in order_changes(second, life())] == [4, 5, 6]


def test_a_history_that_lost_its_middle_tells_only_what_is_numbered() -> None:
    event = life()[-1]
    event["detail"]["sequence"] = 200
    changes = order_changes(EventReader(), [event])
    assert [change.sequence for change in changes] == [198, 199, 200]


def test_connections_are_told_by_their_latest_event() -> None:
    reader = EventReader()
    pending, connected = connection_event(1, "pending", None), connection_event(2, "connected", "pending")
    (change,) = reader.take(connected)
    assert isinstance(change, ConnectionChange)
    assert (change.status, change.previous_status) == (ConnectionStatus.CONNECTED, ConnectionStatus.PENDING)
    assert reader.take(pending) == []
    assert reader.take(json.dumps(connected)) == []


def test_events_of_others_tell_nothing() -> None:
    assert EventReader().take({"source": "aws.s3", "detail-type": "Object Created", "detail": {}}) == []


@pytest.mark.parametrize(
    "broken", ["not json", "[]", "{}", {"source": "courier.orders", "detail-type": "Order Status Changed"}]
)
def test_a_broken_event_is_named(broken: Any) -> None:
    with pytest.raises(UnexpectedAnswer):
        EventReader().take(broken)


@pytest.mark.parametrize("sequence", [0, -1, "1", None, 1.5])
def test_an_event_without_a_number_is_named(sequence: object) -> None:
    event = life()[0]
    event["detail"]["sequence"] = sequence
    with pytest.raises(UnexpectedAnswer):
        EventReader().take(event)


def test_a_reader_forgets_what_changed_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SUBJECTS_MAX", 2)
    reader = EventReader()
    for order_id in ("o-1", "o-2", "o-3"):
        order_changes(reader, life(order_id)[:1])
    assert reader.order("u-7", "o-1") is None
    assert len(reader.told) == 2


class Queue:
    """A queue that holds some events, each message until it is deleted."""

    def __init__(self, given: list[dict[str, Any]]) -> None:
        self.bodies = {str(number): json.dumps(event) for number, event in enumerate(given)}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        some = list(self.bodies.items())[:MaxNumberOfMessages]
        return {"Messages": [{"Body": body, "ReceiptHandle": handle} for handle, body in some]} if some else {}

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803
        del self.bodies[ReceiptHandle]

    def send_message(self, **_: Any) -> dict[str, Any]:
        raise NotImplementedError


def test_a_queue_is_followed_and_a_message_goes_when_its_changes_are_taken() -> None:
    queue = Queue(life() + life())
    left_at = []
    for change in follow("q", EventReader(), sqs=queue, keep_on=lambda: bool(queue.bodies)):
        left_at.append(len(queue.bodies))
        assert isinstance(change, OrderChange)
    assert left_at == [12, 11, 10, 9, 8, 7]
    assert queue.bodies == {}


class Outage(Queue):
    """A queue that is away for some calls of each kind."""

    def __init__(self, given: list[dict[str, Any]], failures: list[Exception]) -> None:
        super().__init__(given)
        self.failures = failures
        self.undeleted = 1

    def receive_message(self, **options: Any) -> dict[str, Any]:
        if self.failures:
            raise self.failures.pop(0)
        return super().receive_message(**options)

    def delete_message(self, **options: Any) -> None:
        if self.undeleted:
            self.undeleted -= 1
            raise EndpointConnectionError(endpoint_url="http://away")
        super().delete_message(**options)


def refused(status: int, code: str) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "ReceiveMessage")


def test_following_outlives_an_outage_and_tells_each_change_once() -> None:
    away = [EndpointConnectionError(endpoint_url="http://away"), refused(503, "ServiceUnavailable")]
    queue = Outage(life(), [*away, refused(400, "ThrottlingException"), *[refused(500, "x") for _ in range(8)]])
    naps: list[float] = []
    told = follow("q", EventReader(), sqs=queue, keep_on=lambda: bool(queue.bodies), sleep=naps.append)
    changes = [change for change in told if isinstance(change, OrderChange)]
    assert [change.sequence for change in changes] == list(range(1, len(changes) + 1))
    assert queue.bodies == {}
    assert naps[:4] == [1, 2, 4, 8]
    assert max(naps) == 60


def test_what_waiting_does_not_mend_is_raised() -> None:
    failures: list[Exception] = [NoCredentialsError(), refused(403, "AccessDenied"), refused(400, "QueueDoesNotExist")]
    for failure in failures:
        with pytest.raises(type(failure)):
            next(follow("q", EventReader(), sqs=Outage(life(), [failure]), sleep=lambda _: None))
