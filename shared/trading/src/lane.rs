//! The lane: whoever holds it is the only one who talks to the broker for a user.
//!
//! The broker has one session per username, and a pending question dies when another order is sent (IBKR Web API,
//! reply), so one dialogue at a time is the broker's own limit. The lane also keeps the order of orders: it knows
//! which are not sent or not settled, and lets no later one of the same account and contract pass them.

use std::sync::Arc;
use std::time::Duration;

use access::{HolderTurns, PenaltyBox};
use domain::{Conid, Order, OrderId, OrderKey, OrderState, UserId, in_order_of_arrival};
use jiff::{SignedDuration, Timestamp};
use store::{Acquired, Ended, GivenBack, LaneBook, LaneLease, Pending, StoreError, TrackAsk, Versioned, Wake};

use crate::advance::TRACK_AFTER_NEWS_SECONDS;
use crate::desk::Desk;
use crate::late::GIVEN_UP_AFTER;
use crate::readings::Readings;
use crate::session::LaneSession;

/// How long to wait for a lane that another invocation holds, before its next holder is left to take the orders further.
const WAIT_MAX: SignedDuration = SignedDuration::from_secs(6);
/// Pause between looks at a lane that is held.
const WAIT_PAUSE: Duration = Duration::from_millis(200);
/// What must be left of the invocation to give the lane back and to write down where the orders are.
pub(crate) const LEAVE_TIME: SignedDuration = SignedDuration::from_secs(2);
/// How far the clocks of two invocations may differ: an ask that is due this soon is taken to be the present one.
const CLOCKS_DIFFER_MAX: SignedDuration = SignedDuration::from_millis(500);
/// Orders that one user may have on record and not sent or not settled. A sender of more hears it at once.
pub const PENDING_MAX: usize = 200;
/// What must be left of an invocation to look at one more order that waits.
const WALK_TIME: SignedDuration = SignedDuration::from_secs(2);
/// Of so many orders, the latest by their ids, is looked up how they ended where a holder vanished.
const LATEST_ORDERS: u32 = 40;

/// A lane that is held.
#[derive(Debug)]
pub struct Lane<'d> {
    pub(crate) desk: &'d Desk,
    pub(crate) lease: LaneLease,
    /// The line, the looks at the broker, and what ended lately.
    pub(crate) book: LaneBook,
    pub(crate) session: LaneSession,
    /// When the broker may be called for this user.
    pub(crate) turns: Arc<HolderTurns>,
    /// What bears on the user's orders.
    pub(crate) readings: Readings,
    /// When this invocation must have ended.
    pub(crate) deadline: Timestamp,
    /// In how many seconds the tracker should look, if anything is to be looked at.
    pub(crate) track_in_seconds: Option<u32>,
    /// When the lists that are being judged were asked for: they are as old as that, however late their answer is read.
    pub(crate) lists_as_of: Timestamp,
    caught_up: bool,
    /// How many polls of its chain came before this one ([`TrackAsk::links`]).
    links: u32,
    /// Orders that this holder brought along, and takes on one by one.
    in_hand: Vec<OrderId>,
    /// Whether another had it first: what was read before that may be old.
    pub(crate) waited_for: bool,
}

impl Desk {
    /// Takes a user's lane; `None` if another invocation holds it for longer than can be waited. `holder` names this
    /// invocation, for people who look at the table.
    pub async fn enter(
        &self,
        user_id: &UserId,
        holder: &str,
        deadline: Timestamp,
    ) -> Result<Option<Lane<'_>>, StoreError> {
        let mut waited_for = false;
        let wait_until = (self.intake.clock.now() + WAIT_MAX).min(deadline - LEAVE_TIME);
        loop {
            let now = self.intake.clock.now();
            if let Acquired::Leased(lease) = self.lanes.acquire(user_id, holder, now, deadline).await? {
                let book = lease.book().clone();
                let turns = self.turns_after(&book.calls);
                let mut lane = Lane {
                    desk: self,
                    lease,
                    book,
                    session: LaneSession::default(),
                    turns: Arc::new(turns),
                    readings: Readings::default(),
                    deadline,
                    track_in_seconds: None,
                    lists_as_of: Timestamp::MIN,
                    caught_up: false,
                    links: 0,
                    in_hand: Vec::new(),
                    waited_for,
                };
                lane.take_over().await?;
                return Ok(Some(lane));
            }
            if now >= wait_until {
                return Ok(None);
            }
            waited_for = true;
            tokio::time::sleep(WAIT_PAUSE).await;
        }
    }
}

