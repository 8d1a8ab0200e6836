//! Secrets Manager in memory: each secret with its versions, of which the last is current and the one before it previous.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use serde_json::{Value, json};

use crate::aws_door::{self, Reply};
use crate::rights::FunctionRights;

/// The secrets, by their names in the template. Clones are the same ones.
#[derive(Clone, Default)]
pub(crate) struct Vault {
    secrets: Arc<Mutex<BTreeMap<&'static str, Vec<String>>>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// Puts a new version, which is the current one from now on.
    pub(crate) fn put(&self, secret: &'static str, text: &str) {
        self.secrets.lock().unwrap().entry(secret).or_default().push(text.to_owned());
    }

    /// The current version of a secret; empty if there is none.
    pub(crate) fn current(&self, secret: &'static str) -> String {
        let secrets = self.secrets.lock().unwrap();
        secrets.get(secret).and_then(|versions| versions.last().cloned()).unwrap_or_default()
    }

    /// Every version of every secret.
    pub(crate) fn all(&self) -> Vec<String> {
        self.secrets.lock().unwrap().values().flatten().cloned().collect()
    }

    /// A client of the real SDK in the hands of a function.
    pub(crate) fn client(&self, rights: FunctionRights) -> Client {
        let vault = self.clone();
        let http_client = aws_door::http_client(move |operation, body| vault.answer(&rights, operation, body));
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            // It goes by the real time, and virtual time stands still to it: the same seed would not be the same world.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("simulated", "simulated", None, None, "simulated"))
            .endpoint_url("https://secretsmanager.invalid")
            .http_client(http_client)
            .build();
        Client::from_conf(config)
    }

    fn answer(&self, rights: &FunctionRights, operation: &str, body: &Value) -> Reply {
        let asked = body["SecretId"].as_str().unwrap_or_default();
        rights.exercise(&format!("secretsmanager:{operation}"), asked);
        let secrets = self.secrets.lock().unwrap();
        let versions = secrets.get(asked).map(Vec::as_slice).unwrap_or_default();
        let back = usize::from(body["VersionStage"] == "AWSPREVIOUS");
        match versions.iter().rev().nth(back) {
            Some(text) => Reply::Answer(json!({"ARN": asked, "Name": asked, "SecretString": text})),
            None => Reply::Refusal("ResourceNotFoundException"),
        }
    }
}
