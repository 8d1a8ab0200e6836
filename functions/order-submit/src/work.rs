//! Work on the messages of one user: read, put on record together, and taken further one after the other.

use aws_lambda_events::sqs::SqsMessage;
use domain::{Order, OrderId, OrderKey, Reason, UserId};
use jiff::Timestamp;
use store::{StoreError, TrackAsk, Versioned, Wake};
use trading::{Arrived, ChangeAsked, Lane, LegCancelAsked, QueueMessage, Readings, Recorded, Request};

use crate::{Group, OrderSubmit};

/// The user's lane while a group is worked on.
enum Held<'d> {
    NotAsked,
    /// Somebody else has it: what is on record is left to the next holder.
    Elsewhere,
    /// Boxed, since it is much larger than the others.
    Here(Box<Lane<'d>>),
}

/// What a message comes to, step by step.
pub(crate) enum Task {
    /// All that it asked for is done.
    Done,
    /// It was read, and its sender may ask for this.
    Read(QueueMessage, Box<Request>),
    /// Its order is on record.
    Recorded(QueueMessage, Box<Recorded>),
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
pub(crate) struct Work<'d> {
    function: &'d OrderSubmit,
    held: Held<'d>,
    readings: Readings,
    /// The new orders of the group, which are on record.
    in_hand: Vec<OrderId>,
    holder: &'d str,
    deadline: Timestamp,
}

impl<'d> Work<'d> {
    pub(crate) fn new(function: &'d OrderSubmit, holder: &'d str, deadline: Timestamp) -> Self {
        Self { function, held: Held::NotAsked, readings: Readings::default(), in_hand: Vec::new(), holder, deadline }
    }

    /// Reads a group's messages, up to one that cannot be read now: that one and all behind it come again.
    pub(crate) async fn read_all(&mut self, group: &Group) -> Vec<Task> {
        let mut tasks = Vec::new();
        for message in &group.messages {
            self.function.tell_age(message);
            match self.read(message, &group.group_id).await {
                Ok(task) => tasks.push(task),
                Err(error) => {
                    tell_back(&error, message);
                    break;
                }
            }
        }
        tasks
    }

    async fn read(&mut self, message: &SqsMessage, group_id: &str) -> Result<Task, StoreError> {
        let desk = &self.function.desk;
        let queue_message = self.function.queue_message(message, group_id);
        if is_redelivered(message) && desk.intake.is_done_with(&queue_message).await? {
            return Ok(Task::Done);
        }
        let request = desk.read_message(&queue_message, &mut self.readings).await?;
        Ok(request.map_or(Task::Done, |request| Task::Read(queue_message, Box::new(request))))
    }

    /// Puts the new orders of a group on record, together. Dead letters have their own rules.
    pub(crate) async fn record_all(&mut self, tasks: &mut [Task]) -> Result<(), StoreError> {
        let mut new = Vec::new();
        for (position, task) in tasks.iter().enumerate() {
            if let Task::Read(message, request) = task
                && let Request::Place(place) = &**request
                && !message.is_dead_letter
            {
                let (request, place, sent_at) = (place.clone(), message.place.clone(), message.sent_at);
                new.push((position, Arrived { request, place, sent_at }));
            }
        }
        let (positions, arrived): (Vec<_>, Vec<_>) = new.into_iter().unzip();
        let recorded = self.function.desk.intake.record_all(&self.function.desk.lanes, arrived).await?;
        for (position, recorded) in positions.into_iter().zip(recorded) {
            if let Task::Read(message, _) = std::mem::replace(&mut tasks[position], Task::Done) {
                tasks[position] = Task::Recorded(message, Box::new(recorded));
            }
        }
        self.in_hand = tasks.iter().filter_map(new_order).map(|order| order.key.order_id).collect();
        Ok(())
    }

