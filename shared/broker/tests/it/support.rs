//! What the tests share: a transport that plays recorded answers, a clock, a source of numbers, keys made for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::{
    AccessToken, AccessTokenSecret, Api, BrokerAddress, Consumer, ConsumerIdentity, DiffieHellmanParameters,
    EncryptionKey, Grant, LiveSessionToken, OrderRequest, ProvedLiveSessionToken, QuerySigning, Sending, Session,
    SignatureKey, Transport, TransportError,
};
use bytes::Bytes;
use domain::{AccountId, ClientOrderId, Clock, Entropy, OrderKey, Ticket};
use http::{Request, Response};
use jiff::Timestamp;

pub(crate) const SIGNATURE_PEM: &str = include_str!("keys/private_signature.pem");
pub(crate) const ENCRYPTION_PEM: &str = include_str!("keys/private_encryption.pem");
pub(crate) const DHPARAM_PEM: &str = include_str!("keys/dhparam.pem");
pub(crate) const NOW: &str = "2026-11-24T15:00:00Z";

/// Makes the answer to a request.
pub(crate) type Player = Box<dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync>;

/// Plays answers in order, and keeps the requests.
pub(crate) struct Recorded {
    answers: Mutex<VecDeque<Result<Player, TransportError>>>,
    pub(crate) requests: Mutex<Vec<Request<Bytes>>>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Recorded")
    }
}

impl Recorded {
    pub(crate) fn new(answers: Vec<Result<Response<Bytes>, TransportError>>) -> Arc<Self> {
        let player = |response: Response<Bytes>| -> Player { Box::new(move |_| response.clone()) };
        Self::playing(answers.into_iter().map(|answer| answer.map(player)).collect())
    }

    pub(crate) fn playing(answers: Vec<Result<Player, TransportError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), requests: Mutex::default() })
    }

    pub(crate) fn request(&self, index: usize) -> Request<Bytes> {
        self.requests.lock().unwrap()[index].clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

impl Transport for Recorded {
    fn send(&self, request: Request<Bytes>, _timeout: Duration) -> Sending<'_> {
        let answer = self.answers.lock().unwrap().pop_front().expect("an answer is left to play");
        let answer = answer.map(|play| play(&request));
        self.requests.lock().unwrap().push(request);
        Box::pin(async move { answer })
    }
}

pub(crate) fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
}

pub(crate) fn page(status: u16) -> Response<Bytes> {
    let page = "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>";
    Response::builder().status(status).header("content-type", "text/html").body(Bytes::from(page)).unwrap()
}

#[derive(Debug)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }
}

/// Counts, so that no two numbers are the same.
#[derive(Debug, Default)]
pub(crate) struct CountingEntropy(Mutex<u64>);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            // Spread over the bits (SplitMix64), so that Diffie-Hellman numbers are large.
            let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            chunk.copy_from_slice(&mixed.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) fn address(query_signing: QuerySigning) -> BrokerAddress {
    BrokerAddress {
        api: "https://api.ibkr.com/v1/api".parse().unwrap(),
        authorize: "https://interactivebrokers.com/authorize".parse().unwrap(),
        query_signing,
    }
}

pub(crate) fn api(transport: Arc<dyn Transport>, query_signing: QuerySigning) -> Api {
    Api::new(address(query_signing), transport, Arc::new(FixedClock), Arc::new(CountingEntropy::default()))
}

pub(crate) fn consumer_of(api: Api, key: &str, realm: Option<&str>) -> Consumer {
    Consumer::new(
        api,
        ConsumerIdentity::new(key, realm).unwrap(),
        SignatureKey::from_pem(SIGNATURE_PEM).unwrap(),
        DiffieHellmanParameters::from_pem(DHPARAM_PEM).unwrap(),
    )
}

pub(crate) fn consumer(transport: Arc<dyn Transport>) -> Consumer {
    consumer_of(api(transport, QuerySigning::Omit), "COURIERXX", None)
}

pub(crate) fn encryption_key() -> EncryptionKey {
    EncryptionKey::from_pem(ENCRYPTION_PEM).unwrap()
}

pub(crate) const SECRET: [u8; 32] = [0x5a; 32];

pub(crate) fn grant(transport: Arc<dyn Transport>) -> Grant {
    let secret = AccessTokenSecret::from_bytes(SECRET.to_vec());
    consumer(transport).grant(AccessToken::new("a0a0a0a0a0a0a0a0a0a0").unwrap(), secret)
}

pub(crate) const TOKEN: [u8; 20] = [7; 20];

pub(crate) fn session_signing(transport: Arc<dyn Transport>, query_signing: QuerySigning) -> Session {
    session_until(api(transport, query_signing), "2026-11-25T15:00:00Z")
}

pub(crate) fn session(transport: Arc<dyn Transport>) -> Session {
    session_signing(transport, QuerySigning::Omit)
}

pub(crate) fn session_until(api: Api, expires_at: &str) -> Session {
    Session::new(
        api,
        ConsumerIdentity::new("COURIERXX", None).unwrap(),
        AccessToken::new("a0a0a0a0a0a0a0a0a0a0").unwrap(),
        ProvedLiveSessionToken { token: LiveSessionToken::from_stored(TOKEN), expires_at: expires_at.parse().unwrap() },
    )
}

/// An order request with all that it borrows.
pub(crate) struct Order {
    pub(crate) account_id: AccountId,
    pub(crate) client_order_id: ClientOrderId,
    pub(crate) ticket: Ticket,
}

impl Order {
    /// From a ticket in the contract's own words.
    pub(crate) fn of(ticket: &str) -> Self {
        let key = OrderKey { user_id: "u-7".parse().unwrap(), order_id: "mr7-20261124-0001".parse().unwrap() };
        Self {
            account_id: "DU0000001".parse().unwrap(),
            client_order_id: ClientOrderId::of(&key),
            ticket: serde_json::from_str(ticket).unwrap(),
        }
    }

    pub(crate) fn limit() -> Self {
        Self::of(
            r#"{"contract":{"conid":265598},"side":"buy","quantity":"10","type":"limit","limit_price":"187.50",
                "time_in_force":"day"}"#,
        )
    }

    pub(crate) fn request(&self) -> OrderRequest<'_> {
        OrderRequest {
            account_id: &self.account_id,
            client_order_id: &self.client_order_id,
            conid: 265_598_u64.try_into().unwrap(),
            ticket: &self.ticket,
            manual_order_time: None,
        }
    }
}
