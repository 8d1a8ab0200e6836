"""What the tests share: a contract's example, an API on 127.0.0.1, and the schemas."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from courier_client import Conid, PlaceOrder

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = ROOT / "schemas"

EXAMPLE = {
    "order_id": "mr7-20261124-0001",
    "account_id": "DU0000001",
    "good_until": datetime(2026, 11, 24, 15, 4, 5, tzinfo=UTC),
    "contract": Conid(265598),
    "side": "buy",
    "quantity": Decimal(10),
    "type": "limit",
    "limit_price": Decimal("187.50"),
    "time_in_force": "day",
}


def order(**changes: Any) -> PlaceOrder:
    """The example of the contract, changed; None takes a field out."""
    fields: dict[str, Any] = {**EXAMPLE, **changes}
    return PlaceOrder(**{name: value for name, value in fields.items() if value is not None})


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def validator(name: str) -> Any:
    """The validator of a schema, which holds times to the calendar too."""
    formats = FormatChecker(formats=())

    def is_time(value: object) -> bool:
        return not isinstance(value, str) or datetime.fromisoformat(value) is not None

    formats.checks("date-time", raises=ValueError)(is_time)
    schema = read_json(SCHEMAS / f"{name}.schema.json")
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=formats)


def shown_order(status: str = "working", **changes: Any) -> dict[str, Any]:
    """An order as the API shows it."""
    at = "2026-11-25T06:55:05.524488269Z"
    return {
        "order_id": "o-1",
        "user_id": "u-7",
        "algorithm_id": "mean-reversion-7",
        "account_id": "DU0000001",
        "status": status,
        "quantity": "10",
        "filled_quantity": "0",
        "average_price": None,
        "broker_order_ids": ["1370093201"],
        "client_order_id": "c9478685d4361f6090357b4198c01c83",
        "reason": None,
        "good_until": at,
        "ticket": {},
        "created_at": at,
        "updated_at": at,
        "history": [{"at": at, "status": "received"}, {"at": at, "status": status}],
        **changes,
    }


class FakeApi:
    """An API on 127.0.0.1 that gives the answers it was told, in their order, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: deque[tuple[int, str, str]] = deque()
        self.requests: list[dict[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.requests.append(
                    {
                        "method": self.command,
                        "path": self.path,
                        "authorization": self.headers["Authorization"],
                        "body": json.loads(body) if body else None,
                    }
                )
                status, kind, text = fake.answers.popleft()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                if 300 <= status < 400:
                    self.send_header("Location", f"{fake.url}/elsewhere")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def will_answer(self, status: int, body: object, kind: str = "application/json") -> None:
        self.answers.append((status, kind, body if isinstance(body, str) else json.dumps(body)))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


NOT_THERE = {"status": 404, "title": "Not Found", "code": "not_found", "detail": "Not yet."}
TICKET = {
    "contract": {"conid": 265598},
    "side": "buy",
    "quantity": "10",
    "type": "limit",
    "limit_price": "187.5",
    "time_in_force": "day",
}


class Queue:
    """A queue that takes everything and numbers it."""

    def __init__(self) -> None:
        self.sent = 0

    def send_message(self, **_: Any) -> Mapping[str, Any]:
        self.sent += 1
        return {"MessageId": f"m-{self.sent}"}

    def receive_message(self, **_: Any) -> Mapping[str, Any]:
        return {}

    def delete_message(self, **_: Any) -> object:
        return None


def refusal(message_id: str, code: str, order_id: str | None = "mr7-20261124-0001") -> dict[str, Any]:
    return {
        "at": "2026-11-25T06:55:05.524488269Z",
        "message_id": message_id,
        "order_id": order_id,
        "user_id": "u-7",
        "algorithm_id": "mean-reversion-7",
        "reason": {"code": code, "message": "It was refused."},
    }


def shown(status: str = "working", **changes: Any) -> dict[str, Any]:
    return shown_order(status, **{"order_id": "mr7-20261124-0001", "ticket": TICKET, "revision": 1, **changes})


def change(status: str, revision: int = 2) -> dict[str, Any]:
    reason = {"code": "price_between_steps", "message": "The price lies between two steps."}
    return {
        "revision": revision,
        "status": status,
        "ticket": TICKET,
        "reason": reason if status == "refused" else None,
        "asked_at": "2026-11-25T06:55:05Z",
    }


def will_list(api: FakeApi, *refusals: dict[str, Any]) -> None:
    api.will_answer(200, {"refusals": list(refusals)})
