//! Under a halt that lets reducing orders pass, nothing that is sent turns or grows a position at the broker.

use domain::{Change, ChangeStage, Intent, Order, Size, Ticket};
use jiff::Timestamp;
use paper_broker::LedgerEntry;
use rust_decimal::Decimal;

use super::times::{intents, is_within, stops, written_at};
use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record};
use crate::explore::plan::{Mode, Stop};
use crate::explore::stage::Halted;

/// An order that was sent under such a halt.
pub(crate) struct SentReducing<'e> {
    record: &'e Record,
    pub(crate) entry: &'e LedgerEntry,
    intended_at: Timestamp,
    halted: &'e Halted,
}

/// Its quantity is no more than what the position has left once everything of ours that may work against it is done.
pub(crate) fn only_what_reduces_is_sent(evidence: &Evidence) -> Vec<Violation> {
    let beyond = sent_reducing(evidence).into_iter().filter_map(|sent| {
        let at = sent.intended_at;
        let position = position(evidence, sent.entry, at);
        let against: Decimal = evidence.records.iter().map(|other| works_against(evidence, other, &sent)).sum();
        let quantity = evidence.quantity_at(sent.entry, sent.entry.registered_at);
        let takes_off = if sent.entry.side == "SELL" { position } else { -position };
        (quantity > takes_off - against).then(|| {
            violation(
                "an order that does not reduce was sent under a halt for reducing ones",
                format!(
                    "{} at {at}: the position is {position}, ours may take {against} off it; {:?} within {:?}",
                    sent.record.order.key, sent.entry, sent.halted
                ),
            )
        })
    });
    beyond.chain(turned(evidence)).chain(changes_that_grow(evidence)).collect()
}

/// The orders whose every ticket was sent under such a halt, and that the broker has.
pub(crate) fn sent_reducing(evidence: &Evidence) -> Vec<SentReducing<'_>> {
    let sent = evidence.records.iter().filter_map(|record| {
        let entry = record.entry.as_ref()?;
        let first = first_intent(record)?;
        let intended_at = written_at(evidence, &record.order, first.at);
        let halted = reducing(evidence, &record.order, intended_at)?;
        let is_under_a_halt = |intent: &Intent| {
            reducing(evidence, &record.order, written_at(evidence, &record.order, intent.at)).is_some()
        };
        // One that was not delivered then may go out, and larger, once the halt is over.
        intents(record).iter().filter(|intent| intent.act.is_ticket()).all(is_under_a_halt).then_some(())?;
        Some(SentReducing { record, entry, intended_at, halted })
    });
    sent.collect()
}

fn first_intent(record: &Record) -> Option<Intent> {
    intents(record).into_iter().find(|intent| intent.act.is_ticket())
}

fn reducing<'e>(evidence: &'e Evidence, order: &Order, at: Timestamp) -> Option<&'e Halted> {
    let mut halts = evidence.halted.iter().filter(|halted| halted.mode == Mode::Reducing);
    halts.find(|halted| stops(halted, order) && is_within(halted, at))
}

/// What the account held of the contract right before.
fn position(evidence: &Evidence, of: &LedgerEntry, before: Timestamp) -> Decimal {
    let held =
        evidence.plan.holdings.iter().filter(|held| held.account == of.account_id && held.contract.conid == of.conid);
    let traded = evidence.book.iter().filter(|entry| entry.account_id == of.account_id && entry.conid == of.conid);
    let signed = traded.map(|entry| {
        let filled = evidence.filled_before(entry, before);
        if entry.side == "BUY" { filled } else { -filled }
    });
    held.map(super::super::reducing::Holding::quantity).sum::<Decimal>() + signed.sum::<Decimal>()
}

