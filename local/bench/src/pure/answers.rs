//! Answers of the broker, read by the real client: a transport in memory gives the same ones at once.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use broker::{
    AccessToken, Answer, Api, BrokerAddress, ConsumerIdentity, LiveOrders, LiveSessionToken, OrderRequest,
    ProvedLiveSessionToken, QuerySigning, Sending, Session, Transport,
};
use bytes::Bytes;
use domain::{AccountId, ClientOrderId, Clock, Command, Conid, Entropy, OrderKey, PlaceOrder};
use http::{Method, Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Unusable, message};

const LIVE_ORDERS: u32 = 50;

/// A session whose broker answers from memory.
#[derive(Debug)]
pub struct AnswerCase {
    session: Session,
    order: PlaceOrder,
    client_order_id: ClientOrderId,
    conid: Conid,
    account_id: AccountId,
}

impl AnswerCase {
    /// The session, and the order of [`message`].
    ///
    /// # Errors
    /// When the message cannot be read.
    pub fn new() -> Result<Self, Unusable> {
        let Command::Place(order) = Command::parse(&message()).map_err(|faults| format!("{faults:?}"))? else {
            return Err("the message is no order".into());
        };
        let address = BrokerAddress {
            api: "https://api.ibkr.com/v1/api".parse()?,
            authorize: "https://interactivebrokers.com/authorize".parse()?,
            query_signing: QuerySigning::Omit,
        };
        let api = Api::new(address, Arc::new(Memory::new()), Arc::new(Still), Arc::new(Still));
        let proved = ProvedLiveSessionToken {
            token: LiveSessionToken::from_stored([7; LiveSessionToken::BYTES]),
            expires_at: Timestamp::MAX,
        };
        let identity = ConsumerIdentity::new("BENCHKEYS", None)?;
        let key = OrderKey { user_id: order.key.user_id.clone(), order_id: order.key.order_id.clone() };
        Ok(Self {
            session: Session::new(api, identity, AccessToken::new("e2f5b3a1c7d94f60")?, proved),
            client_order_id: ClientOrderId::of(&key),
            conid: Conid::try_from(265_598)?,
            account_id: order.account_id.clone(),
            order,
        })
    }

    /// Signs and sends the order, and reads that it was placed.
    ///
    /// # Errors
    /// When it was not.
    pub fn place(&self) -> Result<(), Unusable> {
        let request = OrderRequest {
            account_id: &self.account_id,
            client_order_id: &self.client_order_id,
            conid: self.conid,
            ticket: &self.order.ticket,
            manual_order_time: None,
        };
        match at_once(self.session.place(&request))?? {
            Answer::Placed(_) => Ok(()),
            other => Err(format!("not placed: {other:?}").into()),
        }
    }

    /// Asks for live orders, and reads fifty.
    ///
    /// # Errors
    /// When they are not fifty.
    pub fn live_orders(&self) -> Result<(), Unusable> {
        match at_once(self.session.live_orders(&self.account_id))?? {
            LiveOrders::Orders(listing) if u32::try_from(listing.rows.len()) == Ok(LIVE_ORDERS) => Ok(()),
            other => Err(format!("not fifty orders: {other:?}").into()),
        }
    }
}

/// What a future gives that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T, Unusable> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("an answer from memory was waited for".into()),
    }
}

#[derive(Debug)]
struct Memory {
    placed: Bytes,
    live_orders: Bytes,
}

impl Memory {
    fn new() -> Self {
        let placed = json!([{"order_id": "1370093238", "order_status": "Submitted", "encrypt_message": "1"}]);
        let rows: Vec<Value> = (1..=LIVE_ORDERS).map(live_order).collect();
        let live_orders = json!({"orders": rows, "snapshot": true});
        Self { placed: placed.to_string().into(), live_orders: live_orders.to_string().into() }
    }
}

impl Transport for Memory {
    fn send(&self, request: Request<Bytes>, _: Duration) -> Sending<'_> {
        let body = if request.method() == Method::POST { &self.placed } else { &self.live_orders };
        Box::pin(std::future::ready(Ok(Response::new(body.clone()))))
    }
}

/// A clock that stands still, and randomness that is none.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

impl Entropy for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A row as the broker gives it (IBKR Web API, live orders).
fn live_order(number: u32) -> Value {
    json!({
        "acct": "DU0000001", "account": "DU0000001", "conidex": "265598", "conid": 265_598, "orderId": 1_370_093_000 + number,
        "ticker": "AAPL", "secType": "STK", "listingExchange": "NASDAQ.NMS", "side": "BUY", "orderType": "Limit",
        "origOrderType": "LIMIT", "timeInForce": "CLOSE", "price": "187.00", "totalSize": 10.0, "filledQuantity": 0.0,
        "remainingQuantity": 10.0, "avgPrice": "", "sizeAndFills": "0/10", "status": "Submitted",
        "order_ccp_status": "Submitted", "order_ref": format!("c-{number}"), "outsideRTH": false,
        "lastExecutionTime": "261124150405", "lastExecutionTime_r": 1_795_532_645_000_i64,
    })
}
