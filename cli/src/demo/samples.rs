//! The orders of events/orders, and what must become of each.

use std::path::{Path, PathBuf};

use domain::OrderId;
use serde::Deserialize;

use crate::error::CourierError;

/// What must become of an order.
#[derive(Debug)]
pub(crate) struct Expectation {
    order_id: &'static str,
    /// The status it ends in; the one it stays in, for the stop that the price does not reach.
    pub(crate) status: &'static str,
    pub(crate) filled_quantity: &'static str,
    pub(crate) average_price: Option<&'static str>,
    /// Whether a ticket leaves for the broker. Never more than one.
    pub(crate) is_sent: bool,
    /// Whether the broker takes it.
    pub(crate) is_registered: bool,
    /// What the reason has to name.
    pub(crate) reason_names: &'static [&'static str],
}

const NOT_SENT: Expectation = Expectation {
    order_id: "",
    status: "expired",
    filled_quantity: "0",
    average_price: None,
    is_sent: false,
    is_registered: false,
    reason_names: &[],
};
const TAKEN: Expectation = Expectation { status: "working", is_sent: true, is_registered: true, ..NOT_SENT };

const EXPECTATIONS: [Expectation; 6] = [
    // Works until the demo lets the price fall below its limit.
    Expectation { order_id: LIMIT, status: "filled", filled_quantity: "10", average_price: Some("149"), ..TAKEN },
    Expectation {
        order_id: "demo-market",
        status: "filled",
        filled_quantity: "5",
        average_price: Some("420"),
        ..TAKEN
    },
    Expectation { order_id: "demo-stop", ..TAKEN },
    Expectation {
        order_id: "demo-refused",
        status: "rejected",
        is_sent: true,
        reason_names: &["No trading permissions"],
        ..NOT_SENT
    },
    Expectation { order_id: "demo-expired", ..NOT_SENT },
    Expectation {
        order_id: "demo-malformed",
        status: "denied",
        reason_names: &["side", "quantity", "limit_price", "colour"],
        ..NOT_SENT
    },
];

/// The order whose price the demo moves.
pub(crate) const LIMIT: &str = "demo-limit";

/// An order to send.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The file's name.
    pub(crate) file: String,
    /// Its content: the message, as it is sent.
    pub(crate) body: String,
    pub(crate) order_id: OrderId,
    pub(crate) expected: &'static Expectation,
}

#[derive(Deserialize)]
struct Identity {
    order_id: OrderId,
}

/// All of them, by the file's name.
pub(crate) fn read(root: &Path) -> Result<Vec<Sample>, CourierError> {
    let folder = root.join("events").join("orders");
    let entries = std::fs::read_dir(&folder).map_err(|error| unusable(&folder, error.to_string()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let samples: Vec<Sample> = files.iter().map(|file| sample(file)).collect::<Result<_, _>>()?;
    match EXPECTATIONS
        .iter()
        .find(|expected| samples.iter().all(|sample| sample.order_id.as_str() != expected.order_id))
    {
        Some(missing) => Err(unusable(&folder, format!("no file holds the order {}", missing.order_id))),
        None => Ok(samples),
    }
}

fn sample(file: &Path) -> Result<Sample, CourierError> {
    let body = std::fs::read_to_string(file).map_err(|error| unusable(file, error.to_string()))?;
    let Identity { order_id } = serde_json::from_str(&body).map_err(|error| unusable(file, error.to_string()))?;
    let expected = EXPECTATIONS.iter().find(|expected| expected.order_id == order_id.as_str());
    let expected = expected.ok_or_else(|| {
        unusable(
            file,
            format!("the demo does not know what must become of {order_id}; say so in cli/src/demo/samples.rs"),
        )
    })?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Sample { file: name, body, order_id, expected })
}

fn unusable(path: &Path, problem: String) -> CourierError {
    CourierError::File { path: path.to_owned(), problem }
}
