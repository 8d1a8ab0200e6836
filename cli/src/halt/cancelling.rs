//! Asking for the end of everything that is open: all of it, or a word on what is left.

use std::collections::BTreeSet;
use std::error::Error;

use domain::{Order, OrderId, OrderKey, UserId};
use serde::Serialize;
use store::{HaltScope, PAGE_ROWS_MAX, StoreError};
use tokio::task::JoinSet;
use trading::Intake;

use crate::output::count_of;

/// Orders whose end is asked for at once.
const AT_ONCE: usize = 16;
/// Looks through the list of what is open, which lags behind the orders a little: the next one finds what the one before missed.
const LOOKS_MAX: usize = 5;

/// What became of the open orders of a halt.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Cancelling {
    /// How many were asked to end, and have not ended yet.
    cancels_asked: usize,
    /// How many ended at once: the broker never had them.
    cancelled_unsent: usize,
    /// Those whose end could not be asked for.
    cancels_left: Vec<Left>,
    /// Those whose end is asked for here, and whom nobody can ask the broker for: their user is not connected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cancels_waiting: Vec<Left>,
    /// Why the list was not read to its end, if it was not: there may be more than are named here.
    #[serde(skip_serializing_if = "Option::is_none")]
    list_unread: Option<String>,
    /// What was asked to end: it is to be looked at.
    #[serde(skip)]
    pub(super) asked: BTreeSet<OrderKey>,
}

/// An order whose end was not asked for.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Left {
    user_id: UserId,
    order_id: OrderId,
    why: String,
}

/// What became of one order.
enum Ended {
    Asked,
    Unsent,
    Unseen,
    WasOver,
}

impl Cancelling {
    /// Whether the end of everything that was open is asked for, and the broker can be asked.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_asked() && self.cancels_waiting.is_empty()
    }

    fn is_asked(&self) -> bool {
        self.cancels_left.is_empty() && self.list_unread.is_none()
    }

    /// Whose orders were asked to end.
    pub(super) fn users(&self) -> BTreeSet<UserId> {
        self.asked.iter().map(|key| key.user_id.clone()).collect()
    }

    /// This user is not connected.
    pub(super) fn note_unconnected(&mut self, user_id: &UserId) {
        let theirs = self.asked.iter().filter(|key| key.user_id == *user_id);
        let why = "its user is not connected, so IBKR is asked only once they connect again. Cancel it in the user's account at IBKR by hand";
        self.cancels_waiting.extend(theirs.map(|key| Left {
            user_id: key.user_id.clone(),
            order_id: key.order_id.clone(),
            why: why.to_owned(),
        }));
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![format!(
            "Cancel asked: {}. Ended at once, as the broker never had them: {}.",
            count_of(self.cancels_asked, "order"),
            count_of(self.cancelled_unsent, "order")
        )];
        let left =
            |left: &Left| format!("Cancel NOT asked: user {}, order {}: {}", left.user_id, left.order_id, left.why);
        lines.extend(self.cancels_left.iter().map(left));
        let waiting =
            |left: &Left| format!("Cancel WAITS: user {}, order {}: {}.", left.user_id, left.order_id, left.why);
        lines.extend(self.cancels_waiting.iter().map(waiting));
        lines.extend(
            self.list_unread.as_ref().map(|why| format!("The list of open orders was NOT read to its end: {why}")),
        );
        if !self.is_asked() {
            lines.push("The halt is on. Ask for the rest by the same command once more.".to_owned());
        }
        lines.join("\n")
    }

    fn note(&mut self, key: OrderKey, ended: Result<Ended, StoreError>) {
        match ended {
            Ok(Ended::Asked) => {
                self.cancels_asked += 1;
                self.asked.insert(key);
            }
            Ok(Ended::Unsent) => self.cancelled_unsent += 1,
            Ok(Ended::Unseen) => {
                self.cancelled_unsent += 1;
                self.asked.insert(key);
            }
            Ok(Ended::WasOver) => {}
            Err(error) => {
                let OrderKey { user_id, order_id } = key;
                self.cancels_left.push(Left { user_id, order_id, why: in_words(&error) });
            }
        }
    }
}

/// Asks for the end of every open order of the halt's scope, whatever their number. What goes wrong with one keeps no
/// other from it.
pub(crate) async fn cancel_open(intake: &Intake, scope: &HaltScope) -> Cancelling {
    let mut cancelling = Cancelling::default();
    let mut done = BTreeSet::new();
    for _ in 0..LOOKS_MAX {
        let before = done.len();
        cancelling.list_unread = None;
        if let Err(error) = one_look(intake, scope, &mut done, &mut cancelling).await {
            cancelling.list_unread = Some(in_words(&error));
        }
        if done.len() == before && cancelling.list_unread.is_none() {
            break;
        }
    }
    cancelling
}

