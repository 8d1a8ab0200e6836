//! Whole lives against the paper broker, which has its own reading of the protocol and shares no code with this client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::{
    Answer, Api, BrokerAddress, CallError, CancelAnswer, Consumer, DiffieHellmanParameters, Establishment, Grant,
    HttpTransport, LiveOrders, OAuthError, QuerySigning, Sending, Session, Transport, Verifier,
};
use bytes::Bytes;
use domain::{BrokerStatus, Entropy, Side};
use http::Request;
use paper_broker::{
    ConsumerRegistration, Fault, FaultKind, MachineClock, MachineEntropy, Options, PaperBroker, QuestionRules,
    TokenLoss, User,
};
use signing::DiffieHellmanRandom;

use crate::in_process::InProcess;
use crate::support::{DHPARAM_PEM, Order, address, consumer_of, encryption_key};

const CONSUMER: &str = "COURIERXX";
const USERNAME: &str = "paperuser";
const EXCHANGES: usize = 1_000;

fn paper_broker() -> PaperBroker {
    let paper = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), Options::default());
    let registration = ConsumerRegistration {
        consumer_key: CONSUMER.to_owned(),
        public_signature_pem: include_str!("keys/public_signature.pem").to_owned(),
        public_encryption_pem: include_str!("keys/public_encryption.pem").to_owned(),
        dhparam_pem: DHPARAM_PEM.to_owned(),
        callback_url: "https://example.com/oauth/callback".to_owned(),
        first_party: false,
        active: true,
    };
    paper.register_consumer(&registration).unwrap();
    let user = User { username: USERNAME.to_owned(), paper: true, accounts: vec!["DU0000001".to_owned()] };
    paper.register_user(user).unwrap();
    paper.change_options(|options| options.established_delay_ms = 20);
    paper.set_questions(QuestionRules::none());
    paper
}

fn consumer_through(transport: Arc<dyn Transport>, address: BrokerAddress, entropy: Arc<dyn Entropy>) -> Consumer {
    consumer_of(Api::new(address, transport, Arc::new(MachineClock), entropy), CONSUMER, None)
}

fn consumer_at(paper: &PaperBroker, query_signing: QuerySigning) -> Consumer {
    consumer_through(Arc::new(InProcess(paper.clone())), address(query_signing), Arc::new(MachineEntropy))
}

/// All three legs.
async fn consent(paper: &PaperBroker, consumer: &Consumer) -> Grant {
    let token = consumer.request_token().await.unwrap();
    let location = url::Url::parse(&paper.approve(token.expose(), USERNAME).unwrap()).unwrap();
    let (_, verifier) = location.query_pairs().find(|(name, _)| name == "oauth_verifier").unwrap();
    let answer = consumer.access_token(&token, &Verifier::new(&verifier).unwrap()).await.unwrap();
    assert_eq!(answer.is_paper, Some(true));
    let secret = encryption_key().open(answer.sealed_secret.expose()).unwrap();
    consumer.grant(answer.token, secret)
}

async fn opened(grant: &Grant) -> Session {
    let session = grant.session(grant.live_session_token().await.unwrap());
    session.init(false).await.unwrap();
    let pause = Duration::from_millis(20);
    assert_eq!(session.wait_until_established(50 * pause, pause).await, Ok(Establishment::Established));
    let accounts = session.accounts().await.unwrap();
    assert_eq!((accounts.is_paper, accounts.accounts[0].account_id.as_str()), (Some(true), "DU0000001"));
    session
}

async fn live_orders(session: &Session) -> Vec<broker::LiveOrder> {
    for _ in 0..5 {
        if let LiveOrders::Orders(listing) = session.live_orders(&"DU0000001".parse().unwrap()).await.unwrap() {
            assert!(listing.complete);
            return listing.rows;
        }
    }
    panic!("the pre-flight never ended");
}

#[tokio::test]
async fn a_user_connects_and_an_order_is_placed_changed_and_cancelled() {
    for query_signing in [QuerySigning::Omit, QuerySigning::Include] {
        let paper = paper_broker();
        paper.change_options(|options| options.matching = false);
        let session = opened(&consent(&paper, &consumer_at(&paper, query_signing)).await).await;
        let order = Order::limit();
        let Answer::Placed(placed) = session.place(&order.request()).await.unwrap() else { panic!("not placed") };
        let order_id = placed[0].order_id;

        let rows = live_orders(&session).await;
        let row = rows.iter().find(|row| row.order_id == order_id).unwrap();
        assert_eq!(row.client_order_id.as_deref(), Some(order.client_order_id.as_str()));
        assert_eq!((row.side, row.total_quantity.unwrap().to_string()), (Some(Side::Buy), "10".to_owned()));

        let dearer = Order::of(
            r#"{"contract":{"conid":265598},"side":"buy","quantity":"10","type":"limit","limit_price":"188",
                "time_in_force":"day"}"#,
        );
        assert!(matches!(session.modify(order_id, &dearer.request()).await, Ok(Answer::Placed(_))));
        let detail = session.order_status(order_id).await.unwrap();
        assert_eq!(detail.limit_price.unwrap().to_string(), "188");

        let again = session.place(&order.request()).await.unwrap();
        assert!(matches!(again, Answer::AlreadyRegistered { .. }), "{again:?}");
        assert_eq!(session.cancel(&order.account_id, order_id).await, Ok(CancelAnswer::Requested));
        let row = live_orders(&session).await.into_iter().find(|row| row.order_id == order_id).unwrap();
        assert_eq!(row.status, BrokerStatus::Cancelled);
        assert_eq!(paper.registered_count(order.client_order_id.as_str()), 1);
        session.logout().await.unwrap();
    }
}

