from collections.abc import Iterator

import pytest

from support import FakeApi


@pytest.fixture
def api() -> Iterator[FakeApi]:
    api = FakeApi()
    yield api
    api.close()
