//! `courier rotate`: a new sealing key beside the old one, every token sealed anew, the old one gone.

use std::time::Duration;

use access::Tokens;
use domain::{Clock, Entropy, Secret};
use jiff::{SignedDuration, Timestamp};
use platform::{SystemClock, SystemEntropy};
use serde::Serialize;
use store::{Connections, Rotation, RotationStage, SealingSecret, StoreError};

use crate::arguments::RotateArguments;
use crate::error::CourierError;
use crate::output::{count_of, print, print_json, tell};
use crate::resources::{Resources, tokens_of};

/// Bytes of a new key's randomness: as many as the cipher's key has.
const KEY_BYTES: usize = 32;
/// Connections that are sealed anew in one rotation.
const CONNECTIONS_MAX: usize = 1_000_000;
/// Tries to seal a connection anew when its functions write it as well.
const CONFLICTS_MAX: u32 = 10;
/// After so many connections progress is told.
const TOLD_AFTER: usize = 100;
/// Every step once, and one to see that nothing is left.
const STEPS_MAX: u32 = 4;

/// What is found, and what was done.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Outcome {
    /// `none`, `announced` or `replaced`: how far a rotation is.
    rotation: String,
    /// Connections with tokens.
    connections: usize,
    /// Those of them that a key seals which is not the current one.
    sealed_with_the_other_key: usize,
    /// Connections that were sealed anew.
    sealed_anew: usize,
    done: bool,
}

pub(crate) async fn run(arguments: &RotateArguments) -> Result<(), CourierError> {
    let resources = Resources::of_stack(&arguments.stack.stack).await;
    let connections = resources.connections().await?;
    let outcome = if arguments.yes {
        rotate(&resources, &connections, Duration::from_secs(arguments.pause)).await?
    } else {
        look(&resources.sealing_secret().await?, &connections).await?
    };
    if arguments.stack.json {
        print_json(&outcome);
    } else {
        print(&words(&outcome));
    }
    if !arguments.yes {
        tell("Nothing is done. Do it with --yes.");
    }
    Ok(())
}

async fn look(secret: &SealingSecret, connections: &Connections) -> Result<Outcome, CourierError> {
    let tokens = tokens_of(secret)?;
    let (mut all, mut others) = (0, 0);
    for connection in connections.all(CONNECTIONS_MAX).await?.items {
        if connection.value.tokens.is_some() {
            all += 1;
            others += usize::from(!tokens.are_current(&connection.value));
        }
    }
    Ok(Outcome {
        rotation: stage_word(secret.rotation).to_owned(),
        connections: all,
        sealed_with_the_other_key: others,
        ..Outcome::default()
    })
}

/// Takes the rotation from where it is to its end.
async fn rotate(resources: &Resources, connections: &Connections, pause: Duration) -> Result<Outcome, CourierError> {
    for _ in 0..STEPS_MAX {
        let secret = resources.sealing_secret().await?;
        match secret.rotation {
            None => {
                resources.put_sealing_secret(&secret.announce(new_key(), SystemClock.now())).await?;
                tell("The new key is announced: until every function knows it, the old one seals.");
            }
            Some(Rotation { stage: RotationStage::Announced, since }) => {
                wait(since, pause, "Every function learns the new key").await;
                resources.put_sealing_secret(&secret.replace(SystemClock.now())).await?;
                tell("The new key seals; the old one still opens.");
            }
            Some(Rotation { stage: RotationStage::Replaced, since }) => {
                wait(since, pause, "Every function turns to the new key").await;
                let sealed_anew = seal_anew(connections, &tokens_of(&secret)?).await?;
                let outcome = look(&secret, connections).await?;
                if outcome.sealed_with_the_other_key == 0 {
                    resources.put_sealing_secret(&secret.finish()).await?;
                    return Ok(Outcome { rotation: "none".to_owned(), sealed_anew, done: true, ..outcome });
                }
            }
        }
    }
    Err(CourierError::RotationUnfinished)
}

/// Seals every connection's tokens with the current key. Returns how many it sealed.
async fn seal_anew(connections: &Connections, tokens: &Tokens) -> Result<usize, CourierError> {
    let found = connections.all(CONNECTIONS_MAX).await?.items;
    let mut sealed = 0;
    for (seen, mut connection) in found.iter().cloned().enumerate() {
        let mut conflicts = 0;
        while tokens.seal_anew(&mut connection.value).map_err(CourierError::SealAnew)? {
            match connections.save(&mut connection).await {
                Ok(()) => sealed += 1,
                Err(StoreError::Conflict { .. }) if conflicts < CONFLICTS_MAX => {
                    conflicts += 1;
                    let (user, id) = (&connection.value.user_id, &connection.value.connection_id);
                    let Some(now) = connections.get(user, id).await? else { break };
                    connection = now;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if (seen + 1) % TOLD_AFTER == 0 {
            tell(&format!("Looked at {} of {}; sealed anew: {sealed}.", seen + 1, count_of(found.len(), "connection")));
        }
    }
    Ok(sealed)
}

/// Waits until so long after a moment, and tells how long that will be.
async fn wait(since: Timestamp, pause: Duration, what: &str) {
    let until = since + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    let left = Duration::try_from(until.duration_since(SystemClock.now())).unwrap_or_default();
    if !left.is_zero() {
        tell(&format!(
            "{what}: {} s more, until {until}. Stop the command if you like: the next run goes on.",
            left.as_secs()
        ));
        tokio::time::sleep(left).await;
    }
}

fn new_key() -> Secret {
    let mut key = [0; KEY_BYTES];
    SystemEntropy.fill(&mut key);
    Secret::new(hex::encode(key))
}

fn stage_word(rotation: Option<Rotation>) -> &'static str {
    match rotation.map(|rotation| rotation.stage) {
        None => "none",
        Some(RotationStage::Announced) => "announced",
        Some(RotationStage::Replaced) => "replaced",
    }
}

fn words(outcome: &Outcome) -> String {
    let Outcome { rotation, connections, sealed_with_the_other_key, sealed_anew, done } = outcome;
    let connections = count_of(*connections, "connection");
    if *done {
        return format!(
            "The old key is gone. Sealed anew: {sealed_anew} of {connections}. Nobody has to connect again."
        );
    }
    match rotation.as_str() {
        "none" => format!("No rotation is under way. One would seal {connections} anew."),
        stage => format!(
            "A rotation is under way ({stage}). Sealed with the other key: {sealed_with_the_other_key} of {connections}."
        ),
    }
}

#[cfg(test)]
mod tests;
