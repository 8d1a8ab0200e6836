//! Submit: the messages of one user are read, put on record together, and taken further one after the other.
//!
//! A message is done with once its order, or its refusal, is on record: from there the row carries it. The new orders are put on
//! record together, and what bears on them is read once. Cancels of orders that were on record before go ahead of them.

mod ahead;
#[cfg(test)]
mod tests;
mod together;

use std::time::Duration;

use domain::{Order, OrderId, OrderKey, Reason, UserId};
use jiff::Timestamp;
use store::{StoreError, TrackAsk, Versioned, Wake};

use crate::cancel::LegCancelAsked;
use crate::desk::Desk;
use crate::intake::{Arrived, Recorded, cannot_be_recorded};
use crate::lane::Lane;
use crate::modify::ChangeAsked;
use crate::readings::Readings;
use crate::receive::{QueueMessage, Request};
pub use together::{Together, Turn};

/// How long one user's orders wait for the others' messages to be on record. Nobody's go to the broker before everybody's are:
/// an invocation that dies then has lost nothing. Longer, and the database is in trouble: then each goes on by themselves.
const WAITS_FOR_RECORD_MAX: Duration = Duration::from_secs(2);

impl Desk {
    /// Takes the messages of one user, in their order; returns how many are done with. Those behind come again. `turn`: the
    /// user's place among those of the batch. `holder` names this invocation, which must have ended at `deadline`.
    pub async fn submit(&self, messages: &[QueueMessage], turn: Turn<'_>, holder: &str, deadline: Timestamp) -> usize {
        let mut submission = Submission::new(self, holder, deadline);
        let mut done = 0;
        let mut tasks = submission.read_all(messages).await;
        let recorded = submission.record_all(&mut tasks).await;
        if !turn.wait_for_the_others(WAITS_FOR_RECORD_MAX).await {
            tracing::warn!("another user's messages are not on record yet; this one's are worked on");
        }
        let failed = match recorded {
            Ok(()) => Box::pin(submission.carry_out(tasks, &mut done)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            tell_back(&error, &messages[done]);
        }
        Box::pin(submission.leave()).await;
        done
    }
}

/// The user's lane while a group is worked on.
enum Held<'d> {
    NotAsked,
    /// Somebody else has it: what is on record is left to the next holder.
    Elsewhere,
    /// Boxed, since it is much larger than the others.
    Here(Box<Lane<'d>>),
}

/// What a message comes to, step by step.
enum Task {
    /// All that it asked for is done.
    Done,
    /// It was read, and its sender may ask for this.
    Read(QueueMessage, Box<Request>),
    /// Its order is on record.
    Recorded(QueueMessage, Box<Recorded>),
    /// It was put on record ahead of its turn, and came to this.
    OnRecord(QueueMessage, OnRecord),
    /// Its cancel left ahead of its turn. What waited in line before this batch has not had its own.
    Carried,
}

/// What a message came to once it was put on record.
enum OnRecord {
    /// An order, new or known, changed or to be cancelled: it is taken further. Boxed, since it is large.
    Order(Box<Versioned<Order>>),
    /// A wake, which leaves nothing on record.
    Wake(Wake),
    /// What it asked for was refused, and why.
    Refused(OrderKey, Reason),
}

/// Work on the messages of one user.
struct Submission<'d> {
    desk: &'d Desk,
    held: Held<'d>,
    readings: Readings,
    /// The new orders of the group, which are on record.
    in_hand: Vec<OrderId>,
    holder: &'d str,
    deadline: Timestamp,
}

impl<'d> Submission<'d> {
    fn new(desk: &'d Desk, holder: &'d str, deadline: Timestamp) -> Self {
        Self { desk, held: Held::NotAsked, readings: Readings::default(), in_hand: Vec::new(), holder, deadline }
    }

    /// Reads a group's messages, up to one that cannot be read now: that one and all behind it come again.
    async fn read_all(&mut self, messages: &[QueueMessage]) -> Vec<Task> {
        let mut tasks = Vec::new();
        for message in messages {
            match self.read(message).await {
                Ok(task) => tasks.push(task),
                Err(error) => {
                    tell_back(&error, message);
                    break;
                }
            }
        }
        tasks
    }

