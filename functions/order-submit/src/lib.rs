//! The order-submit function.
