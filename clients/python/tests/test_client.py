import base64
import json
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from courier_client import (
    Api,
    Client,
    CourierError,
    InvalidMessage,
    ModifyOrder,
    NotSetUp,
    OrderEnded,
    OrderNeedsReview,
    OrderQueue,
    OrderStatus,
    Problem,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
)
from courier_client.api import Token
from support import FakeApi, Queue, order, shown_order, validator


class Time:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def by_http(api: FakeApi, time: Time | None = None) -> Client:
    time = time or Time()
    return Client(
        user_id="u-7",
        algorithm_id="mean-reversion-7",
        order_queue=None,
        api=Api(api.url, lambda: "a-token"),
        clock=time.clock,
        sleep=time.sleep,
    )


def test_a_user_id_that_sqs_would_refuse_is_refused_first() -> None:
    with pytest.raises(InvalidMessage, match=r"user_id must be .*; algorithm_id must be"):
        Client(user_id="u 7", algorithm_id="", order_queue=None, api=None)


def test_what_is_not_there_is_named() -> None:
    client = Client(user_id="u-7", algorithm_id="a", order_queue=None, api=None)
    with pytest.raises(NotSetUp, match=r"source.*COURIER_ORDER_QUEUE_URL"):
        client.place(order())
    with pytest.raises(NotSetUp, match=r"source.*COURIER_TOKEN"):
        client.order("o-1")


def test_a_token_does_not_travel_in_the_open() -> None:
    with pytest.raises(NotSetUp, match="in the open"):
        Api("http://courier.example.com", "a-token")


def test_what_cannot_be_used_is_named(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSetUp, match="cannot be read"):
        Api("https://[::1", "a-token")
    broken = Client(user_id="u-7", algorithm_id="a", order_queue=None, api=Api(api.url, "a\ntoken"))
    with pytest.raises(NotSetUp, match="the token holds what no header can") as refused:
        broken.order("o-1")
    assert isinstance(refused.value, CourierError)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "COURIER_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("COURIER_ORDER_QUEUE_URL", "https://sqs.test/orders.fifo")
    with pytest.raises(NotSetUp, match=r"AWS_REGION.*source"):
        Client.from_environment(user_id="u-7", algorithm_id="a")


def test_what_is_no_message_is_refused(client: Client) -> None:
    with pytest.raises(InvalidMessage, match=r"must be PlaceOrder\(…\), not \{'order_id': 'o-1'\}"):
        client.place({"order_id": "o-1"})  # type: ignore[arg-type]
    with pytest.raises(InvalidMessage, match=r"must be ModifyOrder\(…\)"):
        client.modify(order())  # type: ignore[arg-type]
    with pytest.raises(InvalidMessage, match="order_id must be"):
        client.cancel_by_http("")


def test_an_order_is_read_with_the_token_and_the_user_it_is_about(api: FakeApi) -> None:
    api.will_answer(200, shown_order("filled", average_price="187.5", filled_quantity="10"))
    seen = by_http(api).order("o-1")
    assert (seen.status, seen.average_price) == (OrderStatus.FILLED, Decimal("187.5"))
    assert seen.status.is_final
    assert seen.created_at.microsecond == 524488
    assert api.requests == [
        {"method": "GET", "path": "/orders/o-1?user_id=u-7", "authorization": "Bearer a-token", "body": None}
    ]


def jwt(**claims: str) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "signature"])


def test_a_client_for_somebody_else_than_its_token_is_refused_before_anything_is_sent(api: FakeApi) -> None:
    with pytest.raises(NotSetUp, match="the name u-8 is not used"):
        Client(user_id="u-8", algorithm_id="mr-7", order_queue=None, api=Api(api.url, jwt(sub="u-7")))


def test_a_user_s_own_order_does_not_go_by_the_queue() -> None:
    own = Client(user_id="u-7", algorithm_id="self", order_queue=None, api=None)
    with pytest.raises(NotSetUp, match="by HTTP only"):
        own.cancel("o-1")