    async fn read(&mut self, message: &QueueMessage) -> Result<Task, StoreError> {
        let is_redelivered = message.deliveries > 1;
        if is_redelivered && self.desk.intake.is_done_with(message).await? {
            return Ok(Task::Done);
        }
        let request = match self.desk.read_message(message, &mut self.readings).await {
            Err(error) if error.is_beyond_cure() => refuse_for_good(self.desk, message, None, &error).await?,
            read => read?,
        };
        Ok(request.map_or(Task::Done, |request| Task::Read(message.clone(), Box::new(request))))
    }

    /// Puts the new orders of a group on record, together, and then its cancels of orders that were there before.
    async fn record_all(&mut self, tasks: &mut [Task]) -> Result<(), StoreError> {
        let arrived = tasks.iter().filter_map(arrived_by).collect();
        let new = tasks.iter_mut().filter(|task| arrived_by(task).is_some());
        let desk = self.desk;
        match desk.intake.record_all(&desk.lanes, arrived).await {
            Ok(recorded) => new.zip(recorded).for_each(|(task, recorded)| task.is_recorded(recorded)),
            // One of them spoils the write for all: each by itself.
            Err(error) if error.is_beyond_cure() => {
                for task in new {
                    record_alone(desk, task).await?;
                }
            }
            Err(error) => return Err(error),
        }
        self.in_hand = tasks.iter().filter_map(new_order).map(|order| order.key.order_id).collect();
        self.record_cancels(tasks).await;
        Ok(())
    }

    /// Takes what the messages ask for as far as it goes: cancels first, then one after the other. An error: one is not on
    /// record, or not all that follows from it, and must come again, with those behind it.
    async fn carry_out(&mut self, mut tasks: Vec<Task>, done: &mut usize) -> Result<(), StoreError> {
        self.carry_cancels(&mut tasks).await;
        let mut tasks = tasks.into_iter();
        while let Some(task) = tasks.next() {
            let on_record = new_order(&task);
            if let Err(error) = Box::pin(self.take(task)).await {
                // They stand on record: nothing may pass them before they come again.
                let behind = tasks.as_slice().iter().filter_map(new_order);
                let left: Vec<Order> = on_record.into_iter().chain(behind).collect();
                self.leave_for_later(&left).await;
                return Err(error);
            }
            *done += 1;
        }
        Ok(())
    }

    /// Leaves orders that are on record to whoever comes next, in line, and asks for them to be looked at: they must not wait
    /// for their messages to come again.
    async fn leave_for_later(&mut self, orders: &[Order]) {
        if let Held::Here(lane) = &mut self.held {
            lane.keep_all_in_line(orders);
        }
        let Some(order) = orders.first() else { return };
        let ask = TrackAsk::first(order.key.user_id.clone());
        if let Err(error) = self.desk.track_queue.ask(&ask, 1).await {
            tracing::warn!(%error, "a look was not asked for; the messages come again, and the schedule finds their orders");
        }
    }

    async fn take(&mut self, task: Task) -> Result<(), StoreError> {
        let intake = &self.desk.intake;
        let (message, on_record) = match task {
            Task::Done => return Ok(()),
            Task::Carried => return self.catch_up().await,
            Task::Recorded(message, recorded) => (message, of_recorded(*recorded)),
            Task::OnRecord(message, on_record) => (message, self.read_again(on_record).await?),
            Task::Read(message, request) => {
                let about = about(&request);
                let on_record = match Box::pin(self.on_record(*request)).await {
                    Err(error) if error.is_beyond_cure() => {
                        return refuse_for_good(self.desk, &message, about.as_ref(), &error).await.map(drop);
                    }
                    on_record => on_record?,
                };
                (message, on_record)
            }
        };
        match on_record {
            OnRecord::Order(order) if !order.value.concerns_the_lane() => Ok(()),
            // Boxed: the whole path of an order is in these futures.
            OnRecord::Order(order) => Box::pin(self.take_further(*order)).await,
            OnRecord::Wake(wake) => Box::pin(self.wake(&wake)).await,
            OnRecord::Refused(key, reason) => intake.refuse(&message, Some(&key), reason).await.map(|_| ()),
        }
    }

