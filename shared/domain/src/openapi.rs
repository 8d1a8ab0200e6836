//! What words of this crate are in an OpenAPI description, where `utoipa` cannot tell it from their fields.

use std::borrow::Cow;

use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{Amount, Conid};

impl PartialSchema for Amount {
    /// As `schemas/order-message.schema.json` has it, under the name that the API's description gives to it.
    fn schema() -> RefOr<Schema> {
        Ref::from_schema_name(Self::name()).into()
    }
}

impl ToSchema for Amount {
    fn name() -> Cow<'static, str> {
        "order-message.amount".into()
    }
}

impl PartialSchema for Conid {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(i32::MAX)).into()
    }
}

impl ToSchema for Conid {
    fn name() -> Cow<'static, str> {
        "Conid".into()
    }
}
