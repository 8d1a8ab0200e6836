//! The oauth-start function.
