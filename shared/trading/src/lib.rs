//! The use cases of an order: record, advance, settle, change, cancel.
