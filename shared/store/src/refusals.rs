//! Refusals: messages that became no order. They share the table of orders, in partitions that no user can have:
//! their names hold a space, and a user id cannot.
//!
//! Each stands three times, in one transaction: for the operator by day, for the user in whose name it was sent, and for its
//! sender. No partition takes more than a part of all refusals: the operator's are spread over shards.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{Algorithm, OrderId, PrincipalId, Refusal, UserId};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cursor::{Page, cursor_of, parts_of};
use crate::database::{Attributes, text, text_of};
use crate::documents::{DUE_SHARDS, PAGE_ROWS_MAX, list_rows, page_rows, shard_of};
use crate::error::StoreError;
use crate::orders::Orders;
use crate::times::sortable;
use crate::transaction::{Committed, built, commit};

const KEY: [&str; 2] = ["user_id", "order_id"];
/// The attribute of the operator's row, which the stream tells of.
const REFUSAL: &str = "refusal";
/// The attribute of the rows for the user and for the sender.
const COPY: &str = "refused";
/// Where a partition is begun from its end: after every id of a message.
const END: &str = "~";
/// Pages that one call reads at most. What is rare is found over several calls.
const PAGES_MAX: usize = 10;

/// Whose refusals are listed.
#[derive(Debug, Clone, Copy)]
pub enum RefusalsOf<'w> {
    /// What was sent in this user's name.
    User(&'w UserId),
    /// What this algorithm's senders sent for it, or without a word that could be read of whom it was for.
    Algorithm(&'w Algorithm),
}

/// Which of them. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusalFilter {
    /// Sent in this user's name.
    pub user_id: Option<UserId>,
    /// Naming this order.
    pub order_id: Option<OrderId>,
}

impl RefusalFilter {
    fn takes(&self, refusal: &Refusal) -> bool {
        self.user_id.as_ref().is_none_or(|user_id| refusal.in_the_name_of() == user_id.as_str())
            && self.order_id.as_ref().is_none_or(|order_id| refusal.order_id.as_deref() == Some(order_id.as_str()))
    }
}

impl RefusalsOf<'_> {
    fn partitions(&self) -> Vec<String> {
        match self {
            Self::User(user_id) => vec![name_partition(user_id.as_str())],
            Self::Algorithm(algorithm) => algorithm.principals.iter().map(sender_partition).collect(),
        }
    }

    /// One principal may send for several algorithms: each sees its own.
    fn may_see(&self, refusal: &Refusal) -> bool {
        match self {
            Self::User(_) => true,
            Self::Algorithm(algorithm) => {
                refusal.algorithm_id.as_deref().is_none_or(|id| id == algorithm.algorithm_id.as_str())
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::User(user_id) => format!("user {user_id}"),
            Self::Algorithm(algorithm) => format!("algorithm {}", algorithm.algorithm_id),
        }
    }
}

impl Orders {
    /// Records a refused message, once: a message that is refused again keeps its first record.
    pub async fn record_refusal(&self, refusal: &Refusal) -> Result<(), StoreError> {
        let mut items = vec![self.refusal_row(&day_partition(refusal), &refusal.message_id, REFUSAL, refusal)?];
        let copy = Refusal { excerpt: String::new(), ..refusal.clone() };
        let place = place_of(refusal);
        let sender = PrincipalId::from_sender_id(&refusal.sender_id).ok();
        let name = Some(refusal.in_the_name_of()).filter(|name| !name.is_empty());
        let copies = name.map(name_partition).into_iter().chain(sender.as_ref().map(sender_partition));
        for partition in copies {
            items.push(self.refusal_row(&partition, &place, COPY, &copy)?);
        }
        let table = &self.table;
        let doing = "record a refusal";
        match commit(&table.database, &table.name, doing, &items).await? {
            Committed::Done | Committed::Failed(_) => Ok(()),
            Committed::Contended => Err(StoreError::throttled(&table.name, doing, "its rows are busy")),
        }
    }

    /// A part of the refusals of one day (UTC), in no order.
    pub async fn refusals(&self, day: Date, cursor: Option<&str>, limit: u32) -> Result<Page<Refusal>, StoreError> {
        let partitions = day_partitions(day);
        let start: Option<[String; 2]> = cursor.map(parts_of).transpose()?;
        let first = match &start {
            Some([partition, _]) => {
                partitions.iter().position(|known| known == partition).ok_or(StoreError::CursorRefused)?
            }
            None => 0,
        };
        let mut after = cursor.map(str::to_owned);
        for (position, partition) in partitions.iter().enumerate().skip(first) {
            let table = &self.table;
            let page = list_rows(&table.database, &table.name, KEY, partition, after.as_deref(), limit).await?;
            let next = partitions.get(position + 1).and_then(|next| cursor_of(&[next, END]));
            let next_cursor = page.next_cursor.or(next);
            if !page.items.is_empty() || next_cursor.is_none() {
                let items =
                    page.items.into_iter().map(|row| self.read_refusal(row, REFUSAL)).collect::<Result<_, _>>()?;
                return Ok(Page { items, next_cursor });
            }
            after = next_cursor;
        }
        Ok(Page { items: Vec::new(), next_cursor: None })
    }

