//! The session-refresh function.
