//! Late facts: what the broker shows of an order after its end, against what is on record. What works there is open here
//! again, an exit as well; and a person is told.

use broker::{Listing, LiveOrder, Session, Trade};
use domain::{
    AccountId, BrokerOrderId, BrokerStatus, ClientOrderId, Fact, KillSwitch, Leg, LegFact, LegSight, Order, OrderKey,
    OrderStatus, Sight,
};
use jiff::{SignedDuration, Timestamp};
use store::{Ended, EndedExit, StoreError, Versioned};

use crate::advance::{TRACK_AFTER_NEWS_SECONDS, TRACK_CLOSELY_SECONDS};
use crate::lane::{Lane, passed_over};
use crate::leg_rows::leg_sight;
use crate::look::{Looked, Shown, row_named, summed};
use crate::record::CONFLICTS_MAX;
use crate::stop::unless_stopped;
use crate::track::LOOK_TIME;

/// After how many seconds looks go on, though nothing else is open, for an order whose placing the broker refused: its list
/// shows an order within seconds, and what does not show in two minutes was refused. Four looks, since a refusal is
/// frequent; a look for another order of the account takes their place. Later ones see it too, and none is taken for it.
const REFUSED_LOOKS: &[i64] = &[5, 15, 45, 120];
/// The same for one whose end the broker showed: a list may be some 20 s older than that word, and would belie it wrongly.
const SHOWN_LOOKS: &[i64] = &[45, 120];
/// The same for one that was proved never to have arrived: for an hour, since its ticket may be held up on its way. It is
/// rare.
const NOT_PLACED_LOOKS: &[i64] =
    &[5, 15, 45, 120, 300, 600, 900, 1_200, 1_500, 1_800, 2_100, 2_400, 2_700, 3_000, 3_300, 3_600];
/// Pause after a look that failed: as long as the order's end is past, within these. Nobody tells when one is had again.
const FAILED_PAUSE_MIN: SignedDuration = SignedDuration::from_secs(5);
const FAILED_PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Looks that fail are given up this long after the end.
pub(crate) const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// What is open and had news this lately is looked at first, and for so long a look at what ended makes way for it.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(20);
const MAKES_WAY_FOR: SignedDuration = SignedDuration::from_secs(60);
/// A cancel of what works late is looked for after this, in seconds.
const CANCEL_SEEN_SECONDS: u32 = 5;