    /// Takes further what waited in line before this batch, once.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let Held::Here(lane) = &mut self.held else { return Ok(()) };
        match Box::pin(lane.catch_up()).await {
            Err(error) if error.is_beyond_cure() => tell_unwritten(&error, lane.user_id()),
            caught_up => caught_up?,
        }
        Ok(())
    }

    /// What was put on record ahead of its turn, as it is by now.
    async fn read_again(&mut self, on_record: OnRecord) -> Result<OnRecord, StoreError> {
        match on_record {
            OnRecord::Order(order) if order.value.concerns_the_lane() => {
                let now = self.desk.intake.orders.get(&order.value.key).await?;
                Ok(OnRecord::Order(now.map_or(order, Box::new)))
            }
            nothing_left => Ok(nothing_left),
        }
    }

    async fn on_record(&self, request: Request) -> Result<OnRecord, StoreError> {
        let intake = &self.desk.intake;
        Ok(match request {
            // Only a dead letter's is not on record yet.
            Request::Place(place) => of_recorded(intake.record_dead_letter(&self.desk.lanes, place).await?),
            Request::Modify(modify) => match intake.own_order(&modify.key, &modify.algorithm_id).await {
                Err(stop) => OnRecord::Refused(modify.key, stop.reason()?),
                Ok(order) => match intake.ask_change(&modify).await? {
                    ChangeAsked::OnRecord(order) => OnRecord::Order(order),
                    ChangeAsked::Refused(reason) => OnRecord::Refused(modify.key, reason),
                    ChangeAsked::NoSuchOrder => OnRecord::Order(Box::new(order)),
                },
            },
            Request::Cancel(cancel) => match intake.own_order(&cancel.key, &cancel.algorithm_id).await {
                Err(stop) => OnRecord::Refused(cancel.key, stop.reason()?),
                Ok(order) => match cancel.leg {
                    None => OnRecord::Order(Box::new(intake.ask_cancel(&cancel.key).await?.unwrap_or(order))),
                    Some(role) => match intake.ask_leg_cancel(&cancel.key, role).await? {
                        LegCancelAsked::OnRecord(order) => OnRecord::Order(order),
                        LegCancelAsked::Refused(reason) => OnRecord::Refused(cancel.key, reason),
                        LegCancelAsked::NoSuchOrder => OnRecord::Order(Box::new(order)),
                    },
                },
            },
            Request::Wake(wake) => OnRecord::Wake(wake),
        })
    }

    /// Gives the lane back. Where that fails the lease ends by itself, and its next holder takes over what was left.
    async fn leave(self) {
        if let Held::Here(lane) = self.held
            && let Err(error) = Box::pin(lane.leave()).await
        {
            tracing::warn!(%error, "a lane was not given back");
        }
    }

    /// What is on record is carried by its row: where a row can never be written so, its message is done with all the same, and
    /// blocks nobody.
    async fn take_further(&mut self, mut order: Versioned<Order>) -> Result<(), StoreError> {
        let taken = match Box::pin(self.lane(&order.value.key.user_id)).await {
            Ok(Some(lane)) => lane.take_on(&mut order).await,
            Ok(None) => self.desk.leave_to_next(&order.value).await,
            Err(error) => Err(error),
        };
        match taken {
            Err(error) if error.is_beyond_cure() => {
                tell_unwritten(&error, &order.value.key);
                self.leave_for_later(&[order.value]).await;
                Ok(())
            }
            taken => taken,
        }
    }

    async fn wake(&mut self, wake: &Wake) -> Result<(), StoreError> {
        match Box::pin(self.lane(&wake.user_id)).await? {
            Some(lane) => lane.wake(wake).await,
            None => self.desk.track_queue.ask(&TrackAsk::first(wake.user_id.clone()), 1).await,
        }
    }

    /// The user's lane; asked for once. A lease that is over, as after a long standstill, is no lane.
    async fn lane(&mut self, user_id: &UserId) -> Result<Option<&mut Lane<'d>>, StoreError> {
        if let Held::Here(lane) = &self.held
            && lane.is_over()
            && let Held::Here(lane) = std::mem::replace(&mut self.held, Held::Elsewhere)
        {
            tracing::warn!(%user_id, "the lease of the lane ended before the batch did");
            Box::pin(lane.leave()).await?;
        }
        if matches!(self.held, Held::NotAsked) {
            let entered = self.desk.enter(user_id, self.holder, self.deadline).await?;
            self.held = entered.map_or(Held::Elsewhere, |mut lane| {
                lane.bring(std::mem::take(&mut self.readings));
                lane.take_in_hand(std::mem::take(&mut self.in_hand));
                Held::Here(Box::new(lane))
            });
        }
        Ok(match &mut self.held {
            Held::Here(lane) => Some(lane),
            Held::NotAsked | Held::Elsewhere => {
                tracing::info!(%user_id, "the user's lane is in use; what is on record is left to its next holder");
                None
            }
        })
    }
}

