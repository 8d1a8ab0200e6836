//! What must not stand anywhere in the clear, in each form in which it could.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::lives::PEOPLE;
use crate::world::World;

/// Names and texts of every secret of a world.
pub(crate) fn all(world: &World) -> Vec<(&'static str, String)> {
    let mut secrets = Vec::new();
    for person in &PEOPLE {
        for issued in world.broker().issued_secrets(person.username) {
            secrets.push(("an access token", issued.access_token));
            secrets.extend(spelled("an access token secret", &issued.access_token_secret));
            secrets.extend(issued.live_session_token.iter().flat_map(|token| spelled("a live session token", token)));
        }
    }
    let keys = [include_str!("../../keys/private_signature.pem"), include_str!("../../keys/private_encryption.pem")];
    // A line from the middle of each: the first ones tell the kind of key, and are the same for all keys.
    secrets.extend(keys.iter().filter_map(|pem| Some(("a private key", pem.lines().nth(5)?.to_owned()))));
    secrets
}

fn spelled(name: &'static str, bytes: &[u8]) -> [(&'static str, String); 2] {
    [(name, hex::encode(bytes)), (name, STANDARD.encode(bytes))]
}
