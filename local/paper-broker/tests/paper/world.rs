//! Time and randomness that the tests give, and a broker with one consumer and two users.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::{Clock, Entropy};
use jiff::Timestamp;
use paper_broker::{ConsumerRegistration, Options, PaperBroker, QuestionRules, User};
use sha2::{Digest, Sha256};

pub(crate) const CONSUMER: &str = "PAPERTEST";
pub(crate) const ACCOUNT: &str = "DU0000001";
pub(crate) const USERNAME: &str = "paper-ada";
pub(crate) const CALLBACK: &str = "https://app.example/oauth/callback";
pub(crate) const PRIVATE_SIGNATURE: &str = include_str!("../keys/private_signature.pem");
pub(crate) const PRIVATE_ENCRYPTION: &str = include_str!("../keys/private_encryption.pem");
pub(crate) const PRIVATE_OTHER: &str = include_str!("../keys/private_other.pem");
pub(crate) const PUBLIC_SIGNATURE: &str = include_str!("../keys/public_signature.pem");
pub(crate) const PUBLIC_ENCRYPTION: &str = include_str!("../keys/public_encryption.pem");
pub(crate) const DHPARAM: &str = include_str!("../keys/dhparam.pem");
pub(crate) const AAPL: i64 = 265_598;

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[derive(Debug, Default)]
pub(crate) struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = Sha256::digest(self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    pub(crate) broker: PaperBroker,
    pub(crate) clock: Arc<TestClock>,
}

/// A broker that establishes sessions at once.
pub(crate) fn world() -> World {
    let clock = Arc::new(TestClock(AtomicI64::new(1_795_600_000_000)));
    let options = Options { established_delay_ms: 0, ..Options::default() };
    let broker = PaperBroker::new(clock.clone(), Arc::new(TestEntropy::default()), options);
    broker.register_consumer(&registration(CONSUMER)).unwrap();
    broker.register_user(user(USERNAME, true, &[ACCOUNT, "DU0000002"])).unwrap();
    broker.register_user(user("live-ada", false, &["U0000001"])).unwrap();
    World { broker, clock }
}

/// The same without questions, for tests that are not about them.
pub(crate) fn quiet_world() -> World {
    let world = world();
    world.broker.set_questions(QuestionRules::none());
    world
}

pub(crate) fn registration(consumer_key: &str) -> ConsumerRegistration {
    ConsumerRegistration {
        consumer_key: consumer_key.to_owned(),
        public_signature_pem: PUBLIC_SIGNATURE.to_owned(),
        public_encryption_pem: PUBLIC_ENCRYPTION.to_owned(),
        dhparam_pem: DHPARAM.to_owned(),
        callback_url: CALLBACK.to_owned(),
        first_party: false,
        active: true,
    }
}

pub(crate) fn user(username: &str, paper: bool, accounts: &[&str]) -> User {
    User { username: username.to_owned(), paper, accounts: accounts.iter().map(ToString::to_string).collect() }
}