impl Lane<'_> {
    /// When a look at an account is due for what ended in it.
    fn late_looks(&self) -> impl Iterator<Item = (Timestamp, &AccountId)> {
        self.book.ended.iter().filter_map(|ended| Some((next_look(ended)?, ended.account_id.as_ref()?)))
    }

    /// The account whose turn it is to be looked at for what ended in it: the one that has waited longest, and that no look for
    /// these open orders shows. One that was looked at, or could not be, makes way for the others; and all make way, for a while,
    /// for what is open and had news just now.
    pub(crate) fn late_look_due(&self, open: &[Versioned<Order>]) -> Option<AccountId> {
        let is_shown = |account_id: &AccountId| open.iter().any(|order| order.value.account_id() == Some(account_id));
        let now = self.now();
        let makes_way = open.iter().any(|order| now < order.value.updated_at + FRESH_FOR);
        let from = if makes_way { now - MAKES_WAY_FOR } else { now };
        let due = self.late_looks().filter(|(at, account_id)| *at <= from && !is_shown(account_id));
        due.min().map(|(_, account_id)| account_id.clone())
    }

    /// Asks for the next look at what ended, if there is one: nothing else may be open.
    pub(crate) fn plan_late_looks(&mut self) {
        let Some((at, _)) = self.late_looks().min() else { return };
        let seconds = u32::try_from(at.duration_since(self.now()).as_secs()).unwrap_or(0) + 1;
        self.track_in(seconds.max(self.paced_for_seconds().unwrap_or(0)));
    }

    /// Looks at this account for what ended in it. The open orders of others wait for the next look.
    pub(crate) async fn look_for_late_facts(
        &mut self,
        account_id: AccountId,
        open: &[Versioned<Order>],
    ) -> Result<(), StoreError> {
        if !open.is_empty() {
            self.track_in(TRACK_CLOSELY_SECONDS);
        }
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(());
        }
        self.begin_look(&account_id);
        let Some(session) = unless_stopped(self.session_for(&account_id).await)? else { return Ok(()) };
        match self.look(&session, &account_id, &[]).await? {
            Looked::Shown(shown) => {
                self.book.looks.account_id = Some(account_id);
                self.note_late_facts(&session, &shown).await?;
            }
            // It keeps its turn.
            Looked::NotYet => self.ended_in(&account_id).for_each(|ended| ended.failed_at = None),
            Looked::Failed => {}
        }
        Ok(())
    }

    /// Whether live orders carry none of our names, and something was concluded to be refused, or never to have arrived: only the
    /// trades would name it.
    pub(crate) fn ended_may_show_in_trades_alone(&self, account_id: &AccountId, live: &Listing<LiveOrder>) -> bool {
        let is_looked_for = |ended: &Ended| {
            ended.is_concluded() && ended.account_id.as_ref() == Some(account_id) && next_look(ended).is_some()
        };
        let nameless = !live.rows.is_empty() && live.rows.iter().all(|row| row.client_order_id.is_none());
        nameless && self.book.ended.iter().any(is_looked_for)
    }

    /// A look at this account counts as failed until it has shown something, so that none is tried at once again.
    pub(crate) fn begin_look(&mut self, account_id: &AccountId) {
        let now = self.now();
        self.ended_in(account_id).for_each(|ended| ended.failed_at = Some(now));
    }

    /// Takes in that a whole look at this account was taken.
    fn note_looked(&mut self, account_id: &AccountId) {
        let looked_at = Some(self.lists_as_of);
        for ended in self.ended_in(account_id) {
            (ended.looked_at, ended.failed_at) = (looked_at, None);
        }
    }

    /// No time is left to ask about what this look shows: it counts as failed.
    fn look_again(&mut self) {
        self.track_in(1);
        let Some(account_id) = self.book.looks.account_id.clone() else { return };
        let failed_at = Some(self.now());
        for ended in self.ended_in(&account_id) {
            (ended.looked_at, ended.failed_at) = (None, failed_at);
        }
    }

    fn ended_in<'e>(&'e mut self, account_id: &'e AccountId) -> impl Iterator<Item = &'e mut Ended> {
        self.book.ended.iter_mut().filter(move |ended| ended.account_id.as_ref() == Some(account_id))
    }

    /// Writes down what this look shows of orders that ended otherwise, and of their exits.
    pub(crate) async fn note_late_facts(&mut self, session: &Session, shown: &Shown) -> Result<(), StoreError> {
        // First: what cannot be written is no reason to look at once again.
        if let Some(account_id) = self.book.looks.account_id.clone().filter(|_| shown.is_listed()) {
            self.note_looked(&account_id);
        }
        for ended in self.book.ended.clone() {
            let key = self.key(ended.order_id.clone());
            if let Some(sight) = late_sight(&ended, &key, shown) {
                let noted = self.note_late(session, &ended, &sight).await;
                passed_over(&key, noted)?;
                self.cancel_late(&ended).await?;
            }
            if ended.exits.iter().any(|exit| shown.live.rows.iter().any(|row| belies_exit(row, exit))) {
                let noted = Box::pin(self.note_late_exits(session, &key, shown)).await;
                passed_over(&key, noted)?;
            }
        }
        Ok(())
    }

    /// Exits that ended, of an order that is over, and that the broker shows at work or filled.
    async fn note_late_exits(&mut self, session: &Session, key: &OrderKey, shown: &Shown) -> Result<(), StoreError> {
        let Some(mut order) = self.desk.intake.orders.get(key).await? else { return Ok(()) };
        // An open order's look takes its exits in by itself.
        if order.value.is_over() {
            self.bring_back_exits(session, &mut order, shown).await?;
            self.remember_late(&order.value);
        }
        Ok(())
    }

    /// Takes exits that ended and work at the broker after all for what they are. The list may be older than the word of their
    /// end, so each is asked for by its number.
    pub(crate) async fn bring_back_exits(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let ended = order.value.legs().iter().filter(|leg| leg.has_ended() && leg.status() != OrderStatus::Filled);
        let sights: Vec<LegSight> = ended.filter_map(|leg| leg_sight(&order.value, leg, shown)).collect();
        for sight in sights {
            let role = sight.role;
            let filled = order.value.leg(role).map(|leg| leg.filled_quantity).unwrap_or_default();
            if sight.filled_quantity.is_some_and(|shown| shown > filled) {
                self.record_legs(order, |order, now| order.legs_seen(std::slice::from_ref(&sight), now)).await?;
            }
            let works = sight.status.works() && order.value.leg(role).is_some_and(Leg::has_ended);
            if !works || !self.says_so_again(session, order.value.account_id(), sight.broker_order_id).await {
                continue;
            }
            tracing::error!(key = %order.value.key, %role, alarm = "late_fact", metric.orders_for_a_person = 1, status = ?sight.status, "an exit that had ended works at the broker");
            let back = LegFact::Back(sight);
            self.record_legs(order, |order, now| order.leg_fact(role, &back, now)).await?;
            self.end_what_a_halt_ends(order).await?;
        }
        Ok(())
    }

    /// What comes back to work while a halt stands that asked for the end of what works: it is to end as well.
    async fn end_what_a_halt_ends(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        if order.value.is_over() && !order.value.works_late() {
            return Ok(());
        }
        let halts = self.desk.intake.rules.halts_over(&order.value.key.user_id, &order.value.algorithm_id).await?;
        if !halts.iter().any(KillSwitch::cancels_working) {
            return Ok(());
        }
        tracing::warn!(key = %order.value.key, "what came back to work is ended, as a halt says");
        let end = |order: &mut Order, now| {
            order.remember_cancel(now);
            order.ask_legs_to_end(now);
        };
        self.record_change(order, end).await
    }

    /// Whether the broker says by its number, too, that what had ended works. Where it does not say, the list stands: to
    /// look after what has ended costs a look, and to leave what works costs the position.
    async fn says_so_again(
        &mut self,
        session: &Session,
        account_id: Option<&AccountId>,
        number: Option<BrokerOrderId>,
    ) -> bool {
        let Some(number) = number else { return true };
        if !self.has_time(LOOK_TIME) {
            self.look_again();
            return false;
        }
        self.order_by_number(session, account_id, number).await.map_or(true, |detail| detail.status.works())
    }

    /// An order that came to work after its end, and whose end somebody had asked for, is cancelled.
    async fn cancel_late(&mut self, ended: &Ended) -> Result<(), StoreError> {
        let key = self.key(ended.order_id.clone());
        let Some(mut order) = self.desk.intake.orders.get(&key).await? else { return Ok(()) };
        if order.value.works_late() && order.value.cancel_is_due(self.now()) {
            Box::pin(self.cancel_at_broker(&mut order, None)).await?;
            self.track_in(CANCEL_SEEN_SECONDS);
        }
        Ok(())
    }

    /// Takes in what a late fact made of an order: it is open again, or ended otherwise.
    fn remember_late(&mut self, order: &Order) {
        if order.status().is_final() {
            self.book.remember_ended(order, self.now());
        } else {
            self.book.forget_ended(&order.key.order_id);
        }
        if !order.is_over() {
            self.track_in(TRACK_AFTER_NEWS_SECONDS);
        }
    }

    async fn note_late(&mut self, session: &Session, ended: &Ended, sight: &Sight) -> Result<(), StoreError> {
        // What the broker itself called cancelled works only where it says so twice.
        let number = sight.broker_order_ids.first().copied();
        let by_its_word = ended.status == OrderStatus::Cancelled && sight.works();
        if by_its_word && !self.says_so_again(session, ended.account_id.as_ref(), number).await {
            return Ok(());
        }
        let key = self.key(ended.order_id.clone());
        for _ in 0..CONFLICTS_MAX {
            let Some(mut order) = self.desk.intake.orders.get(&key).await? else { return Ok(()) };
            if !order.value.status().is_final() {
                // It came back, and is watched.
                self.book.forget_ended(&ended.order_id);
                return Ok(());
            }
            let was_told = !order.value.note_late(sight, self.now());
            // It is open again, and is watched, told and cancelled as any other.
            let fact = if by_its_word { Fact::Back(sight.clone()) } else { Fact::Seen(sight.clone()) };
            let reopened = order.value.apply(fact, self.now()).is_ok();
            if was_told && !reopened {
                return Ok(());
            }
            match self.save_order(&mut order).await {
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    tracing::error!(%key, alarm = "late_fact", metric.orders_for_a_person = 1, ended = ended.status.as_str(), status = ?sight.status, filled_quantity = ?sight.filled_quantity, "the broker shows an order otherwise than it ended");
                    self.end_what_a_halt_ends(&mut order).await?;
                    self.remember_late(&order.value);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// When looks go on for this order though nothing else is open; `None`: they are over, or it needs none. What never
/// left is not remembered, and of a filled one the broker has nothing left to fill.
fn next_look(ended: &Ended) -> Option<Timestamp> {
    let looks = match ended.status {
        OrderStatus::NotPlaced => NOT_PLACED_LOOKS,
        // Also what ended here while it waited to be sent again: the broker may have taken in what it called too much.
        OrderStatus::Rejected | OrderStatus::Cancelled | OrderStatus::Denied | OrderStatus::Expired
            if !ended.has_number =>
        {
            REFUSED_LOOKS
        }
        OrderStatus::Rejected | OrderStatus::Cancelled => SHOWN_LOOKS,
        OrderStatus::Filled if !ended.exits.is_empty() => SHOWN_LOOKS,
        _ => return None,
    };
    let after = |seconds: &i64| ended.at + SignedDuration::from_secs(*seconds);
    let due = looks.iter().map(after).find(|at| ended.looked_at.is_none_or(|looked_at| *at > looked_at))?;
    let Some(failed_at) = ended.failed_at else { return Some(due) };
    let pause = failed_at.duration_since(ended.at).clamp(FAILED_PAUSE_MIN, FAILED_PAUSE_MAX);
    Some(due.max(failed_at + pause)).filter(|at| *at <= ended.at + GIVEN_UP_AFTER)
}

/// What shows of an order that ended, where it is otherwise than how it ended: by its row, or by its trades alone.
fn late_sight(ended: &Ended, key: &OrderKey, shown: &Shown) -> Option<Sight> {
    let name = ClientOrderId::of(key);
    if let Some(row) = row_of_ended(ended, &name, &shown.live) {
        return belies(row, ended).then(|| Sight {
            broker_order_ids: vec![row.order_id],
            status: row.status.clone(),
            filled_quantity: row.filled_quantity,
            average_price: row.average_price,
        });
    }
    let named = |trade: &&Trade| trade.client_order_id.as_deref() == Some(name.as_str());
    let traded = summed(shown.trades.as_ref()?.rows.iter().filter(named).collect())?;
    let may_have_traded = ended.status != OrderStatus::Filled;
    (may_have_traded && traded.quantity > ended.filled_quantity).then(|| Sight {
        broker_order_ids: traded.order_id.into_iter().collect(),
        status: BrokerStatus::Submitted,
        filled_quantity: Some(traded.quantity),
        average_price: traded.average_price,
    })
}

/// Its row: by our name, or by its number where the broker's rows carry no names.
fn row_of_ended<'l>(ended: &Ended, name: &ClientOrderId, live: &'l Listing<LiveOrder>) -> Option<&'l LiveOrder> {
    let by_number = |row: &&LiveOrder| row.client_order_id.is_none() && Some(row.order_id) == ended.broker_order_id;
    row_named(name, live).or_else(|| live.rows.iter().find(by_number))
}

/// Whether the row says of an exit that ended that it works, or filled more.
fn belies_exit(row: &LiveOrder, exit: &EndedExit) -> bool {
    row.order_id == exit.broker_order_id
        && (row.status.works() || row.filled_quantity.is_some_and(|filled| filled > exit.filled_quantity))
}

/// Whether the row says otherwise than how the order ended.
fn belies(row: &LiveOrder, ended: &Ended) -> bool {
    let filled = row.filled_quantity.unwrap_or_default();
    match ended.status {
        OrderStatus::Filled => filled > ended.filled_quantity,
        OrderStatus::Cancelled | OrderStatus::Rejected => {
            filled > ended.filled_quantity || row.status == BrokerStatus::Filled || row.status.works()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