#[tokio::test]
async fn a_question_is_answered_and_the_order_fills() {
    let paper = paper_broker();
    paper.set_questions(QuestionRules { market_orders: true, ..QuestionRules::none() });
    paper.set_price(265_598, Some("187.25".parse().unwrap()));
    let session = opened(&consent(&paper, &consumer_at(&paper, QuerySigning::Omit)).await).await;
    let order = Order::of(
        r#"{"contract":{"conid":265598},"side":"buy","quantity":"10","type":"market","time_in_force":"day"}"#,
    );
    let Answer::Question(question) = session.place(&order.request()).await.unwrap() else { panic!("no question") };
    assert_eq!(question.message_ids, ["o10151"]);
    let answer = session.reply(&question.reply_id, true).await.unwrap();
    assert!(matches!(answer, Answer::Placed(_)), "{answer:?}");
    let trades = session.trades(1).await.unwrap();
    let trade = &trades.rows[0];
    assert_eq!(trade.client_order_id.as_deref(), Some(order.client_order_id.as_str()));
    assert_eq!((trade.price.to_string(), trade.quantity.to_string()), ("187.25".to_owned(), "10".to_owned()));
    let stale = session.reply(&question.reply_id, true).await;
    assert!(matches!(stale, Ok(Answer::ReplyNotFound { .. })), "{stale:?}");
}

