//! AWS as far as the functions need it, over HTTP: tables, secrets, queues and the bus. It counts what it is asked.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use embedded_dynamodb::EmbeddedDynamoDb;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::tally::Tally;

/// A secret with a name that ends so holds the consumer's keys; any other one holds the sealing key.
pub(crate) const CONSUMER_SECRET: &str = "consumer";
pub(crate) const SEALING_KEY_SECRET: &str = "sealing-key";
/// Derives the key that seals tokens; it protects nothing here.
pub(crate) const SEALING_KEY: &str = "a key of the bench, which protects nothing";

#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) database: EmbeddedDynamoDb,
    pub(crate) tally: Arc<Tally>,
    pub(crate) consumer_secret: Arc<str>,
}

impl Aws {
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(answer).with_state(self)
    }

    fn answer(&self, service: &str, operation: &str, body: &str) -> (StatusCode, String) {
        match (service, operation) {
            ("DynamoDB_20120810", _) => {
                let (status, answer) = self.database.answer(operation, body);
                (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), answer)
            }
            ("secretsmanager", "GetSecretValue") => (StatusCode::OK, self.secret(body).to_string()),
            ("AmazonSQS", "SendMessage") => (StatusCode::OK, json!({"MessageId": "sent"}).to_string()),
            ("AWSEvents", "PutEvents") => (StatusCode::OK, json!({"FailedEntryCount": 0, "Entries": []}).to_string()),
            _ => (StatusCode::BAD_REQUEST, json!({"__type": "UnknownOperationException"}).to_string()),
        }
    }

    fn secret(&self, body: &str) -> Value {
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        let name = asked["SecretId"].as_str().unwrap_or_default();
        let text = if name.ends_with(CONSUMER_SECRET) { &*self.consumer_secret } else { SEALING_KEY };
        json!({"ARN": name, "Name": name, "SecretString": text})
    }
}

async fn answer(State(aws): State<Aws>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.rsplit_once('.').unwrap_or_default();
    let (status, answer) = aws.answer(service, operation, std::str::from_utf8(&body).unwrap_or_default());
    aws.tally.note(operation, body.len() + answer.len());
    (status, [(http::header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer).into_response()
}