/// Goes through what is open once, and asks for the end of each order that was not seen before.
async fn one_look(
    intake: &Intake,
    scope: &HaltScope,
    done: &mut BTreeSet<OrderKey>,
    cancelling: &mut Cancelling,
) -> Result<(), StoreError> {
    for user_id in users_of(intake, scope).await? {
        let fits = |order: &Order| match scope {
            HaltScope::Algorithm(algorithm_id) => order.algorithm_id == *algorithm_id,
            HaltScope::Global | HaltScope::User(_) => true,
        };
        let open = match intake.orders.all_open(&user_id).await {
            Ok(open) => open,
            // One user's orders that cannot be read keep no other user's from their end.
            Err(error) => {
                cancelling.list_unread = Some(in_words(&error));
                continue;
            }
        };
        let new = open
            .into_iter()
            .map(|order| order.value)
            .filter(fits)
            .map(|order| order.key)
            .filter(|key| done.insert(key.clone()));
        for some in new.collect::<Vec<_>>().chunks(AT_ONCE) {
            let mut asking = JoinSet::new();
            for key in some.iter().cloned() {
                let intake = intake.clone();
                asking.spawn(async move { (ask(&intake, &key).await, key) });
            }
            while let Some(asked) = asking.join_next().await {
                match asked {
                    Ok((ended, key)) => cancelling.note(key, ended),
                    Err(error) => cancelling.list_unread = Some(error.to_string()),
                }
            }
        }
    }
    Ok(())
}

/// Whose orders a halt may be over: those who have any that is open.
async fn users_of(intake: &Intake, scope: &HaltScope) -> Result<BTreeSet<UserId>, StoreError> {
    if let HaltScope::User(user_id) = scope {
        return Ok(BTreeSet::from([user_id.clone()]));
    }
    let (mut users, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = intake.orders.open_page(None, cursor.as_deref(), PAGE_ROWS_MAX).await?;
        users.extend(page.items.into_iter().map(|order| order.value.key.user_id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(users);
        }
    }
}

async fn ask(intake: &Intake, key: &OrderKey) -> Result<Ended, StoreError> {
    match intake.ask_cancel(key).await? {
        None => Ok(Ended::WasOver),
        Some(order) if order.value.is_over() => {
            let unsent = order.value.sends == 0 && order.value.cancel_asked_at.is_some();
            Ok(match (unsent, order.value.concerns_the_lane()) {
                (true, _) => Ended::Unsent,
                (false, true) => Ended::Unseen,
                (false, false) => Ended::WasOver,
            })
        }
        Some(_) => Ok(Ended::Asked),
    }
}

/// An error with its causes.
fn in_words(error: &StoreError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, order, unread};

    const USERS: usize = 25;

    /// More orders than one page holds, in one shard, and in many; half of them sent.
    async fn world() -> World {
        let world = World::new().await;
        for number in 0..130 {
            world.store.orders.insert(&unread("u-7", &format!("many-{number:03}"))).await.unwrap();
        }
        for number in 0..USERS {
            world.store.orders.insert(&order(&format!("user-{number}"), "one")).await.unwrap();
        }
        world
    }

    async fn unasked(world: &World) -> usize {
        let page = world.store.orders.open_page(None, None, 1_000).await.unwrap();
        page.items.iter().filter(|order| order.value.cancel_asked_at.is_none()).count()
    }

    #[tokio::test]
    async fn the_end_of_all_is_asked_for_beyond_one_page() {
        let world = world().await;
        let asked = cancel_open(&world.intake(), &HaltScope::Global).await;
        assert_eq!((asked.cancels_asked, asked.cancelled_unsent), (130, USERS));
        assert!(asked.is_complete(), "{}", asked.text());
        let mut unreached = cancel_open(&World::new().await.intake(), &HaltScope::Global).await;
        unreached.asked =
            BTreeSet::from([OrderKey { user_id: "u-7".parse().unwrap(), order_id: "o-1".parse().unwrap() }]);
        unreached.note_unconnected(&"u-8".parse().unwrap());
        assert!(unreached.is_complete());
        unreached.note_unconnected(&"u-7".parse().unwrap());
        assert!(
            !unreached.is_complete() && unreached.text().contains("Cancel WAITS: user u-7, order o-1"),
            "{}",
            unreached.text()
        );
        let told = "Cancel asked: 130 orders. Ended at once, as the broker never had them: 25 orders.";
        assert_eq!(asked.text(), told);
        assert_eq!(unasked(&world).await, 0);
    }

    #[tokio::test]
    async fn one_user_s_and_one_algorithm_s_end_and_no_others() {
        let world = world().await;
        let asked = cancel_open(&world.intake(), &HaltScope::User("u-7".parse().unwrap())).await;
        assert_eq!((asked.cancels_asked, asked.cancelled_unsent), (130, 0));
        assert_eq!(unasked(&world).await, USERS);
        let other = cancel_open(&world.intake(), &HaltScope::Algorithm("another".parse().unwrap())).await;
        assert_eq!(other, Cancelling::default());
        let its = HaltScope::Algorithm("mean-reversion-7".parse().unwrap());
        assert_eq!(cancel_open(&world.intake(), &its).await.cancelled_unsent, USERS);
        assert_eq!(unasked(&world).await, 0);
    }

    #[tokio::test]
    async fn what_could_not_be_asked_for_is_named_and_is_no_success() {
        let mut world = world().await;
        // No write arrives any more; every reading does.
        world.refuse("PutItem");
        let asked = cancel_open(&world.intake(), &HaltScope::Global).await;
        assert_eq!((asked.cancels_asked, asked.cancels_left.len()), (0, 130 + USERS));
        assert!(!asked.is_complete());
        assert!(asked.text().contains("Cancel NOT asked: user u-7, order many-000"), "{}", asked.text());
        world.refuse("Query");
        let asked = cancel_open(&world.intake(), &HaltScope::Global).await;
        assert!(!asked.is_complete() && asked.list_unread.is_some(), "{asked:?}");
    }
}
