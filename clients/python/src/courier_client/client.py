"""The client: one user's orders in the name of one algorithm."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, get_args

from courier_client.api import Api, Token
from courier_client.checks import Faults, written_time
from courier_client.errors import (
    ChangeRefused,
    CourierError,
    IdAlreadyUsed,
    NoSuchLeg,
    NotSetUp,
    OrderEnded,
    OrderNeedsReview,
    OrderRefused,
    Problem,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
)
from courier_client.messages import LegRole, Message, ModifyOrder, PlaceOrder, cancel_message
from courier_client.queue import OrderQueue
from courier_client.sent import SentMessages, is_cancel_taken, is_other, is_other_change, refused_change
from courier_client.views import FINAL_STATUSES, LegView, OrderStatus, OrderView, Refusal

WAIT_SECONDS = 60.0
# Between two looks at an order: at first often, then less and less.
FIRST_LOOK_AFTER_SECONDS = 0.2
LOOK_EVERY_SECONDS_MAX = 3.0
_LOOKS_SPREAD_BY = 1.5
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_NOT_FOUND = 404
# What did not happen, where a question was wrong: a question sends nothing anyway.
_NOTHING_ASKED = "nothing was asked"
_SOURCE = "give the line `source …` that `courier local` printed"


class Client:
    """Places, changes, ends and follows the orders of one user.

    The queue takes an algorithm's orders; the operator registers who may send for it, and the user grants it accounts.
    Reading goes over HTTP, with a JWT of the algorithm (claim `algorithm_id`) or of the user. A user's own orders
    (`algorithm_id` `self`) go over HTTP only: `place_by_http`.

    Nothing here can double an order: user and order id are its identity, for ever, so every command may be repeated.
    """

    def __init__(
        self,
        *,
        user_id: str,
        algorithm_id: str,
        order_queue: OrderQueue | None,
        api: Api | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        faults = Faults()
        faults.identifier("user_id", user_id)
        faults.identifier("algorithm_id", algorithm_id)
        faults.raise_any()
        if api is not None:
            api.check_names(user_id, algorithm_id)
        self.user_id = user_id
        self.algorithm_id = algorithm_id
        self._order_queue = order_queue
        self._api = api
        self._clock = clock
        self._sleep = sleep
        self._sent = SentMessages(user_id)

    @classmethod
    def from_environment(cls, *, user_id: str, algorithm_id: str, token: Token | None = None) -> Client:
        """Read the addresses from COURIER_ORDER_QUEUE_URL and COURIER_API_URL (the stack's outputs).

        `token` gives the JWT; left out, it is COURIER_TOKEN. Without a queue, or without an API, what needs it says so.
        """
        queue_url, api_url = os.environ.get("COURIER_ORDER_QUEUE_URL"), os.environ.get("COURIER_API_URL")
        token = token if token is not None else os.environ.get("COURIER_TOKEN")
        return cls(
            user_id=user_id,
            algorithm_id=algorithm_id,
            order_queue=OrderQueue(queue_url) if queue_url else None,
            api=Api(api_url, token) if api_url and token else None,
        )

    def for_user(self, user_id: str) -> Client:
        """The same for another user, for an algorithm's token: a user's own token reaches that user's orders alone.

        It remembers what this client sent, and each client that this one gives; so it may be asked for each time anew.
        """
        other = Client(
            user_id=user_id,
            algorithm_id=self.algorithm_id,
            order_queue=self._order_queue,
            api=self._api,
            clock=self._clock,
            sleep=self._sleep,
        )
        other._sent = self._sent.of_user(user_id)
        return other

    def place(self, order: PlaceOrder) -> str:
        """Put a new order on the queue; returns its id. Whether it may trade shows in its status: see `wait`.

        The same order again is the first one. Another order under a used id is refused, and the first stays as it is:
        the next `wait` raises `IdAlreadyUsed`, once.
        """
        self._put(self._message(order, PlaceOrder))
        return order.order_id

    def modify(self, change: ModifyOrder) -> None:
        """Put a change on the queue. A revision is applied once. What becomes of it: `wait_change`, and `wait`."""
        self._put(self._message(change, ModifyOrder))

    def cancel(self, order_id: str, *, leg: LegRole | None = None) -> None:
        """Ask to cancel an order, or one exit of a bracket. It may be filled before.

        `wait` tells, and `wait_leg` of an exit.
        """
        self._put(cancel_message(order_id, self.user_id, self.algorithm_id, leg))

    def place_by_http(self, order: PlaceOrder) -> OrderView:
        """Place an order with the token alone. The answer tells at once what may not be: `Problem`, 400, 403 or 409.

        After `Unreachable` it may be on record or not. Place the same order again: it is the first one or the only one.
        """
        return OrderView.from_json(self._ask("POST", "orders", body=self._message(order, PlaceOrder)))

    def modify_by_http(self, change: ModifyOrder) -> OrderView:
        """Change an order with the token alone."""
        body = self._message(change, ModifyOrder)
        return OrderView.from_json(self._ask("PUT", "orders", change.order_id, body=body))

    def cancel_by_http(self, order_id: str, *, leg: LegRole | None = None) -> OrderView:
        """Ask to cancel an order, or one exit of a bracket, with the token alone."""
        cancel_message(order_id, self.user_id, self.algorithm_id, leg)
        query = {} if leg is None else {"leg": leg}
        return OrderView.from_json(self._ask("DELETE", "orders", order_id, **query))

    def order(self, order_id: str) -> OrderView:
        """The order as it is now; `Problem` 404 if there is none of yours."""
        return OrderView.from_json(self._ask("GET", "orders", order_id))

    def orders(
        self,
        *,
        status: str | Collection[str] = (),
        only_open: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[OrderView]:
        """Orders, the newest first, page by page. Each filter leaves those it names, `until` excluded."""
        query: dict[str, str] = {}
        if status:
            query["status"] = ",".join(_statuses("status", status))
        if only_open:
            query["open"] = "true"
        for name, moment in (("since", since), ("until", until)):
            if moment is not None:
                query[name] = _utc(name, moment)
        yield from map(OrderView.from_json, self._pages("orders", query))

    def refusals(self, *, order_id: str | None = None) -> Iterator[Refusal]:
        """Messages in this user's name that became no order, the newest first, page by page.

        With an algorithm's token: those that its own senders sent. `order_id` leaves those that named this order.
        """
        query = {} if order_id is None else {"order_id": order_id}
        yield from map(Refusal.from_json, self._pages("refusals", query))

    def wait(
        self,
        order_id: str,
        until: str | Collection[str] = FINAL_STATUSES,
        timeout_seconds: float = WAIT_SECONDS,
    ) -> OrderView:
        """Wait until the order is, or has been, in one of these statuses; left out: in any final one.

        A final one counts while the order is in it: one that the broker called ended may be open again.
        Raises `OrderEnded` as soon as it can no longer get there, `OrderNeedsReview` where a person must decide (it may
        still work: place none in its stead), and `WaitTimeout` when time runs out. An order that
        is not there yet, an API that is away and a request too many are waited out; waiting changes nothing.

        Of what this client put on the queue it also raises what was refused: `OrderRefused` (once for a cancel),
        `IdAlreadyUsed` once where the order on record is another one, and once for each of its changes `ChangeRefused`.

        A bracket's status is its entry's: for its exits see `wait_leg`.
        """
        awaited = frozenset(_statuses("until", until))

        def arrived(seen: OrderView) -> bool:
            if any(map(seen.has_reached, awaited)):
                return True
            if seen.status is OrderStatus.NEEDS_REVIEW:
                if not (seen.cancel_asked and OrderStatus.CANCELLED in awaited):
                    raise OrderNeedsReview(seen, awaited)
            elif seen.status.is_final:
                raise OrderEnded(seen, awaited)
            for revision in sorted(self._sent.changes(order_id)):
                self._change_in_force(seen, revision)
            self._raise_refused_cancel(seen)
            return False

        return self._look_until(order_id, arrived, awaited, timeout_seconds)

    def wait_change(self, order_id: str, revision: int, timeout_seconds: float = WAIT_SECONDS) -> OrderView:
        """Wait until this revision of the order, or a later one, is in force. The next one is `order(…).next_revision`.

        Raises `ChangeRefused` where it will not be, `OrderEnded` where the order was over before, and `WaitTimeout`. A
        bracket is over when its exits have ended, too.
        """

        def arrived(seen: OrderView) -> bool:
            if self._change_in_force(seen, revision):
                return True
            if seen.takes_no_change:
                raise OrderEnded(seen, frozenset())
            return False

        return self._look_until(order_id, arrived, frozenset(), timeout_seconds)

    def wait_leg(self, order_id: str, leg: LegRole, timeout_seconds: float = WAIT_SECONDS) -> LegView:
        """Wait until this exit of a bracket has ended, in whatever final status; returns the exit.

        Raises once `OrderRefused` where this client's cancel of it, or of its order, was refused. Raises `NoSuchLeg`
        where the order has no such exit, and `WaitTimeout`.
        """
        faults = Faults()
        faults.choice("leg", leg, get_args(LegRole))
        faults.raise_any(_NOTHING_ASKED)

        def arrived(seen: OrderView) -> bool:
            of_order = seen.leg(leg)
            if of_order is not None and of_order.status.is_final:
                return True
            self._raise_refused_cancel(seen, leg)
            if of_order is None:
                raise NoSuchLeg(seen, leg)
            return False

        seen = self._look_until(order_id, arrived, frozenset(), timeout_seconds, leg)
        return next(ended for ended in seen.legs if ended.role == leg)

    def _look_until(
        self,
        order_id: str,
        arrived: Callable[[OrderView], bool],
        awaited: frozenset[OrderStatus],
        timeout_seconds: float,
        leg: LegRole | None = None,
    ) -> OrderView:
        deadline = self._clock() + timeout_seconds
        pause_seconds = FIRST_LOOK_AFTER_SECONDS
        seen: OrderView | None = None
        while True:
            failure: CourierError | None = None
            try:
                seen = self.order(order_id)
            except (Problem, Unreachable) as error:
                failure = _waited_out(error)
            if failure is None:
                self._raise_refused_order(order_id, seen)
            if seen is not None and arrived(seen):
                return seen
            left_seconds = deadline - self._clock()
            if left_seconds <= 0:
                raise WaitTimeout(order_id, seen, awaited, timeout_seconds, failure, leg) from failure
            self._sleep(min(pause_seconds, left_seconds))
            pause_seconds = min(pause_seconds * _LOOKS_SPREAD_BY, LOOK_EVERY_SECONDS_MAX)

    def _raise_refused_order(self, order_id: str, seen: OrderView | None) -> None:
        """Hold what was placed against what is on record: it may be another order's id, or it was refused."""
        placed = self._sent.placed(order_id)
        if seen is None:
            self._raise_refused_unseen(order_id)
            return
        if placed is None or placed.is_confirmed:
            return
        refusal = self._refusal_of(order_id, placed.message_id)
        if refusal is not None or is_other(placed.message, seen):
            self._sent.forget_placed(order_id)
            raise IdAlreadyUsed(seen, refusal)
        # What a change made different since is not compared, so only the refusal tells.
        placed.is_confirmed = seen.revision == 1

    def _raise_refused_unseen(self, order_id: str) -> None:
        """Raise what was refused of an order that is not on record: its own message, or one that changes or ends it."""
        placed = self._sent.placed(order_id)
        # Messages of one user keep their order: without its order's refusal no later message can be refused.
        later = [*self._sent.changes(order_id).values(), *self._sent.cancels(order_id).values()]
        sent = [one.message_id for one in later] if placed is None else [placed.message_id]
        refusal = self._refusal_of(order_id, *sent) if sent else None
        if refusal is not None:
            self._sent.told(refusal)
            raise OrderRefused(order_id, refusal)

    def _raise_refused_cancel(self, seen: OrderView, only: LegRole | None = None) -> None:
        """Raise, once, if a cancel of the order or of an exit was refused.

        With `only`: if it would have ended this exit.
        """
        cancels = self._sent.cancels(seen.order_id)
        for leg in [leg for leg in cancels if is_cancel_taken(seen, leg)]:
            del cancels[leg]
        sent = [cancel.message_id for leg, cancel in cancels.items() if only is None or leg in (None, only)]
        refusal = self._refusal_of(seen.order_id, *sent) if sent else None
        if refusal is not None:
            self._sent.told(refusal)
            raise OrderRefused(seen.order_id, refusal)

    def _change_in_force(self, seen: OrderView, revision: int) -> bool:
        """Whether this change, or a later one, is in force; raise if it was refused, once where this client sent it."""
        sent = self._sent.changes(seen.order_id)
        own = sent.get(revision)
        # Another one may be on record under this number: then the message was refused, or is not read yet.
        is_other = own is not None and is_other_change(own.message, seen)
        refused = refused_change(seen, revision, None if own is None else own.message.get("leg"))
        if refused is not None and not is_other:
            sent.pop(revision, None)
            raise ChangeRefused(seen, revision, refused.reason)
        if seen.revision >= revision and not is_other:
            sent.pop(revision, None)
            return True
        refusal = None if own is None else self._refusal_of(seen.order_id, own.message_id)
        if refusal is not None:
            self._sent.told(refusal)
            raise ChangeRefused(seen, revision, refusal.reason)
        return False

    def _refusal_of(self, order_id: str, *message_ids: str) -> Refusal | None:
        """The newest refusal of these messages, if it is among the newest that named the order.

        A failed look tells nothing.
        """
        try:
            page = self._ask("GET", "refusals", order_id=order_id)
        except (Problem, Unreachable):
            return None
        refusals = map(Refusal.from_json, _listed("refusals", page))
        return next((refusal for refusal in refusals if refusal.message_id in message_ids), None)

    def _pages(self, what: str, query: dict[str, str]) -> Iterator[object]:
        while True:
            page = self._ask("GET", what, **query)
            yield from _listed(what, page)
            if page.get("cursor") is None:
                return
            query["cursor"] = page["cursor"]

    def _message(self, what: PlaceOrder | ModifyOrder, kind: type[PlaceOrder | ModifyOrder]) -> Message:
        faults = Faults()
        faults.kind("the message", what, kind, f"{kind.__name__}(…)")
        faults.raise_any()
        return what.message(self.user_id, self.algorithm_id)

    def _put(self, message: Message) -> None:
        self._sent.remember(message, self._queue().send(message))

    def _queue(self) -> OrderQueue:
        if self.algorithm_id == "self":
            raise NotSetUp("a user's own orders (`self`) go by HTTP only: use the methods `…_by_http`")
        if self._order_queue is None:
            raise NotSetUp(
                f"there is no order queue: {_SOURCE}, or set COURIER_ORDER_QUEUE_URL (the stack's output "
                "OrderQueueUrl). Without AWS credentials use the methods `…_by_http`"
            )
        return self._order_queue

    def _ask(self, method: str, *path: str, body: object = None, **query: str) -> Any:
        if self._api is None:
            raise NotSetUp(
                f"there is no API: it takes an address and a token. {_SOURCE[0].upper()}{_SOURCE[1:]}, or set both "
                "COURIER_API_URL (the stack's output ApiUrl) and COURIER_TOKEN"
            )
        # An algorithm has to say whose orders it means; a user's own token says it already.
        query = {"user_id": self.user_id, **query}
        return self._api.ask(
            method, *path, query=query, body=body, user_id=self.user_id, algorithm_id=self.algorithm_id
        )


def _listed(what: str, page: object) -> list[object]:
    if not isinstance(page, dict) or not isinstance(page.get(what), list):
        raise UnexpectedAnswer(f"the answer to GET /{what} shows no list of {what}")
    listed: list[object] = page[what]
    return listed


def _statuses(field: str, named: str | Collection[str]) -> list[OrderStatus]:
    """The statuses of these names; `InvalidMessage` tells which there are."""
    names = [named] if isinstance(named, str) else list(named)
    faults = Faults()
    if not names:
        faults.add(field, "must name at least one status")
    for name in names:
        faults.choice(field, name, tuple(OrderStatus))
    faults.raise_any(_NOTHING_ASKED)
    return list(map(OrderStatus, names))


def _utc(name: str, moment: datetime) -> str:
    faults = Faults()
    faults.time(name, moment)
    faults.raise_any(_NOTHING_ASKED)
    return written_time(moment)


def _waited_out(error: Problem | Unreachable) -> CourierError | None:
    """What may pass by itself; anything else is raised. That an order is not there yet is no failure."""
    if isinstance(error, Unreachable) or error.status == _TOO_MANY_REQUESTS or error.status >= _SERVER_ERROR:
        return error
    if error.status == _NOT_FOUND:
        return None
    raise error
