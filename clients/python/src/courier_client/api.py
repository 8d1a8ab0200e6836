"""The HTTP API: one request, one answer. Nothing is repeated here, and no redirect is followed."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from courier_client.errors import FieldFault, NotSetUp, Problem, UnexpectedAnswer, Unreachable

Token: TypeAlias = str | Callable[[], str]

TIMEOUT_SECONDS = 10.0
# Lambda answers with at most 6 MB.
ANSWER_BYTES_MAX = 8 * 1024 * 1024
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class Api:
    """Asks the HTTP API in the name of a token.

    `token` is a JWT, or a function that gives one: it is called for each request, so it may renew what has expired.
    """

    def __init__(self, url: str, token: Token, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise NotSetUp(f"the API's address cannot be read ({error}): {url}") from error
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
            raise NotSetUp(f"the API's address must begin with https://, or the token would travel in the open: {url}")
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._opener = urllib.request.build_opener(_NoRedirects)

    def check_names(self, user_id: str, algorithm_id: str) -> None:
        """Raise `NotSetUp` where the token is another user's own, or another algorithm's.

        A token of a function is looked at when it is asked for.
        """
        if isinstance(self._token, str):
            _check_names(self._token, user_id, algorithm_id)

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        user_id: str | None = None,
        algorithm_id: str | None = None,
    ) -> Any:
        """Ask once, with a token that may speak for this user and this algorithm, if they are given.

        Raises `Problem` for a refusal, `Unreachable` where no answer was read, else `UnexpectedAnswer`.
        """
        address = "/".join([self._url, *(quote(part, safe="") for part in path)])
        if query:
            address += "?" + urlencode(query)
        token = self._token() if callable(self._token) else self._token
        _check_names(token, user_id, algorithm_id)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        # The scheme was checked when the API was made.
        request = urllib.request.Request(address, data=data, headers=headers, method=method)  # noqa: S310
        what = f"{method} /{'/'.join(path)}"
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                return _json(what, _text(response))
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(what, error.code, _text(error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{what} got no answer: {error}. Asking again is safe") from error
        except ValueError as error:
            # The text of the error may repeat the token.
            raise NotSetUp(f"{what} was not sent: the token holds what no header can. Give the JWT alone") from error


def _check_names(token: str, user_id: str | None, algorithm_id: str | None) -> None:
    """Raise where a name would not be used: a token always means its own user or algorithm, whatever is asked.

    A user's own token may follow the orders of an algorithm: it reaches all orders of its user.
    """
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        subject, algorithm_of_token = claims.get("sub"), claims.get("algorithm_id")
    except (IndexError, ValueError, AttributeError):
        # The API tells what is wrong with a token.
        return
    if algorithm_of_token is not None and algorithm_id is not None and algorithm_of_token != algorithm_id:
        remedy = (
            "A user's own orders take that user's own token (without the claim algorithm_id)"
            if algorithm_id == "self"
            else "Compare the two letter by letter, or take the token of the other"
        )
        raise NotSetUp(
            f'the token is the algorithm "{algorithm_of_token}"\'s, and the client was made for "{algorithm_id}": what '
            f"is placed under that name is refused, and this token is shown neither order nor refusal of it. {remedy}"
        )
    if algorithm_of_token is None and subject is not None and user_id is not None and subject != user_id:
        raise NotSetUp(
            f"the token is the user {subject}'s own, so the name {user_id} is not used: an own token reaches its "
            "user's orders alone. Take an algorithm's token (claim algorithm_id), or a token of that user"
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _text(response: IO[bytes]) -> str:
    content = response.read(ANSWER_BYTES_MAX + 1)
    if len(content) > ANSWER_BYTES_MAX:
        raise UnexpectedAnswer(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return content.decode(errors="replace")


def _json(what: str, text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise UnexpectedAnswer(f"the answer to {what} is not JSON: {text[:200]!r}") from error


def _refusal(what: str, status: int, text: str) -> Problem | UnexpectedAnswer:
    if status < 400:
        return UnexpectedAnswer(f"{what} was redirected ({status}); is the API's address right?")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Problem(status, f"http_{status}", http.client.responses.get(status, "Error"), text[:500])
    if status == 401 and "code" not in body:
        # The gateway's own word, before any function of the project ran.
        return Problem(status, "unauthorized", "Unauthorized", "The token is missing, expired or another issuer's.")
    faults = [FieldFault(str(fault.get("field", "")), str(fault.get("message", ""))) for fault in _objects(body)]
    title = str(body.get("title", http.client.responses.get(status, "Error")))
    detail = str(body.get("detail", body.get("message", "")))
    return Problem(status, str(body.get("code", f"http_{status}")), title, detail, faults)


def _objects(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = body.get("errors")
    return [fault for fault in errors if isinstance(fault, dict)] if isinstance(errors, list) else []
