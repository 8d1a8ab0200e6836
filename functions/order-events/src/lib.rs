//! The order-events function.