/// How much another order of ours may still take off the same position: sent before, perhaps still on its way, and not over.
/// One exit ends the other, so the larger counts, as far as its entry has traded.
fn works_against(evidence: &Evidence, other: &Record, sent: &SentReducing<'_>) -> Decimal {
    let (Some(entry), Some(first)) = (&other.entry, first_intent(other)) else { return Decimal::ZERO };
    // What the broker itself calls over while it works cannot be known to work.
    if evidence.falsely_ended.contains(&entry.order_id) {
        return Decimal::ZERO;
    }
    let (at, own) = (sent.intended_at, sent.entry);
    let same = entry.account_id == own.account_id && entry.conid == own.conid && entry.order_id != own.order_id;
    if !same || written_at(evidence, &other.order, first.at) >= at {
        return Decimal::ZERO;
    }
    let left = |part: &LedgerEntry| {
        let over =
            evidence.histories.get(&part.order_id).and_then(|history| history.ended_at).is_some_and(|end| end < at);
        let counts = !over && part.side == own.side;
        if counts {
            evidence.quantity_at(part, at.max(part.registered_at)) - evidence.filled_before(part, at)
        } else {
            Decimal::ZERO
        }
    };
    let exits = evidence.book.iter().filter(|exit| exit.parent_order_id == Some(entry.order_id));
    let largest = exits.clone().map(left).max().unwrap_or_default();
    let taken = exits.map(|exit| evidence.filled_before(exit, at)).sum::<Decimal>();
    left(entry) + largest.min(evidence.filled_before(entry, at) - taken).max(Decimal::ZERO)
}

/// While such a halt binds every order of an account, no execution of an order that was sent under it leaves a position on the
/// other side, or a larger one.
fn turned(evidence: &Evidence) -> Vec<Violation> {
    let binds_all = |sent: &SentReducing<'_>| matches!(sent.halted.stop, Stop::Everything | Stop::User(_));
    let mut turned = Vec::new();
    for sent in sent_reducing(evidence).into_iter().filter(binds_all) {
        let executions = evidence.histories.get(&sent.entry.order_id).map(|history| &history.executions);
        for executed in executions.into_iter().flatten().filter(|executed| is_within(sent.halted, executed.at)) {
            let before = position(evidence, sent.entry, executed.at);
            let after = if sent.entry.side == "BUY" { before + executed.quantity } else { before - executed.quantity };
            if after.abs() >= before.abs()
                || (!after.is_zero() && after.is_sign_positive() != before.is_sign_positive())
            {
                let told = format!(
                    "{} at {}: from {before} to {after}, {:?}",
                    sent.record.order.key, executed.at, sent.halted
                );
                turned.push(violation("a reducing order turned or grew a position", told));
            }
        }
    }
    turned
}

/// Of changes only one that makes its order smaller passes.
fn changes_that_grow(evidence: &Evidence) -> Vec<Violation> {
    let mut grown = Vec::new();
    for record in &evidence.records {
        for (in_force, change, at) in sent_changes(record) {
            let at = written_at(evidence, &record.order, at);
            let Some(halted) = reducing(evidence, &record.order, at) else { continue };
            if !is_smaller(&change.ticket, in_force) {
                let told = format!("{}: {change:?} over {in_force:?} at {at} within {halted:?}", record.order.key);
                grown.push(violation("a change that does not reduce was sent under a halt for reducing ones", told));
            }
        }
    }
    grown
}

/// The changes that were sent under such a halt, for whoever counts them.
pub(crate) fn changes_sent_reducing(evidence: &Evidence) -> usize {
    let sent =
        evidence.records.iter().flat_map(|record| sent_changes(record).into_iter().map(move |sent| (record, sent)));
    sent.filter(|(record, (_, _, at))| {
        reducing(evidence, &record.order, written_at(evidence, &record.order, *at)).is_some()
    })
    .count()
}

/// Each change at the moment when it was put on the wire, with the ticket that was in force. The intent of an answer to the
/// broker's question counts where it brought the change into force: an answer no brings nothing.
fn sent_changes(record: &Record) -> Vec<(&Ticket, &Change, Timestamp)> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for image in &record.images {
        for change in image.changes() {
            let ChangeStage::Sending { at, .. } = change.stage else { continue };
            let is_this = |other: &&Change| (other.revision, other.leg) == (change.revision, change.leg);
            let is_an_answer =
                found.iter().any(|(_, sent, _): &(_, &Change, _)| is_this(sent) && sent.sends == change.sends);
            let came_in = || {
                record
                    .images
                    .iter()
                    .flat_map(Order::changes)
                    .any(|one| is_this(&one) && one.stage == ChangeStage::Applied)
            };
            if is_an_answer && !came_in() {
                continue;
            }
            if let Some(in_force) = image.ticket_of(change.leg).filter(|_| !seen.contains(&(change.revision, at))) {
                seen.push((change.revision, at));
                found.push((in_force, change, at));
            }
        }
    }
    found
}

fn is_smaller(now: &Ticket, before: &Ticket) -> bool {
    let (Size::Quantity(less), Size::Quantity(more)) = (now.size, before.size) else { return false };
    less < more && Ticket { size: before.size, ..now.clone() } == *before
}