    /// Takes what the messages ask for as far as it goes, one after the other. An error: one is not on record, or not all
    /// that follows from it, and must come again, with those behind it.
    pub(crate) async fn carry_out(&mut self, tasks: Vec<Task>, done: &mut usize) -> Result<(), StoreError> {
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
        if let Err(error) = self.function.desk.track_queue.ask(&ask, 1).await {
            tracing::warn!(%error, "a look was not asked for; the messages come again, and the schedule finds their orders");
        }
    }

    async fn take(&mut self, task: Task) -> Result<(), StoreError> {
        let intake = &self.function.desk.intake;
        let (message, on_record) = match task {
            Task::Done => return Ok(()),
            Task::Recorded(message, recorded) => (message, of_recorded(*recorded)),
            Task::Read(message, request) => {
                self.write_outcome().await?;
                let on_record = Box::pin(self.on_record(*request)).await?;
                (message, on_record)
            }
        };
        match on_record {
            OnRecord::Order(order) if order.value.is_over() => Ok(()),
            // Boxed: the whole path of an order is in these futures.
            OnRecord::Order(order) => Box::pin(self.take_further(*order)).await,
            OnRecord::Wake(wake) => Box::pin(self.wake(&wake)).await,
            OnRecord::Refused(key, reason) => intake.refuse(&message, Some(&key), reason).await.map(|_| ()),
        }
    }

    /// What is not asked of a new order may be about the one before.
    async fn write_outcome(&mut self) -> Result<(), StoreError> {
        if let Held::Here(lane) = &mut self.held {
            lane.write_outcome().await?;
        }
        Ok(())
    }

    async fn on_record(&self, request: Request) -> Result<OnRecord, StoreError> {
        let intake = &self.function.desk.intake;
        Ok(match request {
            // Only a dead letter's is not on record yet.
            Request::Place(place) => of_recorded(intake.record_dead_letter(&self.function.desk.lanes, place).await?),
            Request::Modify(modify) => match intake.own_order(&modify.key, &modify.algorithm_id).await? {
                Err(reason) => OnRecord::Refused(modify.key, reason),
                Ok(order) => match intake.ask_change(&modify).await? {
                    ChangeAsked::OnRecord(order) => OnRecord::Order(order),
                    ChangeAsked::Refused(reason) => OnRecord::Refused(modify.key, reason),
                    ChangeAsked::NoSuchOrder => OnRecord::Order(Box::new(order)),
                },
            },
            Request::Cancel(cancel) => match intake.own_order(&cancel.key, &cancel.algorithm_id).await? {
                Err(reason) => OnRecord::Refused(cancel.key, reason),
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
    pub(crate) async fn leave(self) {
        if let Held::Here(lane) = self.held
            && let Err(error) = Box::pin(lane.leave()).await
        {
            tracing::warn!(%error, "a lane was not given back");
        }
    }

    async fn take_further(&mut self, mut order: Versioned<Order>) -> Result<(), StoreError> {
        match Box::pin(self.lane(&order.value.key.user_id)).await? {
            Some(lane) => lane.take_on(&mut order).await,
            None => self.function.desk.leave_to_next(&order.value).await,
        }
    }

    async fn wake(&mut self, wake: &Wake) -> Result<(), StoreError> {
        match Box::pin(self.lane(&wake.user_id)).await? {
            Some(lane) => lane.wake(wake).await,
            None => self.function.desk.track_queue.ask(&TrackAsk::first(wake.user_id.clone()), 1).await,
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
            let entered = self.function.desk.enter(user_id, self.holder, self.deadline).await?;
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

/// SQS counts how often a message was handed out (SQS, message system attributes).
fn is_redelivered(message: &SqsMessage) -> bool {
    message.attributes.get("ApproximateReceiveCount").is_some_and(|count| count != "1")
}

pub(crate) fn tell_back(error: &StoreError, message: &SqsMessage) {
    tracing::error!(%error, source = std::error::Error::source(error), message_id = message.message_id, "a message goes back to the queue");
}