/// The new order that a message asks for, as it is put on record with the others of its group. Dead letters have their own rules.
fn arrived_by(task: &Task) -> Option<Arrived> {
    let Task::Read(message, request) = task else { return None };
    let Request::Place(place) = &**request else { return None };
    let arrived = || Arrived { request: place.clone(), place: message.place.clone(), sent_at: message.sent_at };
    (!message.is_dead_letter).then(arrived)
}

impl Task {
    fn is_recorded(&mut self, recorded: Recorded) {
        if let Self::Read(message, _) = std::mem::replace(self, Self::Done) {
            *self = Self::Recorded(message, Box::new(recorded));
        }
    }

    /// A change is taken further in its own place, where it is found on record.
    fn is_on_record(&mut self, on_record: OnRecord) {
        let is_change = matches!(self, Self::Read(_, request) if matches!(**request, Request::Modify(_)));
        if is_change && matches!(on_record, OnRecord::Order(_)) {
            return;
        }
        if let Self::Read(message, _) = std::mem::replace(self, Self::Done) {
            *self = Self::OnRecord(message, on_record);
        }
    }
}

/// Puts one new order on record by itself, or refuses it where that can never be done.
async fn record_alone(desk: &Desk, task: &mut Task) -> Result<(), StoreError> {
    let Some(arrived) = arrived_by(task) else { return Ok(()) };
    let key = arrived.request.key.clone();
    match desk.intake.record_all(&desk.lanes, vec![arrived]).await {
        Ok(recorded) => recorded.into_iter().for_each(|recorded| task.is_recorded(recorded)),
        Err(error) if error.is_beyond_cure() => {
            if let Task::Read(message, _) = std::mem::replace(task, Task::Done) {
                refuse_for_good(desk, &message, Some(&key), &error).await?;
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Refuses a message that no further try would put on record: it must not stand in the way of its group.
async fn refuse_for_good(
    desk: &Desk,
    message: &QueueMessage,
    about: Option<&OrderKey>,
    error: &StoreError,
) -> Result<Option<Request>, StoreError> {
    let source = std::error::Error::source(error);
    tracing::error!(%error, source, message_id = message.message_id, "a message can never be put on record");
    desk.intake.refuse(message, about, cannot_be_recorded()).await
}

/// The order that a request is about; a wake is about none in particular.
fn about(request: &Request) -> Option<OrderKey> {
    match request {
        Request::Place(place) => Some(place.key.clone()),
        Request::Modify(modify) => Some(modify.key.clone()),
        Request::Cancel(cancel) => Some(cancel.key.clone()),
        Request::Wake(_) => None,
    }
}

fn of_recorded(recorded: Recorded) -> OnRecord {
    match recorded {
        Recorded::New(order) | Recorded::Same(order) => OnRecord::Order(Box::new(order)),
        Recorded::Differs(key, reason) => OnRecord::Refused(key, reason),
    }
}

/// The new order of a task, which is on record.
fn new_order(task: &Task) -> Option<Order> {
    match task {
        Task::Recorded(_, recorded) => match &**recorded {
            Recorded::New(order) => Some(order.value.clone()),
            Recorded::Same(_) | Recorded::Differs(..) => None,
        },
        _ => None,
    }
}

/// `whose`: the order, or the user, whose row takes no more.
fn tell_unwritten(error: &StoreError, whose: &dyn std::fmt::Display) {
    tracing::error!(
        %error, source = std::error::Error::source(error), %whose, metric.orders_for_a_person = 1,
        "what became of an order can never be written so; a person looks"
    );
}

fn tell_back(error: &StoreError, message: &QueueMessage) {
    tracing::error!(%error, source = std::error::Error::source(error), message_id = message.message_id, "a message goes back to the queue");
}