def test_a_user_s_own_token_says_that_another_name_is_not_used(api: FakeApi) -> None:
    def client(token: Token, algorithm_id: str = "self") -> Client:
        return Client(user_id="u-7", algorithm_id=algorithm_id, order_queue=None, api=Api(api.url, token))

    own = jwt(sub="u-7")
    with pytest.raises(NotSetUp, match="the name u-8 is not used"):
        client(own).for_user("u-8")
    # A function's token is known when it is asked for.
    other = client(lambda: own).for_user("u-8")
    with pytest.raises(NotSetUp, match="the name u-8 is not used"):
        other.order("o-1")
    assert api.requests == []
    for token in (own, jwt(sub="service", algorithm_id="mean-reversion-7"), "opaque"):
        user = "u-7" if token == own else "u-8"
        api.will_answer(200, shown_order())
        assert client(token, "mean-reversion-7").for_user(user).order("o-1").order_id == "o-1"


def test_a_name_that_is_not_the_token_s_algorithm_is_refused_before_anything_is_sent(api: FakeApi) -> None:
    queue = Queue()

    def client(algorithm_id: str, token: Token) -> Client:
        orders = OrderQueue("https://sqs.test/orders.fifo", queue)
        return Client(user_id="u-7", algorithm_id=algorithm_id, order_queue=orders, api=Api(api.url, token))

    of_algorithm = jwt(sub="service", algorithm_id="demo-algorithm")
    with pytest.raises(
        NotSetUp, match=r'is the algorithm "demo-algorithm"\'s, .* for "demo-algoritm".*letter by letter'
    ):
        client("demo-algoritm", of_algorithm)
    with pytest.raises(NotSetUp, match=r"A user's own orders take that user's own token"):
        client("self", of_algorithm)
    # A function's token is known when it is asked for.
    with pytest.raises(NotSetUp, match=r'for "demo-algoritm"'):
        client("demo-algoritm", lambda: of_algorithm).wait("o-1")
    assert (queue.sent, api.requests) == (0, [])
    # A user follows the orders of their algorithms with a token of their own.
    api.will_answer(200, shown_order())
    assert client("demo-algorithm", jwt(sub="u-7")).order("o-1").order_id == "o-1"


def test_an_order_id_cannot_steer_a_path(api: FakeApi) -> None:
    api.will_answer(404, {"status": 404, "title": "Not Found", "code": "not_found", "detail": "No."})
    with pytest.raises(Problem):
        by_http(api).order("../halt?x")
    assert api.requests[0]["path"] == "/orders/..%2Fhalt%3Fx?user_id=u-7"


def test_pages_are_read_one_after_the_other(api: FakeApi) -> None:
    api.will_answer(200, {"orders": [shown_order(order_id="o-1")], "cursor": "a/b="})
    api.will_answer(200, {"orders": [shown_order(order_id="o-2")]})
    assert [seen.order_id for seen in by_http(api).orders()] == ["o-1", "o-2"]
    assert api.requests[1]["path"] == "/orders?user_id=u-7&cursor=a%2Fb%3D"


def test_filters_stand_on_every_page_s_request(api: FakeApi) -> None:
    client = by_http(api)
    api.will_answer(200, {"orders": [], "cursor": "next"})
    api.will_answer(200, {"orders": []})
    since = datetime(2026, 11, 24, 1, tzinfo=timezone(timedelta(hours=1)))
    assert list(client.orders(status=["held", "working"], only_open=True, since=since)) == []
    asked = "/orders?user_id=u-7&status=held%2Cworking&open=true&since=2026-11-24T00%3A00%3A00Z"
    assert [request["path"] for request in api.requests] == [asked, f"{asked}&cursor=next"]
    with pytest.raises(CourierError, match=r"status must be received, held, .* or needs_review, not 'open'"):
        list(client.orders(status="open"))
    with pytest.raises(InvalidMessage, match="until has no time zone"):
        list(client.orders(until=datetime(2026, 11, 24)))  # noqa: DTZ001


def test_a_problem_names_each_bad_field(api: FakeApi) -> None:
    body = {
        "status": 400,
        "title": "Bad Request",
        "code": "bad_fields",
        "detail": "The request was refused and nothing was done.",
        "errors": [{"field": "side", "message": "must be buy or sell"}, {"field": "", "message": "is odd"}],
    }
    api.will_answer(400, body, "application/problem+json")
    with pytest.raises(Problem) as refused:
        by_http(api).place_by_http(order())
    assert (refused.value.status, refused.value.code) == (400, "bad_fields")
    assert [fault.field for fault in refused.value.errors] == ["side", ""]
    assert str(refused.value).endswith("\n  side: must be buy or sell\n  the message: is odd")


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (401, '{"message": "Unauthorized"}', "unauthorized"),
        (503, "<html>Service Unavailable</html>", "http_503"),
        (500, "[]", "http_500"),
        (502, "", "http_502"),
    ],
)
def test_a_refusal_that_is_no_problem_json_is_a_problem_all_the_same(
    api: FakeApi, status: int, text: str, code: str
) -> None:
    api.will_answer(status, text)
    with pytest.raises(Problem) as refused:
        by_http(api).order("o-1")
    assert (refused.value.status, refused.value.code) == (status, code)


