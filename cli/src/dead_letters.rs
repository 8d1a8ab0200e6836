//! `courier dead-letters`: what the order queue could not work on.

use std::sync::Arc;

use domain::{Command, PlaceOrder, PrincipalId};
use jiff::Timestamp;
use platform::SystemClock;
use serde::Serialize;
use serde_json::json;
use store::{DeadLetter, DeadLetters, Lanes, TrackAsk, Wake};
use trading::{Intake, Request, Sender};

use crate::arguments::{DeadLetterArguments, ReplayArguments, StackArguments, StackName};
use crate::error::CourierError;
use crate::output::{print, print_json, table, tell};
use crate::resources::Resources;

/// Letters that are looked at in one call.
const LETTERS_MAX: usize = 500;

/// What a replay does with a letter.
#[derive(Debug, Clone, PartialEq)]
enum Plan {
    /// Put it on record, in the way that is said, and have the user's orders looked at.
    Record(String, Box<Request>),
    /// Nothing is left to do: the letter goes.
    Done(String),
    /// It stays where it is.
    Leave(String),
}

#[derive(Serialize)]
struct Shown<'l> {
    message_id: &'l str,
    sender_id: &'l str,
    user_id: &'l str,
    order_id: Option<String>,
    replay: String,
}

struct Desk {
    letters: DeadLetters,
    lanes: Lanes,
    intake: Intake,
}

pub(crate) async fn run_list(arguments: &StackArguments) -> Result<(), CourierError> {
    let desk = Desk::open(&arguments.stack).await?;
    let planned = desk.planned(None).await?;
    desk.give_back(&planned).await?;
    show(&planned, arguments.json);
    Ok(())
}

pub(crate) async fn run_show(arguments: &DeadLetterArguments) -> Result<(), CourierError> {
    let desk = Desk::open(&arguments.stack.stack).await?;
    let planned = desk.planned(None).await?;
    desk.give_back(&planned).await?;
    let found = planned.iter().find(|(letter, _)| letter.message_id == arguments.message);
    let (letter, plan) = found.ok_or_else(|| CourierError::NoDeadLetter(arguments.message.clone()))?;
    if arguments.stack.json {
        print_json(&json!({"letter": shown(letter, plan), "receive_count": letter.receive_count, "body": letter.body}));
    } else {
        show(std::slice::from_ref(&(letter.clone(), plan.clone())), false);
        print(&letter.body);
    }
    Ok(())
}

pub(crate) async fn run_replay(arguments: &ReplayArguments) -> Result<(), CourierError> {
    let desk = Desk::open(&arguments.stack.stack).await?;
    let planned = desk.planned(arguments.message.as_deref()).await?;
    show(&planned, arguments.stack.json);
    if !arguments.yes {
        desk.give_back(&planned).await?;
        tell("Nothing is done. Do it with --yes.");
        return Ok(());
    }
    let queue = Resources::of_stack(&arguments.stack.stack).await.track_queue().await?;
    for (letter, plan) in &planned {
        match plan {
            Plan::Leave(_) => desk.letters.give_back(letter).await?,
            Plan::Done(_) => desk.letters.remove(letter).await?,
            Plan::Record(_, request) => {
                replay(&desk.intake, &desk.lanes, request).await?;
                // On record first: from there the row carries it. A look that is lost costs a minute, not the order.
                desk.letters.remove(letter).await?;
                queue.ask(&TrackAsk::first(request.user_id().clone()), 0).await?;
                tell(&format!("{} is on record.", letter.message_id));
            }
        }
    }
    Ok(())
}

impl Desk {
    async fn open(stack: &StackName) -> Result<Self, CourierError> {
        let resources = Resources::of_stack(stack).await;
        let (orders, rules) = (resources.orders().await?, resources.rules().await?);
        Ok(Self {
            letters: resources.dead_letters().await?,
            lanes: resources.lanes().await?,
            intake: Intake { orders, rules, clock: Arc::new(SystemClock) },
        })
    }

    /// The letters, and what a replay does with each. All of them are hidden from others then.
    async fn planned(&self, only: Option<&str>) -> Result<Vec<(DeadLetter, Plan)>, CourierError> {
        let mut planned = Vec::new();
        for letter in self.letters.take(LETTERS_MAX).await? {
            if only.is_some_and(|only| only != letter.message_id) {
                self.letters.give_back(&letter).await?;
                continue;
            }
            let plan = plan(&self.intake, &letter.sender_id, &letter.group_id, &letter.body).await?;
            planned.push((letter, plan));
        }
        Ok(planned)
    }