#[tokio::test]
async fn a_bracket_reaches_the_broker_whole() {
    let paper = paper_broker();
    paper.change_options(|options| options.matching = false);
    let session = opened(&consent(&paper, &consumer_at(&paper, QuerySigning::Omit)).await).await;
    let order = Order::of(
        r#"{"contract":{"conid":265598},"side":"buy","quantity":"10","type":"limit","limit_price":"187.5","time_in_force":"gtc",
            "attached":{"take_profit":{"limit_price":"200"},"stop_loss":{"stop_price":"180"}}}"#,
    );
    let Answer::Placed(placed) = session.place(&order.request()).await.unwrap() else { panic!("not placed") };
    assert_eq!(placed.len(), 3);
    let rows = live_orders(&session).await;
    let exits = rows.iter().filter(|row| row.parent_order_id == Some(placed[0].order_id)).count();
    assert_eq!(exits, 2, "{rows:?}");
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_order_is_there() {
    let paper = paper_broker();
    let session = opened(&consent(&paper, &consumer_at(&paper, QuerySigning::Omit)).await).await;
    for fault in [
        FaultKind::DropAfter,
        FaultKind::Unavailable { executed: true, delay_ms: 0 },
        FaultKind::Truncated,
        FaultKind::Garbled,
    ] {
        let key = domain::OrderKey {
            user_id: "u-7".parse().unwrap(),
            order_id: format!("lost-{}", paper.calls().len()).parse().unwrap(),
        };
        let order = Order { client_order_id: domain::ClientOrderId::of(&key), ..Order::limit() };
        paper.add_fault(Fault::next("POST", "/iserver/account/*/orders", fault.clone()));
        let answer = session.place(&order.request()).await;
        assert!(matches!(answer, Err(CallError::Unknown { .. })), "{fault:?}: {answer:?}");
        assert_eq!(paper.registered_count(order.client_order_id.as_str()), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_the_broker_refuses_before_the_order_leaves_no_order() {
    let paper = paper_broker();
    let grant = consent(&paper, &consumer_at(&paper, QuerySigning::Omit)).await;
    let session = grant.session(grant.live_session_token().await.unwrap());
    let order = Order::limit();
    assert_eq!(session.place(&order.request()).await, Err(CallError::NoBridge));
    session.init(false).await.unwrap();
    let early = session.place(&order.request()).await;
    assert!(matches!(early, Err(CallError::AccountInvalid { .. })), "{early:?}");
    let pause = Duration::from_millis(20);
    session.wait_until_established(50 * pause, pause).await.unwrap();
    assert_eq!(session.place(&order.request()).await, Err(CallError::AccountsNotAsked));
    session.accounts().await.unwrap();
    for (fault, expected) in [
        (FaultKind::AccessDenied, CallError::Forbidden),
        (FaultKind::TooManyRequests, CallError::Paced),
        (FaultKind::Unauthorized, CallError::Unauthorized { message: "Unauthorized".to_owned() }),
    ] {
        paper.add_fault(Fault::next("POST", "/iserver/account/*/orders", fault));
        assert_eq!(session.place(&order.request()).await, Err(expected));
    }
    assert_eq!(paper.registered_count(order.client_order_id.as_str()), 0);
}

#[tokio::test]
async fn an_inactive_consumer_a_lost_secret_and_wrong_keys_say_so() {
    let paper = paper_broker();
    let consumer = consumer_at(&paper, QuerySigning::Omit);
    let grant = consent(&paper, &consumer).await;
    paper.set_consumer_active(CONSUMER, false);
    assert!(matches!(consumer.request_token().await, Err(OAuthError::ConsumerInvalid { .. })));
    paper.set_consumer_active(CONSUMER, true);

    let other_secret = broker::AccessTokenSecret::from_bytes(vec![1; 32]);
    let token = consumer.request_token().await.unwrap();
    let location = url::Url::parse(&paper.approve(token.expose(), USERNAME).unwrap()).unwrap();
    let (_, verifier) = location.query_pairs().find(|(name, _)| name == "oauth_verifier").unwrap();
    let answer = consumer.access_token(&token, &Verifier::new(&verifier).unwrap()).await.unwrap();
    let wrongly_opened = consumer.grant(answer.token, other_secret).live_session_token().await;
    assert!(matches!(wrongly_opened, Err(OAuthError::SignatureInvalid { .. })), "{wrongly_opened:?}");

    paper.lose_tokens(USERNAME, TokenLoss::SecretLost);
    let lost = grant.live_session_token().await;
    assert!(matches!(lost, Err(OAuthError::AccessSecretMissing { .. })), "{lost:?}");
}

#[tokio::test]
async fn over_tcp_the_same_client_connects_and_trades() {
    let paper = paper_broker();
    let serving = paper.serve_locally().await.unwrap();
    let base = format!("{}/v1/api", serving.url());
    let address = BrokerAddress { api: base.parse().unwrap(), ..address(QuerySigning::Omit) };
    let transport = Arc::new(HttpTransport::new().unwrap());
    let consumer = consumer_through(transport, address, Arc::new(MachineEntropy));
    let session = opened(&consent(&paper, &consumer).await).await;
    let order = Order::limit();
    assert!(matches!(session.place(&order.request()).await, Ok(Answer::Placed(_))));
    paper.add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropBefore));
    let key = domain::OrderKey { user_id: "u-7".parse().unwrap(), order_id: "second".parse().unwrap() };
    let second = Order { client_order_id: domain::ClientOrderId::of(&key), ..Order::limit() };
    assert!(matches!(session.place(&second.request()).await, Err(CallError::Unknown { .. })));
    let posts = paper.calls().iter().filter(|call| call.path.ends_with("/orders") && call.method == "POST").count();
    assert_eq!(posts, 2, "the cut one was not sent again");
}

/// Keeps the numbers that were given out as random exponents.
#[derive(Debug, Default)]
struct RecordingEntropy(Mutex<Vec<[u8; 32]>>);

impl Entropy for RecordingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        MachineEntropy.fill(bytes);
        if let Ok(random) = <[u8; 32]>::try_from(&*bytes) {
            self.0.lock().unwrap().push(random);
        }
    }
}

/// Keeps the broker's halves of the exchanges.
#[derive(Debug)]
struct Listening(InProcess, Mutex<Vec<String>>);

impl Transport for Listening {
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_> {
        Box::pin(async move {
            let response = self.0.send(request, timeout).await?;
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            let halves = body["diffie_hellman_response"].as_str().map(str::to_owned);
            self.1.lock().unwrap().extend(halves);
            Ok(response)
        })
    }
}

#[tokio::test]
async fn a_thousand_key_exchanges_are_proved_with_and_without_the_leading_zero() {
    let paper = paper_broker();
    let entropy = Arc::new(RecordingEntropy::default());
    let transport = Arc::new(Listening(InProcess(paper.clone()), Mutex::default()));
    let consumer = consumer_through(transport.clone(), address(QuerySigning::Omit), entropy.clone());
    let grant = consent(&paper, &consumer).await;
    for _ in 0..EXCHANGES {
        grant.live_session_token().await.unwrap();
    }
    let (randoms, responses) = (entropy.0.lock().unwrap(), transport.1.lock().unwrap());
    assert_eq!((randoms.len(), responses.len()), (EXCHANGES, EXCHANGES));
    let group = DiffieHellmanParameters::from_pem(DHPARAM_PEM).unwrap();
    let with_leading_zero = randoms.iter().zip(responses.iter()).filter(|(random, response)| {
        let random = DiffieHellmanRandom::from_bytes(**random).unwrap();
        group.shared_secret(&random, response).unwrap().expose()[0] == 0
    });
    let with_leading_zero = with_leading_zero.count();
    assert!((300..700).contains(&with_leading_zero), "{with_leading_zero} of {EXCHANGES}");
}