impl Desk {
    fn turns_after(&self, calls: &[Timestamp]) -> HolderTurns {
        let penalty_box = PenaltyBox::new(self.lanes.clone(), Arc::clone(&self.intake.clock));
        HolderTurns::new(self.api.calls_per_second_max(), penalty_box, calls)
    }

    /// Leaves an order that is on record, and so in line, to whoever holds the lane next.
    pub async fn leave_to_next(&self, order: &Order) -> Result<(), StoreError> {
        self.track_queue.ask(&TrackAsk::first(order.key.user_id.clone()), 1).await
    }
}

impl Lane<'_> {
    /// Whose lane it is.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        self.lease.user_id()
    }

    /// Goes on with the chain of polls that this ask belongs to.
    pub fn join_chain(&mut self, ask: &TrackAsk) {
        self.links = ask.links;
    }

    /// Brings along what was read before the lane was asked for.
    pub fn bring(&mut self, readings: Readings) {
        self.readings = readings;
    }

    /// Says which new orders this holder has in hand, so that it does not read them again.
    pub fn take_in_hand(&mut self, order_ids: Vec<OrderId>) {
        self.in_hand = order_ids;
    }

    /// Whether the lease is over, so that another may have the lane.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.now() >= self.lease.until()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.desk.intake.clock.now()
    }

    /// A lane that was not given back tells that its holder died, perhaps before it wrote down which orders wait:
    /// they are found in the ledger.
    async fn take_over(&mut self) -> Result<(), StoreError> {
        if !self.lease.predecessor_vanished() {
            return Ok(());
        }
        tracing::warn!(user_id = %self.user_id(), epoch = self.lease.epoch(), "the lane's last holder vanished; its orders are taken over");
        let mut open = self.all_open_orders().await?;
        open.retain(|order| is_unsettled(order.value.state()));
        // The index of open orders may lag behind what was announced just now.
        for pending in std::mem::take(&mut self.book.pending) {
            if !open.iter().any(|order| order.value.key.order_id == pending.order_id) {
                open.extend(self.desk.intake.orders.get(&self.key(pending.order_id)).await?);
            }
        }
        // What the holder did not write down came before what was announced since: the line is made anew.
        for order in in_order_of_arrival(open, |order| &order.value) {
            self.keep_in_line(&order.value);
        }
        self.remember_what_ended().await;
        Ok(())
    }

    /// What ended in the hands of a holder who vanished is in no book: the latest of the user's orders tell it. An end that is
    /// not found there is not looked at again, and keeps nobody from the lane.
    async fn remember_what_ended(&mut self) {
        let latest = match self.desk.intake.orders.list(self.user_id(), None, LATEST_ORDERS).await {
            Ok(latest) => latest.items,
            Err(error) => {
                tracing::warn!(user_id = %self.user_id(), %error, "what ended in the vanished holder's hands is not known");
                return;
            }
        };
        let now = self.now();
        for Versioned { value: order, .. } in &latest {
            let is_known = self.book.ended.iter().any(|ended| ended.is_of(order));
            let ended_lately = order.status().is_final() && order.sends > 0 && now < order.updated_at + GIVEN_UP_AFTER;
            if ended_lately && !is_known {
                self.book.remember_ended(order, now);
            }
        }
    }

    /// The user's orders that are not over, brackets whose exits work among them; one that was recorded just now may be missing.
    pub(crate) async fn open_orders(&self) -> Result<Vec<Versioned<Order>>, StoreError> {
        let orders = self.desk.intake.orders.open_now(self.user_id()).await?;
        Ok(in_order_of_arrival(orders, |order| &order.value))
    }

    /// As [`Lane::open_orders`], but for those that are known to wait in vain. Where the index does not show yet what was sent just
    /// now, the looks go on.
    pub(crate) async fn open_orders_to_look_at(&mut self) -> Result<Vec<Versioned<Order>>, StoreError> {
        let (mut orders, are_all) = self.desk.intake.orders.open_and_whether_all(self.user_id()).await?;
        let in_vain: Vec<_> = self.book.pending.iter().filter(|pending| self.waits_in_vain(pending)).collect();
        orders.retain(|order| !in_vain.iter().any(|pending| pending.order_id == order.value.key.order_id));
        if !are_all {
            self.track_in(TRACK_AFTER_NEWS_SECONDS);
        }
        Ok(in_order_of_arrival(orders, |order| &order.value))
    }

    /// The same as [`Lane::open_orders`], and every order that the broker may have is among them: nobody else writes intents of
    /// this user.
    pub(crate) async fn all_open_orders(&self) -> Result<Vec<Versioned<Order>>, StoreError> {
        let orders = self.desk.intake.orders.all_open(self.user_id()).await?;
        Ok(in_order_of_arrival(orders, |order| &order.value))
    }

    /// Gives the lane back, and asks for the next look if one is needed and none is on its way: looks that ask for
    /// looks must stay one chain for each user, however many orders start one.
    pub async fn leave(mut self) -> Result<(), StoreError> {
        let user_id = self.user_id().clone();
        let now = self.now();
        // They came while others were in hand, behind them.
        if self.book.pending.iter().any(|pending| pending.unsent_of.is_some() && pending.waits_until.is_none()) {
            self.track_in(TRACK_AFTER_NEWS_SECONDS);
        }
        self.plan_late_looks();
        let on_its_way = self.book.looks.due_at.filter(|due| *due > now + CLOCKS_DIFFER_MAX);
        let wanted = self.track_in_seconds.map(|seconds| (seconds, now + SignedDuration::from_secs(seconds.into())));
        let wanted = wanted.filter(|(_, at)| on_its_way.is_none_or(|due| due > *at));
        let next_link = TrackAsk::after(user_id.clone(), self.links);
        if wanted.is_some() && next_link.is_none() {
            tracing::warn!(%user_id, links = self.links, "a chain of polls ends; the schedule begins the next one");
        }
        let wanted = wanted.filter(|_| next_link.is_some());
        self.book.looks.due_at = wanted.map(|(_, at)| at).or(self.book.looks.due_at);
        self.book.calls = self.turns.recent();
        let ended_here = self.ended_here();
        let given_back = self.desk.lanes.release_with(self.lease, &self.book).await?;
        if given_back == GivenBack::WithArrivals {
            // What arrived began a chain of its own. The look that the book says is on its way must be, too.
            self.desk.track_queue.ask(&TrackAsk::first(user_id.clone()), 0).await?;
        }
        if given_back == GivenBack::Lost {
            // Whoever outlived their lease knows orders, and ends, that the present holder may not: they stand in its line then.
            for pending in self.book.pending.iter().chain(&ended_here) {
                self.desk.lanes.announce(&user_id, pending).await?;
            }
            if let Some(next_link) = &next_link {
                self.desk.track_queue.ask(next_link, 1).await?;
            }
        }
        // Where it was lost, too: the book may have been written all the same, and says that this look is on its way.
        if let Some(((delay_seconds, _), next_link)) = wanted.zip(next_link) {
            self.desk.track_queue.ask(&next_link, delay_seconds).await?;
        }
        Ok(())
    }

    /// What ended in this holder's hands, as places in line: whoever takes them further finds an end, and remembers it.
    fn ended_here(&self) -> Vec<Pending> {
        let known = &self.lease.book().ended;
        let is_new = |ended: &&Ended| !known.iter().any(|known| known.order_id == ended.order_id);
        self.book.ended.iter().filter(is_new).map(|ended| Pending::unread(ended.order_id.clone())).collect()
    }

    /// Takes everything further that waited before this holder came, once: up to the first order that it brought along.
    pub async fn catch_up(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.caught_up, true) {
            return Ok(());
        }
        let waiting = self.book.pending.iter().take_while(|pending| !self.in_hand.contains(&pending.order_id));
        let waiting = waiting.cloned().collect();
        self.advance_all(waiting).await
    }

    /// Takes further what is on record of this user: one order, or all that waits.
    pub async fn wake(&mut self, wake: &Wake) -> Result<(), StoreError> {
        self.catch_up().await?;
        // A wake for no order in particular says that the session is there.
        let Some(order_id) = &wake.order_id else { return self.watch_again().await };
        match self.desk.intake.orders.get(&self.key(order_id.clone())).await? {
            Some(mut order) => self.advance(&mut order).await,
            None => Ok(()),
        }
    }

    /// Takes everything further that waits in this lane, in the order of arrival.
    pub(crate) async fn advance_pending(&mut self) -> Result<(), StoreError> {
        self.advance_all(self.book.pending.clone()).await
    }

    /// The first order of an account shows whether something can be done; if not, those behind it are not even read.
    async fn advance_all(&mut self, waiting: Vec<Pending>) -> Result<(), StoreError> {
        for pending in waiting {
            if self.waits_in_vain(&pending) {
                continue;
            }
            if !self.has_time(WALK_TIME) {
                self.track_in(TRACK_AFTER_NEWS_SECONDS);
                break;
            }
            let key = self.key(pending.order_id);
            match self.desk.intake.orders.get(&key).await? {
                Some(mut order) => {
                    let advanced = self.advance(&mut order).await;
                    passed_over(&key, advanced)?;
                }
                None => self.book.pending.retain(|other| other.order_id != key.order_id),
            }
        }
        Ok(())
    }

    /// Whether an order waits for what no order of its account has now, and is not due to be looked at.
    fn waits_in_vain(&self, pending: &Pending) -> bool {
        let (account_id, _) = pending.instrument.split_once(' ').unwrap_or_default();
        pending.waits_until.is_some_and(|until| self.now() < until)
            && (self.quiet_now().is_some() || self.session.is_waited_for(account_id))
    }

    /// The earlier order that this one must wait for: of the same account and contract, and its ticket may be on the wire, or it
    /// is not sent and the same algorithm's. What another algorithm waits for is not this one's concern, and least of all the
    /// user's own hand's; what may be at the broker is everybody's.
    pub(crate) fn ahead_of(&self, order: &Order) -> Option<Ahead<'_>> {
        let own = self.pending_of(order);
        self.book
            .pending
            .iter()
            .take_while(|pending| pending.order_id != order.key.order_id)
            .filter(|pending| pending.unsent_of.as_ref().is_none_or(|algorithm_id| *algorithm_id == order.algorithm_id))
            .find(|pending| may_be_the_same(pending, &own))
            .map(|pending| Ahead {
                order_id: &pending.order_id,
                is_certain: conid_of(pending).is_some_and(|conid| conid_of(&own) == Some(conid)),
            })
    }

    /// An order's place in line, with the contract that its words are known to mean.
    fn pending_of(&self, order: &Order) -> Pending {
        let words = order.request.as_ref().and_then(|request| request.ticket.contract.words());
        Pending { conid: words.and_then(|words| self.desk.contracts.conid(words)), ..pending(order) }
    }

    /// Keeps an order in line while it is not sent or not settled, and takes it out afterwards.
    pub(crate) fn keep_in_line(&mut self, order: &Order) {
        let waits = is_unsettled(order.state());
        let position = self.book.pending.iter().position(|pending| pending.order_id == order.key.order_id);
        match (waits, position) {
            (true, None) => self.book.pending.push(self.pending_of(order)),
            (true, Some(position)) => self.book.pending[position] = self.pending_of(order),
            (false, Some(position)) => {
                self.book.pending.remove(position);
            }
            _ => {}
        }
        if order.status().is_final() && order.sends > 0 {
            self.book.remember_ended(order, self.now());
        }
    }

    /// Keeps orders in line that are on record and that nobody got to.
    pub fn keep_all_in_line<'o>(&mut self, orders: impl IntoIterator<Item = &'o Order>) {
        for order in orders {
            self.keep_in_line(order);
        }
    }

    /// Asks for a look in so many seconds; the earliest ask stands.
    pub(crate) fn track_in(&mut self, seconds: u32) {
        self.track_in_seconds = Some(self.track_in_seconds.map_or(seconds, |earlier| earlier.min(seconds)));
    }

    /// Whether so much time is left before this invocation ends.
    pub(crate) fn has_time(&self, needed: SignedDuration) -> bool {
        self.now() + needed + LEAVE_TIME <= self.deadline
    }

    pub(crate) fn key(&self, order_id: OrderId) -> OrderKey {
        OrderKey { user_id: self.user_id().clone(), order_id }
    }
}