    async fn give_back(&self, planned: &[(DeadLetter, Plan)]) -> Result<(), CourierError> {
        for (letter, _) in planned {
            self.letters.give_back(letter).await?;
        }
        Ok(())
    }
}

/// What a replay does with a message of this sender in this group.
async fn plan(intake: &Intake, sender_id: &str, group_id: &str, body: &str) -> Result<Plan, CourierError> {
    if Wake::parse(body).is_ok() {
        return Ok(Plan::Done(
            "no order, but a function's note to look at a user's orders: that was done since".to_owned(),
        ));
    }
    let leave = |why: String| Ok(Plan::Leave(why));
    let Ok(command) = Command::parse(body) else {
        return leave("it cannot be read; its sender has to send it anew".to_owned());
    };
    if command.key().user_id.as_str() != group_id {
        return leave("it was sent to another group than its user's".to_owned());
    }
    let Ok(principal) = PrincipalId::from_sender_id(sender_id) else {
        return leave("nobody knows who sent it".to_owned());
    };
    let request = match command {
        Command::Place(place) => Request::Place(place),
        Command::Cancel(cancel) => Request::Cancel(cancel),
        Command::Modify(_) => {
            return leave("a change: nobody knows whether it is still wanted; send it anew".to_owned());
        }
    };
    if let Err(stop) = intake.permit(&Sender::Principal(principal), &request).await {
        return leave(stop.reason()?.message);
    }
    judge(intake, request).await
}

async fn judge(intake: &Intake, request: Request) -> Result<Plan, CourierError> {
    let leave = |why: &str| Plan::Leave(why.to_owned());
    Ok(match &request {
        Request::Place(place) => match intake.orders.get(&place.key).await? {
            Some(order) => Plan::Done(format!("its order is on record, and {}", order.value.status().as_str())),
            None => Plan::Record(does(place, intake.clock.now()), Box::new(request)),
        },
        Request::Cancel(cancel) => match intake.orders.get(&cancel.key).await? {
            Some(order) if order.value.status().is_final() => {
                Plan::Done(format!("a cancel; its order is {}", order.value.status().as_str()))
            }
            Some(_) => Plan::Record("records the cancel".to_owned(), Box::new(request)),
            None => leave("a cancel of an order that is not on record"),
        },
        Request::Modify(_) | Request::Wake(_) => leave("it is no order"),
    })
}

/// A message's age does not survive the dead-letter queue, so only an order that says itself until when it is good is sent.
fn does(place: &PlaceOrder, now: Timestamp) -> String {
    match place.good_until {
        Some(good_until) if good_until > now => "records the order, which is then sent".to_owned(),
        Some(good_until) => format!("records the order as expired: it was good until {good_until}"),
        None => "records the order as expired: it has no good_until, and nobody knows how old it is".to_owned(),
    }
}

/// Puts it on record.
async fn replay(intake: &Intake, lanes: &Lanes, request: &Request) -> Result<(), CourierError> {
    match request {
        Request::Place(place) => intake.record_dead_letter(lanes, place.clone()).await.map(drop)?,
        Request::Cancel(cancel) => intake.ask_cancel(&cancel.key).await.map(drop)?,
        Request::Modify(_) | Request::Wake(_) => {}
    }
    Ok(())
}

fn shown<'l>(letter: &'l DeadLetter, plan: &Plan) -> Shown<'l> {
    let order_id = Command::parse(&letter.body).ok().map(|command| command.key().order_id.to_string());
    let replay = match plan {
        Plan::Record(does, _) => does.clone(),
        Plan::Done(why) => format!("removes the letter: {why}"),
        Plan::Leave(why) => format!("leaves the letter: {why}"),
    };
    Shown { message_id: &letter.message_id, sender_id: &letter.sender_id, user_id: &letter.group_id, order_id, replay }
}

fn show(planned: &[(DeadLetter, Plan)], json: bool) {
    let rows: Vec<Shown<'_>> = planned.iter().map(|(letter, plan)| shown(letter, plan)).collect();
    if json {
        print_json(&rows);
    } else if rows.is_empty() {
        print("There is no dead letter of the order queue.");
    } else {
        let row = |shown: &Shown<'_>| {
            let order = shown.order_id.clone().unwrap_or_default();
            let [message, sender, user] = [shown.message_id, shown.sender_id, shown.user_id].map(str::to_owned);
            [message, sender, user, order, shown.replay.clone()]
        };
        print(&table(["message", "sender", "user", "order", "a replay"], rows.iter().map(row).collect()));
    }
}

#[cfg(test)]
mod tests;
