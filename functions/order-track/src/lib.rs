//! The order-track function.
