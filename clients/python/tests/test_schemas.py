"""The schemas, the examples beside them, the samples in events/ and what this client sends speak of the same messages.

The parser's half of this is in shared/domain/tests/schema_examples.rs.
"""

import json
from pathlib import Path

import pytest

from courier_client import ConnectionStatus, OrderStatus, Reason, ReasonCode, Remedy
from support import ROOT, SCHEMAS, read_json, validator


def files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.json"))
    assert found, f"{folder} is empty"
    return found


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", files(SCHEMAS / "examples" / "valid"), ids=name)
def test_a_valid_example_is_taken(path: Path) -> None:
    validator("order-message").validate(read_json(path))


@pytest.mark.parametrize("path", files(SCHEMAS / "examples" / "invalid"), ids=name)
def test_an_invalid_example_is_refused(path: Path) -> None:
    assert not validator("order-message").is_valid(read_json(path))


@pytest.mark.parametrize("path", files(ROOT / "events" / "orders"), ids=name)
def test_the_demo_s_messages_are_as_they_say(path: Path) -> None:
    assert validator("order-message").is_valid(read_json(path)) == (path.stem != "6-malformed")


def test_the_sample_of_the_order_queue_holds_messages() -> None:
    bodies = [json.loads(record["body"]) for record in read_json(ROOT / "events" / "order-submit.json")["Records"]]
    assert bodies
    for body in bodies:
        validator("order-message").validate(body)


@pytest.mark.parametrize("kind", ["order", "refusal", "connection"])
def test_sample_events_are_as_their_schema_says(kind: str) -> None:
    samples = [path for path in files(SCHEMAS / "examples" / "events") if path.stem.startswith(kind)]
    assert samples
    for path in samples:
        validator(f"{kind}-event").validate(read_json(path))


def test_an_event_with_a_number_for_a_quantity_is_refused() -> None:
    event = read_json(SCHEMAS / "examples" / "events" / "order-filled.json")
    event["detail"]["filled_quantity"] = 10
    assert not validator("order-event").is_valid(event)


def test_the_client_knows_each_reason_of_the_list_and_its_remedy() -> None:
    published = read_json(SCHEMAS / "reason-codes.json")
    assert [{"code": code.value, "remedy": code.remedy.value} for code in ReasonCode] == [
        {"code": listed["code"], "remedy": listed["remedy"]} for listed in published["codes"]
    ]
    assert [remedy.value for remedy in Remedy] == [listed["remedy"] for listed in published["remedies"]]
    assert Reason("halted", "No.").remedy is Remedy.ASK_USER
    assert Reason("of_tomorrow", "No.").remedy is None


def test_the_client_knows_each_status_of_the_schemas_and_which_are_final() -> None:
    orders = read_json(SCHEMAS / "order-event.schema.json")["$defs"]["status"]["enum"]
    connections = read_json(SCHEMAS / "connection-event.schema.json")["$defs"]["status"]["enum"]
    assert list(OrderStatus) == orders
    assert list(ConnectionStatus) == connections
    # The contract's table: what waits or is at the broker comes first, what is final after it.
    assert [status.value for status in OrderStatus if status.is_final] == orders[orders.index("filled") :]
