//! Everything that a test can tell the broker, or ask of it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::broker::PaperBroker;
use crate::consent;
use crate::faults::Fault;
use crate::log::CallRecord;
use crate::oauth::{AccessGrant, ConsumerRegistration, IssuedSecrets, RegistrationError, TokenLoss, User};
use crate::options::Options;
use crate::orders::{self, LedgerEntry, OrderHistory, OrderStatus, QuestionRules};

/// A part of an order that executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// The broker's order id.
    pub order_id: i64,
    /// How much; never more than remains.
    pub quantity: Decimal,
    /// At what price.
    pub price: Decimal,
}

/// Who is known.
impl PaperBroker {
    /// Registers a consumer, or replaces it.
    ///
    /// # Errors
    /// A field cannot be read, or the broker is full.
    pub fn register_consumer(&self, registration: &ConsumerRegistration) -> Result<(), RegistrationError> {
        self.at_desk(|desk| desk.state.registry.register_consumer(registration))
    }

    /// Switches a consumer on or off; false if there is none of this key.
    pub fn set_consumer_active(&self, consumer_key: &str, active: bool) -> bool {
        self.at_desk(|desk| {
            desk.state.registry.consumers.get_mut(consumer_key).map(|consumer| consumer.active = active).is_some()
        })
    }

    /// Registers a username with its accounts, or replaces it.
    ///
    /// # Errors
    /// The accounts do not fit the kind of username, or the broker is full.
    pub fn register_user(&self, user: User) -> Result<(), RegistrationError> {
        self.at_desk(|desk| desk.state.registry.register_user(user))
    }

    /// Gives out an access token as the portal does for a first party, without the consent page.
    ///
    /// # Errors
    /// The consumer or the user is not registered, or the broker is full.
    pub fn grant(&self, consumer_key: &str, username: &str) -> Result<AccessGrant, RegistrationError> {
        self.at_desk(|desk| desk.state.registry.grant(consumer_key, username, desk.entropy))
    }

    /// Approves a request token as the consent page does; the address that the browser is sent to.
    ///
    /// # Errors
    /// What the page would say.
    pub fn approve(&self, request_token: &str, username: &str) -> Result<String, String> {
        self.at_desk(|desk| consent::approve(desk, request_token, username))
    }

    /// The secrets behind every access token of a username. There is no route for it.
    #[must_use]
    pub fn issued_secrets(&self, username: &str) -> Vec<IssuedSecrets> {
        self.at_desk(|desk| {
            let theirs = desk.state.registry.access.iter().filter(|(_, access)| access.username == username);
            let secrets = theirs.map(|(token, access)| IssuedSecrets {
                access_token: token.clone(),
                access_token_secret: access.secret.to_vec(),
                live_session_token: access.live.as_ref().map(|live| live.key.clone()),
            });
            secrets.collect()
        })
    }

    /// Ends every access token of a username in one of two ways; how many.
    pub fn lose_tokens(&self, username: &str, loss: TokenLoss) -> usize {
        self.at_desk(|desk| {
            let theirs = desk.state.registry.access.values_mut().filter(|access| access.username == username);
            theirs.map(|access| access.loss = Some(loss)).count()
        })
    }
}

/// Sessions.
impl PaperBroker {
    /// The username logs in elsewhere: its session competes, and loses.
    pub fn log_in_elsewhere(&self, username: &str) {
        self.at_desk(|desk| {
            desk.state.other_logins.insert(username.to_owned());
            if let Some(session) = desk.state.sessions.get_mut(username) {
                session.competing = true;
                session.pending = None;
            }
        });
    }

    /// The other login of the username ends.
    pub fn log_out_elsewhere(&self, username: &str) {
        self.at_desk(|desk| desk.state.other_logins.remove(username));
    }

    /// The brokerage session of a username ends, as if it had stood idle; false if there was none.
    pub fn end_session(&self, username: &str) -> bool {
        self.at_desk(|desk| desk.state.sessions.remove(username).is_some())
    }

    /// The live session tokens of a username answer 410 until new ones are made.
    pub fn make_gone(&self, username: &str) {
        self.at_desk(|desk| {
            desk.state.sessions.remove(username);
            let theirs = desk.state.registry.access.values_mut().filter(|access| access.username == username);
            theirs.filter_map(|access| access.live.as_mut()).for_each(|live| live.gone = true);
        });
    }

    /// The daily reset: every brokerage session ends, and orders belong to an earlier day. Live session tokens stay.
    pub fn reset_day(&self) {
        self.at_desk(|desk| {
            desk.state.sessions.clear();
            desk.state.day += 1;
        });
    }

    /// While down, the whole /iserver group answers 503.
    pub fn set_iserver_down(&self, down: bool) {
        self.at_desk(|desk| desk.state.iserver_down = down);
    }
}

/// The market.
impl PaperBroker {
    /// Sets a contract's price, and matches; nothing takes its market data away.
    pub fn set_price(&self, conid: i64, price: Option<Decimal>) {
        self.at_desk(|desk| {
            match price {
                Some(price) => desk.state.market.prices.insert(conid, price),
                None => desk.state.market.prices.remove(&conid),
            };
            orders::match_contract(desk, conid);
        });
    }

