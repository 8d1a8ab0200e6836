//! The load: a steady stream of messages into the queue, each noted with what must become of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;

use crate::error::HarnessError;
use crate::house::HouseUser;
use crate::message::{Book, Message};
use crate::output::tell;
use crate::random::Random;

/// Pause between two users' bursts of messages.
const PAUSE: Duration = Duration::from_millis(450);
/// Messages in a burst at most.
const BURST_MAX: u64 = 4;
/// Tries to send one message, each under the same deduplication id.
const TRIES_MAX: u32 = 10;
const TRY_PAUSE: Duration = Duration::from_secs(1);

/// A message that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The queue's id of it.
    pub(crate) message_id: String,
    pub(crate) message: Message,
}

/// Sends messages until it is told to stop.
#[derive(Debug)]
pub(crate) struct Load {
    client: Client,
    queue_url: String,
    books: Vec<Book>,
    random: Random,
    sent: Vec<Sent>,
}

/// How the load is watched and stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadControl {
    is_over: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
}

impl LoadControl {
    pub(crate) fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Messages so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Load {
    pub(crate) fn new(client: Client, queue_url: String, users: &[HouseUser], seed: u64) -> Self {
        let books = users.iter().enumerate().map(|(number, user)| Book::new(user, number)).collect();
        Self { client, queue_url, books, random: Random::of_part(seed, 3), sent: Vec::new() }
    }

    /// Sends; gives all that was sent, in the queue's order.
    pub(crate) async fn run(mut self, control: LoadControl) -> Result<Vec<Sent>, HarnessError> {
        while !control.is_over.load(Ordering::SeqCst) {
            let index = self.random.index(self.books.len());
            for _ in 0..self.random.between(1, BURST_MAX) {
                let message = self.books[index].compose(&mut self.random)?;
                let message_id = self.send(&message).await?;
                self.sent.push(Sent { message_id, message });
            }
            control.sent.store(self.sent.len(), Ordering::SeqCst);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(self.sent)
    }

    /// A message that did not go out is sent again: the queue takes it once.
    async fn send(&self, message: &Message) -> Result<String, HarnessError> {
        let deduplication_id = format!("message-{}", self.sent.len());
        let mut tries = 0;
        loop {
            tries += 1;
            let request = self.client.send_message().queue_url(&self.queue_url).message_body(message.body.to_string());
            let request = request.message_group_id(message.key.user_id.as_str());
            match request.message_deduplication_id(&deduplication_id).send().await {
                Ok(answer) => return Ok(answer.message_id.unwrap_or_default()),
                Err(error) if tries >= TRIES_MAX => return Err(HarnessError::unexpected("SendMessage", error)),
                Err(error) => tell(&format!("a message is sent again: {error}")),
            }
            tokio::time::sleep(TRY_PAUSE).await;
        }
    }
}
