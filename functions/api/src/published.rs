//! Shapes that stand in `schemas/`, by the names that they have in the description. They are written nowhere else: the
//! description takes them in as they are.

/// Gives a type the shape that the description has under this name.
macro_rules! named {
    ($type:ty = $name:expr) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::Ref::from_schema_name($name).into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}
pub(crate) use named;

macro_rules! published {
    ($($name:ident = $file:literal . $definition:literal,)*) => {$(
        #[doc = concat!("`", $definition, "` of `schemas/", $file, ".schema.json`.")]
        pub(crate) struct $name;
        named!($name = concat!($file, ".", $definition));
    )*};
}

published! {
    AccountId = "order-message"."account_id",
    AlgorithmId = "order-message"."algorithm_id",
    Connection = "connection-event"."connection",
    Leg = "order-message"."leg",
    MessageTime = "order-message"."time",
    Order = "order-event"."order",
    OrderId = "order-message"."order_id",
    Refusal = "refusal-event"."refusal",
    Status = "order-event"."status",
    Time = "order-event"."time",
    UserId = "order-message"."user_id",
}
