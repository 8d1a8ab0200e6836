//! The fan-out: what is due is found in the shards and asked for over the queue, as far as a run's time goes.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use store::{DueCursor, PAGE_ROWS_MAX, SessionAsk, SessionAskReason, StoreError, shards_in_turn};

use crate::renew::Renew;

/// While so many asks wait in the queue, a run adds none: what is due would stand there twice, and an order's ask behind it.
pub const WAITING_MAX: u64 = 2_000;
/// What must be left of a run to look at another page: its look, its calls to the queue, and a slow one among them.
const PAGE_TIME: SignedDuration = SignedDuration::from_secs(5);

impl Renew {
    /// Finds the connections that are due and asks for each over the queue, so that one that fails stops no other. Returns
    /// how many were asked for. An ask that comes twice is harmless.
    ///
    /// The shards take turns, a page each, and each run begins with another shard: neither a full shard nor one that cannot
    /// be read keeps the others waiting. What a run does not reach is still due in the next one.
    pub async fn fan_out_due(&self, deadline: Timestamp) -> Result<usize, StoreError> {
        if self.enough_waits().await {
            return Ok(0);
        }
        let now = self.clock.now();
        let mut line: VecDeque<(u8, Option<DueCursor>)> = shards_in_turn(now).map(|shard| (shard, None)).collect();
        let (mut asked, mut failed) = (0, None);
        while let Some((shard, behind)) = line.pop_front() {
            if self.clock.now() + PAGE_TIME >= deadline {
                tracing::warn!(shard, "the run ended before all due connections were asked for; the next run goes on");
                break;
            }
            match self.ask_page(shard, now, behind).await {
                Ok((count, next)) => {
                    asked += count;
                    line.extend(next.map(|next| (shard, Some(next))));
                }
                Err(error) => {
                    tracing::warn!(%error, shard, "due connections of a shard were not asked for; the next run does it");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(asked), Err)
    }

    async fn ask_page(
        &self,
        shard: u8,
        now: Timestamp,
        behind: Option<DueCursor>,
    ) -> Result<(usize, Option<DueCursor>), StoreError> {
        let page = self.connections.due_for_renewal(shard, now, PAGE_ROWS_MAX, behind).await?;
        let ask =
            |(user_id, connection_id)| SessionAsk { user_id, connection_id, reason: SessionAskReason::RenewalDue };
        let asks: Vec<SessionAsk> = page.keys.into_iter().map(ask).collect();
        Ok((self.session_queue.ask_all(&asks).await?, page.next))
    }

    async fn enough_waits(&self) -> bool {
        match self.session_queue.waiting().await {
            Ok(waiting) if waiting > WAITING_MAX => {
                tracing::warn!(waiting, "so many sessions wait to be looked after that this run asks for none");
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, "how many sessions wait to be looked after is not known");
                false
            }
        }
    }
}