def test_commands_by_http_are_sent_once_and_never_repeated(api: FakeApi) -> None:
    client = by_http(api)
    for status, body in [(202, shown_order("received")), (503, ""), (202, shown_order("cancelling"))]:
        api.will_answer(status, body)
    assert client.place_by_http(order()).status is OrderStatus.RECEIVED
    with pytest.raises(Problem):
        client.modify_by_http(ModifyOrder(order_id="o-1", revision=2, time_in_force="gtc"))
    assert client.cancel_by_http("o-1").status is OrderStatus.CANCELLING
    assert [(asked["method"], asked["path"].split("?")[0]) for asked in api.requests] == [
        ("POST", "/orders"),
        ("PUT", "/orders/o-1"),
        ("DELETE", "/orders/o-1"),
    ]
    validator("order-message").validate(api.requests[0]["body"])
    validator("order-message").validate(api.requests[1]["body"])


def test_a_redirect_is_not_followed_with_the_token(api: FakeApi) -> None:
    api.will_answer(302, "")
    with pytest.raises(UnexpectedAnswer, match="redirected"):
        by_http(api).order("o-1")
    assert len(api.requests) == 1


@pytest.mark.parametrize("body", ["not json", "[]", {"order_id": "o-1"}, shown_order("on_the_moon"), {"orders": 1}])
def test_an_answer_beyond_the_contract_is_named(api: FakeApi, body: object) -> None:
    api.will_answer(200, body)
    with pytest.raises(UnexpectedAnswer):
        by_http(api).order("o-1")


def test_no_answer_at_all_says_that_asking_again_is_safe(api: FakeApi) -> None:
    client = by_http(api)
    api.close()
    with pytest.raises(Unreachable, match="Asking again is safe"):
        client.place_by_http(order())


def test_waiting_goes_through_what_passes_by_itself(api: FakeApi) -> None:
    clock = Time()
    api.will_answer(404, {"status": 404, "title": "Not Found", "code": "not_found", "detail": "Not yet."})
    api.will_answer(503, "")
    api.will_answer(429, "")
    api.will_answer(200, shown_order("working"))
    api.will_answer(200, shown_order("filled"))
    assert by_http(api, clock).wait("o-1").status is OrderStatus.FILLED
    assert clock.naps == sorted(clock.naps)
    assert len(clock.naps) == 4


def test_a_status_that_the_order_has_passed_already_is_waited_for_no_longer(api: FakeApi) -> None:
    at = "2026-11-25T06:55:05Z"
    history = [{"at": at, "status": status} for status in ("received", "sending", "working", "filled")]
    api.will_answer(200, shown_order("filled", history=history))
    assert by_http(api).wait("o-1", until="working").status is OrderStatus.FILLED


def lived(*statuses: str) -> dict[str, Any]:
    """An order that has been in these statuses; the last is its present one."""
    at = "2026-11-25T06:55:05Z"
    return shown_order(statuses[-1], history=[{"at": at, "status": status} for status in statuses])


@pytest.mark.parametrize("end", ["rejected", "cancelled", "not_placed"])
def test_an_end_that_was_none_does_not_end_the_waiting(api: FakeApi, end: str) -> None:
    came_back = ("received", "sending", "working", end, "working")
    for life in (came_back, (*came_back, "cancelling"), (*came_back, "cancelling", "cancelled")):
        api.will_answer(200, lived(*life))
    assert by_http(api).wait("o-1").status is OrderStatus.CANCELLED
    assert len(api.requests) == 3


def test_a_final_status_counts_only_while_it_is_the_present_one(api: FakeApi) -> None:
    came_back = lived("received", "working", "cancelled", "working")
    for _ in range(2):
        api.will_answer(200, came_back)
    api.will_answer(200, lived("received", "working", "cancelled", "working", "filled"))
    # What is not final was reached, whatever came after it.
    assert by_http(api).wait("o-1", until={"working", "cancelled"}).status is OrderStatus.WORKING
    with pytest.raises(OrderEnded, match="is filled, not cancelled"):
        by_http(api).wait("o-1", until="cancelled")


