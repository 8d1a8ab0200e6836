//! docs/deploy.md, followed once, command by command, against the local stack: from keys to an order, as a first and as a third
//! party; then, of docs/operations.md, the kill switch, a rotation, and a dead letter that goes out and comes back in.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops, its helpers too")]

mod first_party;
mod operator;
mod third_party;
