//! The command as an operator runs it. One binary, since each is linked by itself.

mod arrows;
mod demo;
mod doctor;
mod documents;
mod keys;
mod set_up;
