//! Reading a whole table, for the operator: the questions that no index answers.

use std::collections::HashMap;

use domain::{Connection, Order, OrderStatus};

use crate::connections::Connections;
use crate::database::text;
use crate::documents::{Document, DocumentTable};
use crate::error::StoreError;
use crate::orders::Orders;
use crate::versioned::Versioned;

/// What a whole table held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// In no order.
    pub items: Vec<T>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Orders {
    /// Orders of all users with this status, at most `most`. It reads the whole table: for people, not for functions.
    pub async fn with_status(&self, status: OrderStatus, most: usize) -> Result<Found<Versioned<Order>>, StoreError> {
        self.table.scan(Some(status.as_str()), most).await
    }
}

impl Connections {
    /// The connections of all users, at most `most`. It reads the whole table: for people, not for functions.
    pub async fn all(&self, most: usize) -> Result<Found<Versioned<Connection>>, StoreError> {
        self.table.scan(None, most).await
    }
}

impl DocumentTable {
    async fn scan<D: Document>(&self, status: Option<&str>, most: usize) -> Result<Found<Versioned<D>>, StoreError> {
        let mut names = HashMap::from([("#document".to_owned(), D::ATTRIBUTE.to_owned())]);
        let mut filter = "attribute_exists(#document)".to_owned();
        if status.is_some() {
            names.insert("#status".to_owned(), "status".to_owned());
            filter.push_str(" AND #status = :status");
        }
        let values = status.map(|status| HashMap::from([(":status".to_owned(), text(status))]));
        let request = self.database.client().scan().table_name(&self.name);
        let mut rows = request
            .filter_expression(filter)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(values)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(row) = rows.next().await {
            if items.len() == most {
                return Ok(Found { items, more: true });
            }
            items
                .push(self.read(row.map_err(|error| StoreError::of_call(&self.name, "read the whole table", error))?)?);
        }
        Ok(Found { items, more: false })
    }
}