    /// A part of somebody's refusals, the newest first. A part may hold fewer than `limit` though more follow: the list
    /// ends where there is no cursor.
    pub async fn refusals_of(
        &self,
        whose: RefusalsOf<'_>,
        filter: &RefusalFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Refusal>, StoreError> {
        let wanted = limit.clamp(1, PAGE_ROWS_MAX) as usize;
        let mut before = cursor.map(|cursor| before_of(cursor, &whose)).transpose()?;
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            let (rows, more) = self.newest_refusals(&whose.partitions(), before.as_deref(), limit).await?;
            let count = rows.len();
            for (position, (place, refusal)) in rows.into_iter().enumerate() {
                before = Some(place);
                if whose.may_see(&refusal) && filter.takes(&refusal) {
                    items.push(refusal);
                }
                if items.len() == wanted && (more || position + 1 < count) {
                    return Ok(Page { items, next_cursor: cursor_before(&whose, before.as_deref()) });
                }
            }
            if !more {
                return Ok(Page { items, next_cursor: None });
            }
        }
        Ok(Page { items, next_cursor: cursor_before(&whose, before.as_deref()) })
    }

    /// The newest refusals of some partitions together, each with its place, and whether more follow.
    async fn newest_refusals(
        &self,
        partitions: &[String],
        before: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<(String, Refusal)>, bool), StoreError> {
        let (mut rows, mut read_up_to) = (Vec::new(), None::<String>);
        for partition in partitions {
            let (some, next) = self.refusals_before(partition, before, limit).await?;
            rows.extend(some);
            read_up_to = read_up_to.max(next);
        }
        rows.sort_by(|(one, _), (other, _)| other.cmp(one));
        // Of a partition that was not read to its end, an older row may stand before those of the others.
        rows.retain(|(place, _)| read_up_to.as_ref().is_none_or(|up_to| place >= up_to));
        Ok((rows, read_up_to.is_some()))
    }

    /// Refusals of one partition before a place, the newest first, and the last one's place if more follow.
    async fn refusals_before(
        &self,
        partition: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<(String, Refusal)>, Option<String>), StoreError> {
        let table = &self.table;
        let answer = table
            .database
            .client()
            .query()
            .table_name(&table.name)
            .key_condition_expression("#partition = :partition AND #place < :before")
            .expression_attribute_names("#partition", KEY[0])
            .expression_attribute_names("#place", KEY[1])
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":before", text(before.unwrap_or(END)))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(page_rows(limit))
            .send()
            .await
            .map_err(|error| StoreError::of_call(&table.name, "list refusals", error))?;
        let next = answer.last_evaluated_key().and_then(|last| text_of(last, KEY[1])).map(str::to_owned);
        let placed = |row: Attributes| {
            let place = text_of(&row, KEY[1]).unwrap_or_default().to_owned();
            Ok((place, self.read_refusal(row, COPY)?))
        };
        Ok((answer.items.unwrap_or_default().into_iter().map(placed).collect::<Result<_, StoreError>>()?, next))
    }

    fn refusal_row(
        &self,
        partition: &str,
        place: &str,
        attribute: &str,
        refusal: &Refusal,
    ) -> Result<TransactWriteItem, StoreError> {
        let body: AttributeValue = serde_dynamo::to_attribute_value(refusal)
            .map_err(|error| StoreError::corrupt(&self.table.name, refusal.message_id.as_str(), error))?;
        let put = Put::builder()
            .table_name(&self.table.name)
            .item(KEY[0], text(partition))
            .item(KEY[1], text(place))
            .item(attribute, body)
            .condition_expression("attribute_not_exists(user_id)")
            .build();
        Ok(TransactWriteItem::builder().put(built(&self.table.name, put)?).build())
    }

    fn read_refusal(&self, mut row: Attributes, attribute: &str) -> Result<Refusal, StoreError> {
        let key = KEY.map(|name| text_of(&row, name).unwrap_or("?").to_owned()).join("/");
        let body = row
            .remove(attribute)
            .ok_or_else(|| StoreError::corrupt(&self.table.name, key.clone(), "it holds no refusal"))?;
        serde_dynamo::from_attribute_value(body).map_err(|error| StoreError::corrupt(&self.table.name, key, error))
    }
}

/// The refusal in an image of the table's stream; `None` for any other row, and for the copies of a refusal.
///
/// Any map of attribute values that `serde_dynamo` knows becomes the argument by `.into()`.
pub fn refusal_from_image(mut image: serde_dynamo::Item) -> Result<Option<Refusal>, StoreError> {
    let Some(body) = image.inner_mut().remove(REFUSAL) else { return Ok(None) };
    let refusal = serde_dynamo::from_attribute_value(body);
    refusal.map(Some).map_err(|error| StoreError::corrupt("the stream", REFUSAL, error))
}

/// Where a refusal stands among others: by when its message was sent, which is the same however often it is refused.
fn place_of(refusal: &Refusal) -> String {
    format!("{} {}", sortable(refusal.sent_at.unwrap_or(refusal.at)), refusal.message_id)
}

fn name_partition(name: &str) -> String {
    format!("refused for {name}")
}

fn sender_partition(principal: &PrincipalId) -> String {
    format!("refused from {principal}")
}

fn day_partition(refusal: &Refusal) -> String {
    let day = TimeZone::UTC.to_datetime(refusal.at).date();
    format!("refused {day} {:02}", shard_of(&refusal.message_id))
}

/// All partitions of a day; the first is the one in which the releases before put them all.
fn day_partitions(day: Date) -> Vec<String> {
    let shards = (0..DUE_SHARDS).map(|shard| format!("refused {day} {shard:02}"));
    std::iter::once(format!("refused {day}")).chain(shards).collect()
}

fn cursor_before(whose: &RefusalsOf<'_>, place: Option<&str>) -> Option<String> {
    cursor_of(&[&whose.name(), place?])
}

fn before_of(cursor: &str, whose: &RefusalsOf<'_>) -> Result<String, StoreError> {
    let [name, place] = parts_of(cursor)?;
    if name == whose.name() { Ok(place) } else { Err(StoreError::CursorRefused) }
}
