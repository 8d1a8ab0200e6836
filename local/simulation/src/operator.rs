//! What the operator does: secrets, keys, the registry of algorithms. And what they see of the functions' doing.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::Tokens;
use domain::{Algorithm, Clock};
use serde_json::{Value, json};
use store::{Sealer, SealingSecret};

use crate::functions::{CONSUMER_SECRET, ENCRYPTION_KEY_SECRET, Functions, SEALING_KEY_SECRET};
use crate::rights::Right;
use crate::world::{World, consumer_secret};

impl World {
    /// Wires the functions anew, with another secret of the consumer: as after a deployment.
    pub fn replace_consumer_secret(&mut self, change: impl FnOnce(&mut Value)) {
        let mut secret = consumer_secret();
        change(&mut secret);
        self.ground.vault.put(CONSUMER_SECRET, &secret.to_string());
        self.functions = Functions::wire(&self.ground);
    }

    /// Wires the functions anew, with the encryption key in a secret of its own.
    pub fn part_the_encryption_key(&mut self) {
        self.ground.vault.put(ENCRYPTION_KEY_SECRET, include_str!("../keys/private_encryption.pem"));
        self.replace_consumer_secret(|secret| {
            secret.as_object_mut().unwrap().remove("private_encryption_pem");
        });
    }

    /// Changes the secret of the sealing keys, while the functions run on.
    pub fn rotate_sealing_key(&self, text: &str) {
        self.ground.vault.put(SEALING_KEY_SECRET, text);
    }

    /// What the secret of the sealing keys holds.
    #[must_use]
    pub fn sealing_secret(&self) -> String {
        self.ground.vault.current(SEALING_KEY_SECRET)
    }

    /// The operator's own way to the users' tokens, with the keys of this secret.
    #[must_use]
    pub fn operators_tokens(&self, secret: &SealingSecret) -> Tokens {
        Tokens::new(Sealer::new(&secret.keys).unwrap().into(), Arc::clone(&self.ground.entropy))
    }

    /// Every row of a table, as it is at this moment.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        self.database.rows(table).unwrap()
    }

    /// Carries out one call to the database by hand, as no function would: its name, and DynamoDB's own JSON.
    pub fn database_answer(&self, operation: &str, request: &Value) {
        let (status, answer) = self.database.answer(operation, &request.to_string());
        assert_eq!(status, 200, "{answer}");
    }

    /// Every version of every secret in Secrets Manager.
    #[must_use]
    pub fn vault(&self) -> Vec<String> {
        self.ground.vault.all()
    }

    /// What the functions did so far, each by the right that it took.
    #[must_use]
    pub fn rights_used(&self) -> BTreeSet<Right> {
        self.ground.rights.used()
    }

    /// Tells every change of the tables so far on the bus, by the real function; all that the bus was ever told.
    pub async fn tell_changes(&self) -> Vec<Value> {
        for table in ["orders", "connections"] {
            let records = self.database.changes(table).unwrap();
            let batch = serde_json::from_value(json!({"Records": records})).unwrap();
            self.functions.events.handle(batch).await.unwrap();
        }
        self.ground.bus.events()
    }

    /// Registers an algorithm, as the operator does.
    pub async fn register_algorithm(&self, algorithm_id: &str, principal: &str) {
        let algorithm = Algorithm {
            algorithm_id: algorithm_id.parse().unwrap(),
            principals: BTreeSet::from([principal.parse().unwrap()]),
            registered_at: self.clock.now(),
        };
        self.store().rules.put_algorithm(&algorithm).await.unwrap();
    }

    /// Removes an algorithm, as the operator does.
    pub async fn remove_algorithm(&self, algorithm_id: &str) {
        self.store().rules.remove_algorithm(&algorithm_id.parse().unwrap()).await.unwrap();
    }
}
