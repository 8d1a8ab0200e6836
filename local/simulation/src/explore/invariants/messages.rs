//! Every message became an order on record, or a refusal on record.

use domain::OrderStatus;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record};
use crate::explore::plan::Act;
use crate::explore::stage::Sent;

/// Whoever calls the API hears that it did not work, and calls again; so those calls are not asked about here.
pub(crate) fn no_message_is_lost(evidence: &Evidence) -> Vec<Violation> {
    let queued = evidence.sent.iter().filter_map(|sent| Some(violation("a message is lost", trouble(evidence, sent)?)));
    queued.collect()
}

/// What is wrong, if anything is.
fn trouble(evidence: &Evidence, sent: &Sent) -> Option<String> {
    let Sent { message_id, act, .. } = sent;
    let refusal = evidence.refusal(message_id);
    if evidence.left.iter().any(|message| message.id == *message_id) {
        return Some(format!("{act:?} is still in the queue"));
    }
    let life = |index: usize| {
        let life = &evidence.plan.lives[index];
        evidence.record(life.person.user_id, &life.order_id)
    };
    let dead = evidence.dead.iter().any(|message| message.id == *message_id);
    let found = match act {
        Act::Place(index) | Act::Again(index) => life(*index).is_some() || refusal.is_some(),
        // One that cannot be read, and comes first, is the order under this id: denied.
        Act::Other(index) => {
            let is_it =
                |record: &Record| record.order.request.is_none() && record.order.status() == OrderStatus::Denied;
            refusal.is_some() || life(*index).is_some_and(is_it)
        }
        Act::Cancel(index) => {
            let asked = |record: &Record| record.order.cancel_asked_at.is_some() || record.order.status().is_final();
            life(*index).is_some_and(asked) || refusal.is_some()
        }
        Act::CancelLeg(index, role) => {
            let asked =
                |record: &Record| record.order.leg(*role).is_some_and(|leg| leg.cancel.is_some() || leg.has_ended());
            life(*index).is_some_and(asked) || refusal.is_some()
        }
        // A change that is not taken is refused; one that is taken is in the order.
        Act::Modify(index, revision) | Act::Lower(index, revision) => {
            let taken = |record: &Record| is_taken(record, *revision) || record.order.status().is_final();
            life(*index).is_some_and(taken) || refusal.is_some()
        }
        Act::ModifyLeg(index, _, revision) => {
            let taken = |record: &Record| is_taken(record, *revision) || record.order.is_over();
            life(*index).is_some_and(taken) || refusal.is_some()
        }
        Act::Bad(bad) => match &bad.denied {
            Some(order_id) => {
                let order = evidence.record(bad.group, order_id);
                order.is_some_and(|record| record.order.status() == OrderStatus::Denied)
            }
            None => refusal.is_some_and(|refusal| refusal.reason.code == bad.code),
        },
        _ => true,
    };
    (!found).then(|| format!("{act:?} (message {message_id}, dead letter: {dead}) is neither an order nor a refusal; refusal: {refusal:?}"))
}

fn is_taken(record: &Record, revision: u64) -> bool {
    record.order.revision() >= revision || record.order.change().is_some_and(|change| change.revision >= revision)
}
