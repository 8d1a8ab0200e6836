import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from courier_client import Client, ModifyOrder, NotEnqueued, OrderQueue
from support import order, validator

QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo"
SENT = {"MessageId": "m-1", "MD5OfMessageBody": ""}


class Sqs:
    """boto3's own client, whose answers are stubbed, and what it was asked."""

    def __init__(self) -> None:
        credentials = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        self.client = boto3.client("sqs", region_name="eu-central-1", **credentials)
        self.stub = Stubber(self.client)
        self.sent: list[dict[str, Any]] = []
        self.client.meta.events.register(
            "provide-client-params.sqs.SendMessage", lambda params, **_: self.sent.append(params)
        )

    def will_take(self, messages: int = 1) -> None:
        for _ in range(messages):
            self.stub.add_response("send_message", SENT, dict.fromkeys(SENT_FIELDS, ANY))


SENT_FIELDS = ("QueueUrl", "MessageGroupId", "MessageDeduplicationId", "MessageBody")


@pytest.fixture
def sqs() -> Iterator[Sqs]:
    sqs = Sqs()
    # boto3 checks a body's digest; the stub has none to offer.
    sqs.client.meta.events.unregister("after-call.sqs.SendMessage")
    with sqs.stub:
        yield sqs
        sqs.stub.assert_no_pending_responses()
    sqs.client.close()


def by_queue(sqs: Sqs) -> Client:
    queue = OrderQueue(QUEUE_URL, sqs.client)
    return Client(user_id="u-7", algorithm_id="mean-reversion-7", order_queue=queue, api=None)


def test_an_order_goes_to_its_user_s_group_under_an_id_that_nobody_can_guess(sqs: Sqs) -> None:
    sqs.will_take(3)
    client = by_queue(sqs)
    assert client.place(order()) == "mr7-20261124-0001"
    client.place(order())
    client.place(order(side="sell"))
    first, again, other = sqs.sent
    assert first["QueueUrl"] == QUEUE_URL
    assert first["MessageGroupId"] == "u-7"
    assert first["MessageBody"] == again["MessageBody"]
    # Nor does the queue drop the same order, mended or not, because of an earlier one.
    ids = [sent["MessageDeduplicationId"] for sent in (first, again, other)]
    assert len(set(ids)) == 3
    for deduplication_id in ids:
        name, _, chance = deduplication_id.rpartition("-")
        assert name == "mr7-20261124-0001"
        assert len(chance) == 32
        assert len(deduplication_id) <= 128
    validator("order-message").validate(json.loads(first["MessageBody"]))


def test_a_second_cancel_is_not_held_back_by_the_queue(sqs: Sqs) -> None:
    sqs.will_take(2)
    by_queue(sqs).cancel("o-1")
    by_queue(sqs).cancel("o-1")
    first, second = sqs.sent
    assert first["MessageBody"] == second["MessageBody"]
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]


def test_another_user_s_client_sends_to_another_group(sqs: Sqs) -> None:
    sqs.will_take(2)
    client = by_queue(sqs).for_user("u-8")
    client.place(order())
    client.modify(ModifyOrder(order_id="o-1", revision=2, time_in_force="gtc"))
    assert [sent["MessageGroupId"] for sent in sqs.sent] == ["u-8", "u-8"]
    assert '"user_id": "u-8"' in sqs.sent[0]["MessageBody"]


def test_a_message_that_the_queue_did_not_confirm_says_that_it_may_be_sent_again(sqs: Sqs) -> None:
    sqs.stub.add_client_error("send_message", "AccessDenied", "no")
    with pytest.raises(
        NotEnqueued, match=r"place of mr7-20261124-0001 .*AccessDenied.* the same message again is safe"
    ):
        by_queue(sqs).place(order())


def test_without_credentials_nothing_was_sent_and_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    queue = OrderQueue(QUEUE_URL, boto3.session.Session(region_name="eu-central-1").client("sqs"))
    client = Client(user_id="u-7", algorithm_id="mean-reversion-7", order_queue=queue, api=None)
    with pytest.raises(
        NotEnqueued, match=r"place of mr7-20261124-0001 was not sent: .* credentials.*`source …`"
    ) as told:
        client.place(order())
    assert "may have arrived" not in str(told.value)
