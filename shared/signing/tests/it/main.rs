//! Signatures, headers and keys, as whoever uses them sees it. One binary, since each is linked by itself.

mod forms;
mod fuzz;
mod laws;
mod refusals;
mod vectors;