def test_waiting_ends_when_the_order_cannot_get_there_any_more(api: FakeApi) -> None:
    reason = {"code": "beyond_limits", "message": "The order is beyond your own limits."}
    api.will_answer(200, shown_order("denied", reason=reason))
    with pytest.raises(
        OrderEnded, match=r'order "o-1" is denied, not filled or working: The order is bey.*\(beyond_lim'
    ):
        by_http(api).wait("o-1", until={"filled", "working"})


def test_waiting_ends_with_the_time_and_tells_what_was_seen_last(api: FakeApi) -> None:
    clock = Time()
    for _ in range(20):
        api.will_answer(200, shown_order("held", reason={"code": "no_session", "message": "Waits for a session."}))
    with pytest.raises(WaitTimeout, match=r"after 10 s .* it is held \(Waits for a session\.\)") as timeout:
        by_http(api, clock).wait("o-1", until="working", timeout_seconds=10)
    assert timeout.value.order is not None
    assert clock.now == pytest.approx(10)


def test_an_order_that_never_came_and_an_api_that_never_answered_are_told_apart(api: FakeApi) -> None:
    for _ in range(2):
        api.will_answer(404, {"status": 404, "title": "Not Found", "code": "not_found", "detail": "No."})
    with pytest.raises(
        WaitTimeout, match=r'the order "never" has not ended: it was not seen.*refusals list'
    ) as timeout:
        by_http(api).wait("never", timeout_seconds=0.1)
    assert timeout.value.__cause__ is None
    api.close()
    with pytest.raises(WaitTimeout, match="The last look failed"):
        by_http(api).wait("o-1", timeout_seconds=0.1)


def test_a_token_that_is_refused_is_not_waited_out(api: FakeApi) -> None:
    api.will_answer(401, {"message": "Unauthorized"})
    with pytest.raises(Problem, match="expired"):
        by_http(api).wait("o-1")


def test_an_order_that_waits_for_a_person_is_not_over(api: FakeApi) -> None:
    api.will_answer(200, shown_order(status="needs_review"))
    with pytest.raises(OrderNeedsReview) as raised:
        by_http(api).wait("o-1", until="filled")
    assert not raised.value.order.is_over
    assert raised.value.order.takes_no_change


def test_the_end_of_an_order_that_waits_for_a_person_can_be_awaited(api: FakeApi) -> None:
    api.will_answer(200, shown_order(status="needs_review", cancel_asked=True))
    api.will_answer(200, shown_order(status="cancelled"))
    assert by_http(api).wait("o-1", until="cancelled").status == "cancelled"


def test_a_status_that_does_not_exist_is_not_waited_for(api: FakeApi) -> None:
    for until in ("done", {"filled", "done"}):
        with pytest.raises(CourierError, match=r"^nothing was asked: until must be received, .*_review, not 'done'"):
            by_http(api).wait("o-1", until=until)
    with pytest.raises(InvalidMessage, match=r"^nothing was asked: leg must be take_profit or stop_loss"):
        by_http(api).wait_leg("o-1", "stop")  # type: ignore[arg-type]
    with pytest.raises(CourierError, match="at least one"):
        by_http(api).wait("o-1", until=())
    assert api.requests == []


def test_the_environment_names_the_stack(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURIER_ORDER_QUEUE_URL", raising=False)
    monkeypatch.setenv("COURIER_API_URL", api.url)
    monkeypatch.setenv("COURIER_TOKEN", "of-the-environment")
    api.will_answer(200, shown_order())
    began = time.monotonic()
    Client.from_environment(user_id="u-7", algorithm_id="a").wait("o-1", until="working")
    assert time.monotonic() - began < 5
    assert api.requests[0]["authorization"] == "Bearer of-the-environment"


@pytest.mark.parametrize(
    ("ticket", "told"),
    [
        ({"contract": {"conid": 265598}}, "conid 265598"),
        ({"contract": {"symbol": "AAPL", "currency": "USD"}}, "AAPL"),
        ({"contract": {"osi": "AAPL  261218C00195000"}}, "AAPL  261218C00195000"),
        (None, "no contract"),
    ],
)
def test_an_order_says_what_is_traded(api: FakeApi, ticket: dict[str, object] | None, told: str) -> None:
    api.will_answer(200, shown_order(ticket=ticket))
    assert by_http(api).order("o-1").contract == told
