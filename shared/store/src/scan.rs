//! Reading a whole table, for the operator: the questions that no index answers.

use domain::Connection;

use crate::connections::Connections;
use crate::documents::{Document, DocumentTable};
use crate::error::StoreError;
use crate::versioned::Versioned;

/// What a whole table held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// In no order.
    pub items: Vec<T>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Connections {
    /// The connections of all users, at most `most`. It reads the whole table: for people, not for functions.
    pub async fn all(&self, most: usize) -> Result<Found<Versioned<Connection>>, StoreError> {
        self.table.scan(most).await
    }
}

impl DocumentTable {
    async fn scan<D: Document>(&self, most: usize) -> Result<Found<Versioned<D>>, StoreError> {
        let request = self.database.client().scan().table_name(&self.name);
        let mut rows = request
            .filter_expression("attribute_exists(#document)")
            .expression_attribute_names("#document", D::ATTRIBUTE)
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
