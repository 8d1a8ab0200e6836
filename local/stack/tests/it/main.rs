//! The stack, the template and what the documents say of them. One binary, since each is linked by itself.

mod security;
mod stack;
mod template;
