//! Judge: what became of a change whose answer was not read, by the ticket that the broker shows.
//!
//! A change is the whole ticket, so one that does not show is sent again. What was sent may still come into force later,
//! even after the change that followed it; what shows then is adopted where it was the last word, and overwritten by the
//! last word where it was not.

use std::cell::Cell;
use std::collections::BTreeSet;

use broker::{LiveOrder, Session};
use domain::{
    Amount, AstrayChange, BrokerStatus, CHANGE_SENDS_MAX, CameLate, ChangeStage, Leg, LegRole, Order, Reason,
    ReasonCode, Size, Ticket,
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::leg_rows::{leg_row, leg_sight};
use crate::look::{Shown, row_of, shows};
use crate::track::LOOK_TIME;

/// A change whose outcome was not read is judged by a look this long after it was sent.
pub(crate) const JUDGED_AFTER: SignedDuration = SignedDuration::from_secs(10);
pub(crate) const JUDGED_AFTER_SECONDS: u32 = 10;

impl Lane<'_> {
    /// Judges the change in hand if its outcome was not read, and those that went astray before it.
    pub(crate) async fn judge_changes(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let unread =
            order.value.change_in_hand().is_some_and(|change| matches!(change.stage, ChangeStage::Unread { .. }));
        let unconfirmed: Vec<Option<LegRole>> =
            order.value.changes_taken().iter().map(|taken| taken.change.leg).collect();
        if !unread && unconfirmed.is_empty() && order.value.changes_astray().next().is_none() {
            return Ok(());
        }
        let in_hand = order.value.change_in_hand().and_then(|change| change.leg);
        if let Some(row) = PartRow::of(&order.value, in_hand, shown) {
            self.judge_change_in_hand(order, &row).await?;
        }
        for leg in unconfirmed {
            if let Some(row) = PartRow::of(&order.value, leg, shown) {
                self.judge_change_taken(session, order, &row).await?;
            }
        }
        let parts: BTreeSet<Option<LegRole>> = order.value.changes_astray().map(|astray| astray.leg).collect();
        for leg in parts {
            if let Some(row) = PartRow::of(&order.value, leg, shown) {
                self.judge_astray(order, &row).await?;
            }
        }
        Ok(())
    }

    async fn judge_change_in_hand(&mut self, order: &mut Versioned<Order>, part: &PartRow) -> Result<(), StoreError> {
        let Some(change) = order.value.change_in_hand().cloned() else { return Ok(()) };
        let ChangeStage::Unread { at, reason, refused } = change.stage.clone() else { return Ok(()) };
        let others = other_tickets(&order.value, change.leg, change.revision);
        let others: Vec<Ticket> = others.into_iter().map(|ticket| part.as_shown(ticket)).collect();
        let in_force = shows(&part.row, &part.as_shown(change.ticket.without_exits()), others.iter());
        let ended = part.has_ended();
        if !ended && self.lists_as_of < at + JUDGED_AFTER {
            self.track_in(JUDGED_AFTER_SECONDS);
            return Ok(());
        }
        if in_force == Some(true) {
            return self.record_change(order, |order, now| order.change_applied(change.revision, now)).await;
        }
        let part_is_over = match change.leg {
            None => order.value.status().is_final(),
            Some(role) => order.value.leg(role).is_none_or(Leg::has_ended),
        };
        if ended && !part_is_over {
            // The order's end, which this look shows as well, ends it, too.
            return Ok(());
        }
        let given_up = if refused {
            reason
        } else if change.sends < CHANGE_SENDS_MAX && !part_is_over {
            return self.record_change(order, Order::change_not_shown).await;
        } else {
            tracing::error!(key = %order.value.key, revision = change.revision, "a change could not be settled");
            unsettled_change()
        };
        self.record_change(order, |order, now| order.change_given_up(given_up.clone(), now)).await
    }

    /// Whether a change that the broker took shows. Where its part of the order is shown as it was, it goes out again.
    async fn judge_change_taken(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        part: &PartRow,
    ) -> Result<(), StoreError> {
        let (leg, row) = (part.leg, &part.row);
        let taken = order.value.changes_taken().iter().find(|taken| taken.change.leg == leg);
        let Some(change) = taken.map(|taken| taken.change.clone()) else { return Ok(()) };
        let ended = part.has_ended();
        let stop_shown = self.stop_by_number(session, &order.value, &change.ticket, row).await;
        let shown_by_row = |ticket: &Ticket| match ticket.stop_beside_limit().map(Amount::get).zip(stop_shown) {
            Some((wanted, shown)) if wanted != shown => Some(false),
            _ => shows(row, &part.as_shown(ticket.clone()), std::iter::empty()),
        };
        if shown_by_row(&change.ticket) != Some(false) {
            return self.record_change(order, |order, _| order.change_shown(leg)).await;
        }
        // The list may still show what was in force before.
        if !ended && self.lists_as_of < order.value.updated_at + JUDGED_AFTER {
            self.track_in(JUDGED_AFTER_SECONDS);
            return Ok(());
        }
        // What neither this change nor any ticket before it made, a person made at the broker: it is not put back.
        let is_ours = order
            .value
            .changes_taken()
            .iter()
            .find(|taken| taken.change.leg == leg)
            .is_some_and(|taken| taken.tickets().any(|ticket| shown_by_row(ticket) == Some(true)));
        if !is_ours && !ended && self.take_over_change(session, order, leg, row).await? {
            return Ok(());
        }
        let revision = change.revision;
        tracing::warn!(key = %order.value.key, ?leg, revision, sends = change.sends, "the broker took a change and shows the order as it was");
        let warnings = order.value.warnings_told();
        self.record_change(order, |order, now| {
            let is_shown = |ticket: &Ticket| shown_by_row(ticket) == Some(true);
            order.change_not_carried_out(leg, is_shown, ended, now);
        })
        .await?;
        if order.value.warnings_told() > warnings {
            tracing::error!(key = %order.value.key, revision, alarm = "change_not_carried_out", metric.orders_for_a_person = 1, "the broker took a change again and again, and did not carry it out");
        }
        Ok(())
    }

    /// The stop of a stop-limit order, which its row does not tell: there `price` is the limit. `None`: nobody tells.
    async fn stop_by_number(
        &mut self,
        session: &Session,
        order: &Order,
        ticket: &Ticket,
        row: &LiveOrder,
    ) -> Option<Decimal> {
        ticket.stop_beside_limit()?;
        if row.status.is_end() || !self.has_time(LOOK_TIME) {
            return None;
        }
        self.order_by_number(session, order.account_id(), row.order_id).await.ok()?.stop_price
    }

    /// Whether a change that was passed over shows after all. What is on its way to the broker overwrites it.
    async fn judge_astray(&mut self, order: &mut Versioned<Order>, part: &PartRow) -> Result<(), StoreError> {
        let leg = part.leg;
        let on_its_way = order.value.change_in_hand().is_some_and(|change| change.stage.is_open());
        let astray: Vec<AstrayChange> =
            order.value.changes_astray().filter(|astray| astray.leg == leg).cloned().collect();
        if on_its_way || astray.is_empty() {
            return Ok(());
        }
        let ended = part.has_ended();
        // The list may still show what was in force before the last news.
        if !ended && self.lists_as_of < order.value.updated_at + JUDGED_AFTER {
            self.track_in(JUDGED_AFTER_SECONDS);
            return Ok(());
        }
        for astray in astray {
            let others = other_tickets(&order.value, leg, astray.revision);
            let others: Vec<Ticket> = others.into_iter().map(|ticket| part.as_shown(ticket)).collect();
            match shows(&part.row, &part.as_shown(astray.ticket.without_exits()), others.iter()) {
                Some(true) => return self.came_late(order, &astray, ended).await,
                Some(false) if ended => {
                    self.record_change(order, |order, _| order.did_not_come(astray.revision, leg)).await?;
                }
                _ => {}
            }
        }
        self.record_change(order, Order::forget_astray).await
    }

    async fn came_late(
        &mut self,
        order: &mut Versioned<Order>,
        astray: &AstrayChange,
        ended: bool,
    ) -> Result<(), StoreError> {
        let revision = astray.revision;
        let what = Cell::new(None);
        self.record_change(order, |order, now| what.set(order.change_came_late(revision, astray.leg, ended, now)))
            .await?;
        match what.get() {
            Some(CameLate::Told) => {
                tracing::error!(key = %order.value.key, revision, alarm = "change_came_late", metric.orders_for_a_person = 1, "a change came into force after a later one");
            }
            what => tracing::warn!(key = %order.value.key, revision, ?what, "a change came into force late"),
        }
        Ok(())
    }
}

