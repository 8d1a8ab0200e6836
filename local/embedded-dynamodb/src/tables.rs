//! The tables of `infra/template.yaml`, key for key.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};
use store::Tables;

use crate::EmbeddedError;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Creates the five tables with their indexes, the streams of two, and the time to live of the attempts.
pub async fn create_tables(client: &Client, tables: &Tables) -> Result<(), EmbeddedError> {
    let due_orders = ("due", ["due_shard", "next_check_at"]);
    let open_orders = ("open", ["open_user_id", "order_id"]);
    let recent_orders = ("recent", ["user_id", "created_at"]);
    let due_connections = ("due", ["due_shard", "next_renewal_at"]);
    create(client, &tables.orders, &["user_id", "order_id"], &[due_orders, open_orders, recent_orders], Stream::Kept)
        .await?;
    create(client, &tables.connections, &["user_id", "connection_id"], &[due_connections], Stream::Kept).await?;
    create(client, &tables.attempts, &["request_token_hash"], &[], Stream::None).await?;
    create(client, &tables.rules, &["scope", "item"], &[], Stream::None).await?;
    create(client, &tables.lanes, &["lane"], &[], Stream::None).await?;
    expire(client, &tables.attempts, "expires_at_epoch_seconds").await?;
    Ok(())
}

/// An index: its name and its key.
type Index = (&'static str, [&'static str; 2]);

/// Whether a table's changes are kept, with the row before and after each.
#[derive(PartialEq)]
enum Stream {
    Kept,
    None,
}

async fn create(client: &Client, table: &str, key: &[&str], indexes: &[Index], stream: Stream) -> Result<(), Failure> {
    let mut attributes: BTreeSet<&str> = key.iter().copied().collect();
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(key)?));
    for (name, key) in indexes {
        attributes.extend(key);
        request = request.global_secondary_indexes(index(name, key)?);
    }
    for attribute in attributes {
        let definition =
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S).build()?;
        request = request.attribute_definitions(definition);
    }
    if stream == Stream::Kept {
        let images = StreamViewType::NewAndOldImages;
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(images).build()?;
        request = request.stream_specification(stream);
    }
    request.send().await?;
    Ok(())
}

fn index(name: &str, key: &[&str]) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(schema(key)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
}

fn schema(key: &[&str]) -> Result<Vec<KeySchemaElement>, BuildError> {
    [KeyType::Hash, KeyType::Range]
        .into_iter()
        .zip(key)
        .map(|(kind, name)| KeySchemaElement::builder().attribute_name(*name).key_type(kind).build())
        .collect()
}

async fn expire(client: &Client, table: &str, attribute: &str) -> Result<(), Failure> {
    let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build()?;
    client.update_time_to_live().table_name(table).time_to_live_specification(specification).send().await?;
    Ok(())
}