    /// Refuses every order for a contract with this text; nothing takes the refusal away.
    pub fn set_refusal(&self, conid: i64, text: Option<String>) {
        self.at_desk(|desk| match text {
            Some(text) => desk.state.market.refusals.insert(conid, text),
            None => desk.state.market.refusals.remove(&conid),
        });
    }

    /// Executes a part of an order; false if it is unknown or final.
    pub fn execute_order(&self, execution: Execution) -> bool {
        self.at_desk(|desk| {
            let open = desk.state.book.order(execution.order_id).is_some_and(|order| !order.status.is_final());
            orders::fill(desk, execution.order_id, execution.quantity, execution.price);
            open
        })
    }

    /// The venue refuses an order (`Inactive`, or `Cancelled`); false if it is unknown or final.
    pub fn reject_order(&self, order_id: i64, status: OrderStatus) -> bool {
        self.at_desk(|desk| orders::venue_reject(desk, order_id, status))
    }

    /// An order is not transmitted any more, or is again: meanwhile live orders show it as `Inactive`. False if it is unknown
    /// or final.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn suspend_order(&self, order_id: i64, suspended: bool) -> bool {
        self.at_desk(|desk| orders::suspend(desk, order_id, suspended))
    }

    /// Takes back so much of an order's latest execution; false if there is none.
    #[must_use]
    pub fn take_back_execution(&self, order_id: i64, quantity: Decimal) -> bool {
        self.at_desk(|desk| orders::take_back(desk, order_id, quantity))
    }

    /// Corrects the price of an order's latest execution; false if there is none.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn correct_execution(&self, order_id: i64, price: Decimal) -> bool {
        self.at_desk(|desk| orders::correct(desk, order_id, price))
    }

    /// Somebody changes the quantity of an order in the broker's own program; its exits and its parent stay as they are.
    pub fn resize_order(&self, order_id: i64, quantity: Decimal) {
        self.at_desk(|desk| {
            let now = desk.now;
            if let Some(order) = desk.state.book.order_mut(order_id) {
                order.resize(quantity, now);
            }
        });
    }

    /// Somebody changes the price of an order in the broker's own program: the limit, of a stop order the stop.
    pub fn reprice_order(&self, order_id: i64, price: Decimal) {
        self.at_desk(|desk| {
            if let Some(order) = desk.state.book.order_mut(order_id) {
                order.ticket.price = Some(price);
                order.updated_at = desk.now;
            }
        });
    }

    /// Somebody moves the stop beside an order's limit in the broker's own program.
    pub fn move_stop_beside_limit(&self, order_id: i64, stop: Decimal) {
        self.at_desk(|desk| {
            if let Some(order) = desk.state.book.order_mut(order_id) {
                order.ticket.aux_price = Some(stop);
                order.updated_at = desk.now;
            }
        });
    }

    /// The stop beside an order's limit.
    #[must_use]
    pub fn stop_beside_limit(&self, order_id: i64) -> Option<Decimal> {
        self.at_desk(|desk| desk.state.book.order(order_id).and_then(|order| order.ticket.aux_price))
    }

    /// Shows this word in place of an order's status for as long as the order works; `None`: its own again.
    pub fn say_of_order(&self, order_id: i64, word: Option<String>) {
        self.at_desk(|desk| {
            if let Some(order) = desk.state.book.order_mut(order_id) {
                order.odd_word = word;
            }
        });
    }

    /// An account has held so much of a contract from before every order; less than nothing: it is short of it.
    pub fn hold(&self, account: &str, conid: i64, quantity: Decimal) {
        self.at_desk(|desk| desk.state.book.hold(account, conid, quantity));
    }

    /// The opening auction: orders for the open fill or end.
    pub fn open_market(&self) {
        self.at_desk(orders::open_market);
    }

    /// Sets what is asked before an order is taken.
    pub fn set_questions(&self, rules: QuestionRules) {
        self.at_desk(|desk| desk.state.questions = rules);
    }
}

/// Behaviour, faults, and what happened.
impl PaperBroker {
    /// The options in force.
    #[must_use]
    pub fn options(&self) -> Options {
        self.at_desk(|desk| desk.state.options.clone())
    }

    /// Changes options.
    pub fn change_options(&self, change: impl FnOnce(&mut Options)) {
        self.at_desk(|desk| change(&mut desk.state.options));
    }

    /// Adds a fault for the next matching calls; false if there are too many.
    pub fn add_fault(&self, fault: Fault) -> bool {
        self.at_desk(|desk| desk.state.faults.add(fault))
    }

    /// The faults that have not struck to their end.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.at_desk(|desk| desk.state.faults.rules())
    }

    /// Takes every fault away.
    pub fn clear_faults(&self) {
        self.at_desk(|desk| desk.state.faults.clear());
    }

    /// Calls in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.at_desk(|desk| desk.state.calls.records())
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.at_desk(|desk| desk.state.calls.clear());
    }

    /// Every order that was really registered.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.at_desk(|desk| desk.state.book.ledger())
    }

    /// What befell every order that was really registered.
    #[must_use]
    pub fn histories(&self) -> Vec<OrderHistory> {
        self.at_desk(|desk| desk.state.book.histories())
    }

    /// How many orders were really registered under a `cOID`.
    #[must_use]
    pub fn registered_count(&self, client_order_id: &str) -> usize {
        self.ledger().iter().filter(|entry| entry.client_order_id.as_deref() == Some(client_order_id)).count()
    }
}
