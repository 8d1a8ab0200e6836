//! Whole lives of users and orders, through the real functions, against the paper broker.
#![expect(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a test is one future of a whole life, and stops where it cannot go on"
)]

mod bad_input;
mod brackets;
mod changes;
mod connecting;
mod exactly_once;
mod limit_prices;
mod limits;
mod limits_kept;
mod orders;
mod rules;
mod sessions;
mod settling;
