"""The queues: orders in, events out. boto3 does the work; its region and credentials are the AWS ones."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from courier_client.errors import NotEnqueued, NotSetUp
from courier_client.messages import Message

SERVER_FAULT = 500


class SqsClient(Protocol):
    """What is used of boto3's client of SQS."""

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageGroupId: str,
        MessageDeduplicationId: str,
        MessageBody: str,
    ) -> Mapping[str, Any]:
        """Send one message."""

    def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int,
        WaitTimeSeconds: int,
    ) -> Mapping[str, Any]:
        """Receive some messages."""

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> object:
        """Delete one that was received."""


def sqs_client() -> SqsClient:
    """boto3's client of SQS, by the environment (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL …)."""
    try:
        client: SqsClient = boto3.client("sqs")
    except BotoCoreError as error:
        raise NotSetUp(
            f"boto3 cannot ask SQS: {error}. Set AWS_REGION or AWS_PROFILE; for the local stack give the line "
            "`source …` that `courier local` printed"
        ) from error
    return client


class OrderQueue:
    """The FIFO queue of orders."""

    def __init__(self, url: str, sqs: SqsClient | None = None) -> None:
        self._url = url
        self._sqs = sqs if sqs is not None else sqs_client()

    def send(self, message: Message) -> str:
        """Send a message in its user's group, so that the messages of one user keep their order; returns its id."""
        body = json.dumps(message)
        try:
            answer = self._sqs.send_message(
                QueueUrl=self._url,
                MessageGroupId=message["user_id"],
                MessageDeduplicationId=deduplication_id(message),
                MessageBody=body,
            )
        except NoCredentialsError as error:
            raise NotEnqueued(
                f"{message['command']} of {message['order_id']} was not sent: boto3 finds no AWS credentials. Set "
                "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for the local stack give the line "
                "`source …` that `courier local` printed. Then the same message again"
            ) from error
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < SERVER_FAULT:
                raise NotEnqueued(
                    f"the queue {self._url} refused {message['command']} of {message['order_id']} ({error}). "
                    "COURIER_ORDER_QUEUE_URL is the stack's output OrderQueueUrl, and who sends is an AWS role that "
                    "the algorithm is registered with. Once that is mended, the same message again is safe"
                ) from error
            raise _unconfirmed(message, error) from error
        except BotoCoreError as error:
            raise _unconfirmed(message, error) from error
        return str(answer.get("MessageId", ""))


def _unconfirmed(message: Message, error: Exception) -> NotEnqueued:
    return NotEnqueued(
        f"the queue did not confirm {message['command']} of {message['order_id']} ({error}). "
        "It may have arrived all the same; the same message again is safe"
    )


def deduplication_id(message: Message) -> str:
    """An id that nobody can guess, another one for each message.

    Within five minutes the queue drops a second message under one id, whatever it says. Under an id that could be
    guessed (the order's, or a digest of its content) whoever may send on the queue could use it first, and the order
    would vanish. The server itself takes the same order twice as one.
    """
    return f"{message['order_id']}-{uuid.uuid4().hex}"
