"""Send orders to Courier, follow them, and read its events. The README tells the way in."""

from courier_client.api import Api
from courier_client.client import Client
from courier_client.errors import (
    CourierError,
    FieldFault,
    InvalidMessage,
    NotEnqueued,
    OrderEnded,
    Problem,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
)
from courier_client.events import Change, ConnectionChange, EventReader, OrderChange, follow
from courier_client.messages import (
    Attached,
    Conid,
    LegRole,
    ModifyOrder,
    PlaceOrder,
    StopLoss,
    Symbol,
    TakeProfit,
    Trail,
)
from courier_client.queue import OrderQueue
from courier_client.views import (
    FINAL_STATUSES,
    ConnectionStatus,
    ConnectionView,
    HistoryEntry,
    LegNews,
    LegView,
    OrderStatus,
    OrderView,
    Reason,
)

__all__ = [
    "FINAL_STATUSES",
    "Api",
    "Attached",
    "Change",
    "Client",
    "Conid",
    "ConnectionChange",
    "ConnectionStatus",
    "ConnectionView",
    "CourierError",
    "EventReader",
    "FieldFault",
    "HistoryEntry",
    "InvalidMessage",
    "LegNews",
    "LegRole",
    "LegView",
    "ModifyOrder",
    "NotEnqueued",
    "OrderChange",
    "OrderEnded",
    "OrderQueue",
    "OrderStatus",
    "OrderView",
    "PlaceOrder",
    "Problem",
    "Reason",
    "StopLoss",
    "Symbol",
    "TakeProfit",
    "Trail",
    "UnexpectedAnswer",
    "Unreachable",
    "WaitTimeout",
    "follow",
]