/// An order whose row takes no more, however often it is tried, is no other order's concern.
pub(crate) fn passed_over(key: &OrderKey, done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(error) if error.is_beyond_cure() => {
            tracing::error!(
                %error, source = std::error::Error::source(&error), %key, metric.orders_for_a_person = 1,
                "what became of an order can never be written so; a person looks"
            );
            Ok(())
        }
        done => done,
    }
}

/// An order's place in line, by the state that it is in.
pub(crate) fn pending(order: &Order) -> Pending {
    let is_held = matches!(order.state(), OrderState::Held { .. });
    let is_unsent = is_held || matches!(order.state(), OrderState::Received);
    Pending {
        order_id: order.key.order_id.clone(),
        instrument: instrument(order),
        symbol: order
            .request
            .as_ref()
            .and_then(|request| request.ticket.contract.words())
            .map(|words| words.symbol.clone()),
        conid: None,
        unsent_of: is_unsent.then(|| order.algorithm_id.clone()),
        waits_until: order.next_check_at.filter(|_| is_held),
    }
}

/// Not sent, or sent and not settled.
fn is_unsettled(state: &OrderState) -> bool {
    matches!(
        state,
        OrderState::Received | OrderState::Held { .. } | OrderState::Sending { .. } | OrderState::Unknown { .. }
    )
}

