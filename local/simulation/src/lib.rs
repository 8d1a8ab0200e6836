//! The whole house in one process: the real functions, use cases, client and store, over the paper broker and a DynamoDB
//! in process, with the queues and the schedule of the template.
//!
//! Time is tokio's: paused, it passes only when nothing is left to do, so an hour takes milliseconds. Randomness comes from
//! a seed. An invocation can be ended at any effect, as a crash would.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use simulation::World;
//!
//! let world = World::with_a_connected_user().await;
//! world.place("first", &serde_json::json!({"type": "limit", "limit_price": "186.00"}));
//! world.run_until_idle().await;
//! assert_eq!(world.order("first").await.status().as_str(), "working");
//! # }
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "this is a world for tests: what cannot be in it ends the test"
)]

mod aws_door;
mod bus;
mod chronicle;
mod clock;
mod crash;
mod day;
mod driver;
mod effects;
mod entropy;
mod explore;
mod functions;
mod held_items;
mod http;
mod look;
mod message;
mod network;
mod operator;
mod queues;
mod rights;
mod user;
mod vault;
mod world;

pub use clock::VirtualClock;
pub use crash::CrashPoint;
pub use day::{Day, DayReport, Limits};
pub use entropy::SeededEntropy;
pub use explore::{Enumerated, Outcome, Report, Turn, Violation, enumerate, explore, replay};
pub use http::{Answered, JWT, request};
pub use message::{Message, QueueName};
pub use network::Network;
pub use queues::Queues;
pub use rights::{Right, rights_that_lambda_lacks, unused_rights};
pub use user::Begun;
pub use world::{ACCOUNT, ALGORITHM, CONSUMER, SENDER, USER, USERNAME, World};
