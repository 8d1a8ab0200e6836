//! The broker's own shapes. They never leave this crate.

pub(crate) mod answers;
pub(crate) mod lenient;
pub(crate) mod loose;
pub(crate) mod rows;
pub(crate) mod ticket;
