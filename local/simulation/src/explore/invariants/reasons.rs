//! Reasons: each stands where the published list says that it may.

use std::collections::BTreeSet;

use domain::{Order, Reason, ReasonCode, ReasonOf};

use super::{Violation, violation};
use crate::explore::evidence::Evidence;

pub(crate) fn each_stands_where_the_list_says(evidence: &Evidence) -> Vec<Violation> {
    let mut told: BTreeSet<(ReasonCode, &str)> = BTreeSet::new();
    let images = evidence.records.iter().flat_map(|record| &record.images);
    for (reason, of) in images.flat_map(reasons_of).chain(refusals(evidence)) {
        if matches!(reason.code, ReasonCode::Newer(_)) || !reason.code.is_of(of) {
            told.insert((reason.code.clone(), name(of)));
        }
    }
    let unlisted = |(code, of): (ReasonCode, &str)| violation("a reason is not on the list", format!("{code} of {of}"));
    told.into_iter().map(unlisted).collect()
}

fn reasons_of(order: &Order) -> Vec<(&Reason, ReasonOf)> {
    let of_legs = order.legs().iter().filter_map(|leg| leg.reason());
    let of_order = order.state().reason().into_iter().chain(of_legs).map(|reason| (reason, ReasonOf::Order));
    let of_change = order.change().into_iter().filter_map(|change| change.stage.reason());
    let warning = order.warning.iter().map(|reason| (reason, ReasonOf::Warning));
    of_order.chain(of_change.map(|reason| (reason, ReasonOf::Change))).chain(warning).collect()
}

fn refusals(evidence: &Evidence) -> impl Iterator<Item = (&Reason, ReasonOf)> {
    evidence.refusals.iter().map(|refusal| (&refusal.reason, ReasonOf::Refusal))
}

fn name(of: ReasonOf) -> &'static str {
    match of {
        ReasonOf::Order => "an order",
        ReasonOf::Warning => "a warning",
        ReasonOf::Change => "a change",
        ReasonOf::Refusal => "a refusal",
        ReasonOf::Connection => "a connection",
    }
}
