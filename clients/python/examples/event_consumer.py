"""Prints every change of status of orders and connections, once and in order.

    python event_consumer.py --name my-consumer

makes a queue of that name that receives all events of the bus (COURIER_EVENT_BUS_NAME, an output of the stack), and
follows it until Ctrl-C. Start it again with the same name, and it goes on with what came in between.
"""

import argparse
import json
import os
from typing import Any

import boto3

from courier_client import Change, EventReader, OrderChange, Refusal, follow

KEEP_SECONDS = 14 * 24 * 3600


def main() -> None:
    arguments = read_arguments()
    queue_url = subscribe(arguments.bus, arguments.name)
    print(f"Following {queue_url}. Ctrl-C ends it.")
    try:
        for change in follow(queue_url, EventReader()):
            print(told(change), flush=True)
    except KeyboardInterrupt:
        print("Stopped.")


def told(change: Change) -> str:
    """A change in one line."""
    if isinstance(change, Refusal):
        what = f"{change.user_id or '?'}/{change.order_id or '?'}"
        return f"{change.at:%H:%M:%S} {what} refused: {change.reason.message} ({change.reason.code})"
    previous = change.previous_status or "new"
    if not isinstance(change, OrderChange):
        return f"{change.connection.user_id} connection: {previous} -> {change.status}"
    order, why = change.order, f" ({change.reason.message})" if change.reason else ""
    what = f"{order.user_id}/{order.order_id} {order.contract} {change.sequence}"
    if change.leg is not None:
        news = f"its {change.leg.role} is {change.leg.status}, {change.leg.filled_quantity} filled"
        return f"{change.at:%H:%M:%S} {what}: {news}{why}"
    if change.revision is not None:
        return f"{change.at:%H:%M:%S} {what}: revision {change.revision} was refused, it stays {change.status}{why}"
    if change.is_warning and change.reason is not None:
        return f"{change.at:%H:%M:%S} {what}: WARNING, it is {change.status}: {change.reason.message}"
    line = f"{change.at:%H:%M:%S} {what}: {previous} -> {change.status}{why}"
    return f"{line}, {order.filled_quantity} at {order.average_price}" if change.status == "filled" else line


def subscribe(bus: str, name: str) -> str:
    """A queue that gets every event of this project from the bus. Doing it again changes nothing."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url: str = sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": str(KEEP_SECONDS)})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["courier.orders", "courier.connections"]}
    rule = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy(arn, rule))})
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def policy(queue_arn: str, rule_arn: str) -> dict[str, Any]:
    """Lets this rule, and nobody else, send to the queue."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
            }
        ],
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Prints every change of status of orders and connections.")
    parser.add_argument("--name", required=True, help="of the queue and the rule")
    bus = os.environ.get("COURIER_EVENT_BUS_NAME")
    parser.add_argument("--bus", default=bus, required=bus is None, help="default: COURIER_EVENT_BUS_NAME")
    return parser.parse_args()


if __name__ == "__main__":
    main()
