//! What the bench measures of pure code, for its command and for the guard of `./check`: the same cases.

pub mod pure;
