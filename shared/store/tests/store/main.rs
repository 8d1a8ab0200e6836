//! The store over an embedded DynamoDB, through the real SDK.
#![cfg(test)]

mod account_claims;
mod alike;
mod attempts;
mod connections;
mod failures;
mod intents;
mod lanes;
mod limits_support;
mod line;
mod listing;
mod open_orders;
mod orders;
mod queues;
mod refusals;
mod rules;
mod sealing;
mod sealing_secret;
mod support;
mod usage;
mod usage_at_once;