/// What must keep its order: the account and the contract. A contract in words may be any contract.
fn instrument(order: &Order) -> String {
    let Some(request) = &order.request else { return String::new() };
    match &request.ticket.contract {
        domain::Contract::Conid { conid } => format!("{} {conid}", request.account_id),
        domain::Contract::Symbol(_) => format!("{} {ANY_CONTRACT}", request.account_id),
    }
}

const ANY_CONTRACT: &str = "*";

fn may_be_the_same(one: &Pending, other: &Pending) -> bool {
    let (Some((one_account, _)), Some((other_account, _))) =
        (one.instrument.split_once(' '), other.instrument.split_once(' '))
    else {
        return true;
    };
    one_account == other_account
        && match (conid_of(one), conid_of(other)) {
            (Some(one), Some(other)) => one == other,
            // A contract has one symbol. What an earlier release wrote down tells none.
            _ => one
                .symbol
                .as_ref()
                .zip(other.symbol.as_ref())
                .is_none_or(|(one, other)| one.eq_ignore_ascii_case(other)),
        }
}

/// The contract, where it is known.
fn conid_of(pending: &Pending) -> Option<Conid> {
    let number = |instrument: &str| Conid::try_from(instrument.split_once(' ')?.1.parse::<u64>().ok()?).ok();
    pending.conid.or_else(|| number(&pending.instrument))
}

/// An order that goes first.
pub(crate) struct Ahead<'l> {
    pub(crate) order_id: &'l OrderId,
    /// Whether it is certain that both are of one contract.
    pub(crate) is_certain: bool,
}
