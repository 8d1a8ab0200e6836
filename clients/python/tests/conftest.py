from collections.abc import Iterator

import pytest

from courier_client import Api, Client, OrderQueue
from support import FakeApi, Queue


@pytest.fixture
def api() -> Iterator[FakeApi]:
    api = FakeApi()
    yield api
    api.close()


@pytest.fixture
def client(api: FakeApi) -> Client:
    return Client(
        user_id="u-7",
        algorithm_id="mean-reversion-7",
        order_queue=OrderQueue("https://sqs.test/orders.fifo", Queue()),
        api=Api(api.url, "a-token"),
        clock=iter(range(10_000)).__next__,
        sleep=lambda _: None,
    )
