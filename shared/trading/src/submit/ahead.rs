//! Cancels go ahead: on record before any call of their user to the broker, and out before what stands in front of them.
//!
//! A cancel takes risk away, so it may pass other orders, and nothing of its own. Where a message in front of it places its
//! order, it stays behind that one. A change of its order in front of it is put on record first; the cancel wins.

use domain::{Order, OrderKey, OrderState};
use store::StoreError;

use super::{OnRecord, Submission, Task, about, new_order};
use crate::receive::Request;

impl Submission<'_> {
    /// Puts on record what goes ahead. What fails has its turn in its place, and so has what follows it for the same order.
    pub(super) async fn record_cancels(&self, tasks: &mut [Task]) {
        let mut failed = Vec::new();
        for (index, key, request) in go_ahead(tasks) {
            if failed.contains(&key) {
                continue;
            }
            match Box::pin(self.on_record(request)).await {
                Ok(on_record) => tasks[index].is_on_record(on_record),
                Err(error) => {
                    tracing::warn!(%error, %key, "what goes ahead could not be put on record; its turn comes");
                    failed.push(key);
                }
            }
        }
    }

    /// Asks the broker for the ends that are on record. What fails has its turn in its place.
    pub(super) async fn carry_cancels(&mut self, tasks: &mut [Task]) {
        for task in tasks {
            let Task::OnRecord(_, OnRecord::Order(order)) = &*task else { continue };
            if !only_ends(&order.value) {
                continue;
            }
            match Box::pin(self.carry_cancel(&order.value)).await {
                Ok(()) => *task = Task::Carried,
                Err(error) => {
                    tracing::warn!(%error, key = %order.value.key, "a cancel could not be carried ahead; its turn comes");
                }
            }
        }
    }

    /// What waited in line before this batch comes afterwards: it may take long.
    async fn carry_cancel(&mut self, order: &Order) -> Result<(), StoreError> {
        let desk = self.desk;
        let Some(lane) = Box::pin(self.lane(&order.key.user_id)).await? else { return desk.leave_to_next(order).await };
        // Another may have carried it while the lane was waited for.
        match desk.intake.orders.get(&order.key).await? {
            Some(mut order) => lane.advance(&mut order).await,
            None => Ok(()),
        }
    }
}

/// What goes ahead, and of which order: cancels, and the changes that a cancel comes after.
pub(super) fn go_ahead(tasks: &[Task]) -> Vec<(usize, OrderKey, Request)> {
    let of_an_order = tasks.iter().enumerate().filter_map(|(index, task)| match task {
        Task::Read(_, request) if matches!(**request, Request::Modify(_) | Request::Cancel(_)) => {
            Some((index, about(request)?, Request::clone(request)))
        }
        _ => None,
    });
    of_an_order.filter(|(index, key, request)| may_pass(tasks, *index, key, request)).collect()
}

/// One that asks for the same once more has its own turn, and its own call to the broker.
fn may_pass(tasks: &[Task], index: usize, key: &OrderKey, request: &Request) -> bool {
    let (before, from_here) = tasks.split_at(index);
    let is_the_same = |task: &Task| matches!(task, Task::Read(_, earlier) if **earlier == *request);
    from_here.iter().any(|task| cancels(task, key))
        && !before.iter().any(|task| places(task, key))
        && !before.iter().any(is_the_same)
}

fn cancels(task: &Task, key: &OrderKey) -> bool {
    matches!(task, Task::Read(_, request) if matches!(&**request, Request::Cancel(cancel) if cancel.key == *key))
}

/// Whether a message places this order. One that was on record before the batch is not placed by it.
fn places(task: &Task, key: &OrderKey) -> bool {
    match task {
        // A dead letter, which goes on record in its place.
        Task::Read(_, request) => matches!(&**request, Request::Place(place) if place.key == *key),
        _ => new_order(task).is_some_and(|order| order.key == *key),
    }
}

/// Whether nothing but cancels leaves when the order is taken further: it is not to be sent, and no change of it is.
fn only_ends(order: &Order) -> bool {
    let is_settled = !matches!(
        order.state(),
        OrderState::Received | OrderState::Held { .. } | OrderState::Sending { .. } | OrderState::Unknown { .. }
    );
    let is_refused = |role| order.leg_change_refused(role).is_some();
    let goes_out = order.changes().any(|change| change.stage.is_open() && !change.leg.is_some_and(is_refused));
    !order.is_over() && is_settled && (order.cancel_asked_at.is_some() || !goes_out)
}
