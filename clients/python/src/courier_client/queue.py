"""The queues: orders in, events out. boto3 does the work; its region and credentials are the AWS ones."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from courier_client.errors import NotEnqueued
from courier_client.messages import Message


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
    client: SqsClient = boto3.client("sqs")
    return client


class OrderQueue:
    """The FIFO queue of orders."""

    def __init__(self, url: str, sqs: SqsClient | None = None) -> None:
        self._url = url
        self._sqs = sqs if sqs is not None else sqs_client()

    def send(self, message: Message) -> None:
        """Send a message in its user's group, so that the messages of one user keep their order."""
        body = json.dumps(message)
        try:
            self._sqs.send_message(
                QueueUrl=self._url,
                MessageGroupId=message["user_id"],
                MessageDeduplicationId=deduplication_id(message),
                MessageBody=body,
            )
        except (BotoCoreError, ClientError) as error:
            raise NotEnqueued(
                f"the queue did not confirm {message['command']} of {message['order_id']} ({error}). "
                "It may have arrived all the same; the same message again is safe"
            ) from error


def deduplication_id(message: Message) -> str:
    """A digest of the content: within five minutes the queue keeps one of two equal messages.

    Not so for a cancel. If the first came too early (its order was not there yet), a second must get through; and the
    server takes two as one.
    """
    if message["command"] == "cancel":
        return uuid.uuid4().hex
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()
