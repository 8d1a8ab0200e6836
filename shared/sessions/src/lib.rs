//! The use cases of a connection: begin, complete, renew, end.