/// The broker's row of a part of an order.
struct PartRow {
    leg: Option<LegRole>,
    row: LiveOrder,
    /// It is an exit that shrinks with the other one's fills: that it shows less than was asked tells nothing of a change.
    may_have_shrunk: bool,
}

impl PartRow {
    fn of(order: &Order, leg: Option<LegRole>, shown: &Shown) -> Option<Self> {
        let row = row_of_part(order, leg, shown)?.clone();
        // What this look shows of the other exit is not on record yet.
        let fills = |other: &Leg| {
            let sight = leg_sight(order, other, shown);
            let filled = sight.as_ref().and_then(|sight| sight.filled_quantity).unwrap_or(other.filled_quantity);
            !filled.max(other.filled_quantity).is_zero()
                || sight.is_some_and(|sight| sight.status == BrokerStatus::Filled)
        };
        let may_have_shrunk =
            leg.is_some_and(|role| order.legs().iter().any(|other| other.role != role && fills(other)));
        Some(Self { leg, row, may_have_shrunk })
    }

    fn has_ended(&self) -> bool {
        self.row.status.is_end()
    }

    /// A ticket as this row can show it.
    fn as_shown(&self, ticket: Ticket) -> Ticket {
        let shown = self.row.total_quantity.filter(|_| self.may_have_shrunk);
        match (ticket.size, shown.and_then(|quantity| Amount::new(quantity).ok())) {
            (Size::Quantity(asked), Some(shown)) => Ticket { size: Size::Quantity(asked.min(shown)), ..ticket },
            _ => ticket,
        }
    }
}

/// The broker's row of the entry, or of an exit.
pub(crate) fn row_of_part<'l>(order: &Order, leg: Option<LegRole>, shown: &'l Shown) -> Option<&'l LiveOrder> {
    match leg {
        None => row_of(order, &shown.live),
        Some(role) => leg_row(order, order.leg(role)?, &shown.live),
    }
}

/// Every ticket that the broker may have of this part of the order in place of that of this revision. The exits are
/// tickets of their own.
fn other_tickets(order: &Order, leg: Option<LegRole>, revision: u64) -> Vec<Ticket> {
    let astray = order.changes_astray().filter(|astray| astray.leg == leg && astray.revision != revision);
    order.ticket_of(leg).into_iter().chain(astray.map(|astray| &astray.ticket)).map(Ticket::without_exits).collect()
}

fn unsettled_change() -> Reason {
    Reason::new(
        ReasonCode::ChangeUnsettled,
        format!(
            "The change was sent {CHANGE_SENDS_MAX} times, and the broker shows the order as it was. Look at the order at the broker; then send the next revision, or cancel."
        ),
    )
}
