//! What the words mean, as whoever uses them sees it. One binary, since each is linked by itself.

mod arrival;
mod changes;
mod fuzz;
mod good_until;
mod legs;
mod messages;
mod order_states;
mod reason_codes;
mod schema_examples;
mod smaller;
mod states;
mod unknown;
