//! The event bus in memory.

use std::sync::{Arc, Mutex};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use serde_json::{Value, json};

use crate::aws_door::{self, Reply};
use crate::rights::FunctionRights;

/// The bus's name in the template.
pub(crate) const BUS: &str = "EventBus";

/// The bus. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bus {
    events: Arc<Mutex<Vec<Value>>>,
}

impl Bus {
    /// Every event so far, as it was put.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// A client of the real SDK in the hands of a function.
    pub(crate) fn client(&self, rights: FunctionRights) -> Client {
        let bus = self.clone();
        let http_client = aws_door::http_client(move |operation, body| bus.take(&rights, operation, body));
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            // It goes by the real time, and virtual time stands still to it: the same seed would not be the same world.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("simulated", "simulated", None, None, "simulated"))
            .endpoint_url("https://events.invalid")
            .http_client(http_client)
            .build();
        Client::from_conf(config)
    }

    fn take(&self, rights: &FunctionRights, operation: &str, body: &Value) -> Reply {
        let entries = body["Entries"].as_array().cloned().unwrap_or_default();
        for entry in &entries {
            rights.exercise(&format!("events:{operation}"), entry["EventBusName"].as_str().unwrap_or_default());
        }
        let taken: Vec<Value> = (0..entries.len()).map(|number| json!({"EventId": number.to_string()})).collect();
        self.events.lock().unwrap().extend(entries);
        Reply::Answer(json!({"FailedEntryCount": 0, "Entries": taken}))
    }
}
