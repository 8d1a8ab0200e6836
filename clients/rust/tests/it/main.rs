//! The client as its users see it. One binary, since each is linked by itself.

mod api;
mod messages;
mod refusals;
mod stack;
