#!/usr/bin/env python3
"""Stands in for a function's binary, and shows what a function gets to see: it logs each event, and answers so that the
test can tell what the engine made of the answer. It speaks the Lambda Runtime API, like the real ones."""

import json
import os
import urllib.request

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def main():
    while True:
        with urllib.request.urlopen(f"{RUNTIME}/next") as response:
            request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
            event = json.load(response)
        print(json.dumps({"event": event}), flush=True)
        answer = json.dumps(answer_to(event)).encode()
        urllib.request.urlopen(f"{RUNTIME}/{request_id}/response", data=answer).close()


def answer_to(event):
    if "routeKey" in event:
        seen = {"event": event, "environment": dict(os.environ)}
        return {"statusCode": 201, "cookies": ["one=1; Path=/", "two=2; Path=/"], "body": json.dumps(seen)}
    failed = [record for record in event.get("Records", []) if is_to_fail(record)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def is_to_fail(record):
    return "fail once" in record.get("body", "") and record["attributes"]["ApproximateReceiveCount"] == "1"


if __name__ == "__main__":
    main()
