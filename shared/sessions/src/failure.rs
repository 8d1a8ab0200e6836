//! What follows from a live session token that the broker did not give: whose turn it is, and when it is tried again.

use access::PENALTY;
use broker::{Consumer, NextStep, OAuthError};
use domain::{Connection, ConnectionStatus, Reason, ReasonCode};
use jiff::{SignedDuration, Timestamp};
use store::Versioned;

use crate::renew::{Renew, RenewError};
use crate::renewal::spread;

/// The first pause after a failure that may be over in a moment; it doubles with each further one.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// The first pause while the broker does not take the consumer at all.
const OPERATOR_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// The longest pause while the broker is away, so that all are back within minutes of its return.
const AWAY_PAUSE_MAX: SignedDuration = SignedDuration::from_mins(2);
/// The longest pause otherwise: a new consumer is looked at hourly (IBKR Web API, activation delay).
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(60);
/// How long the broker must have refused a user's tokens before the user is asked to consent again.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(30);
/// So recent must the consumer's last success be, with any user, for a refusal of it to be one user's own.
const CONSUMER_GOOD_WITHIN: SignedDuration = SignedDuration::from_mins(60);

const CONSENT_GONE_WORDS: &str = "The broker takes this platform, and does not take your access any more. You took it back in the broker's settings, or the broker \
     lost it. Connect again: you consent once more at the broker.";

/// What a failure comes to.
struct Verdict {
    code: ReasonCode,
    /// `None`: the user must consent again.
    again_after: Option<SignedDuration>,
}

impl Renew {
    /// Writes down that no live session token was made, and when it is tried again.
    pub(crate) async fn record_failure(
        &self,
        consumer: &Consumer,
        connection: &mut Versioned<Connection>,
        error: &OAuthError,
    ) -> Result<(), RenewError> {
        let now = self.clock.now();
        connection.value.failures = connection.value.failures.saturating_add(1);
        let verdict = self.verdict(consumer, &mut connection.value, error, now).await?;
        tracing::warn!(
            user_id = %connection.value.user_id,
            connection_id = %connection.value.connection_id,
            code = %verdict.code,
            failures = connection.value.failures,
            %error,
            metric.refresh_failures = 1,
            metric.consumer_refusals = u8::from([ReasonCode::OperatorNeeded, ReasonCode::ConsumerRefused].contains(&verdict.code)),
            metric.penalty_boxes = u8::from(verdict.code == ReasonCode::Penalty),
            "a live session token was not renewed"
        );
        if verdict.again_after.is_none() {
            connection.value.turn(ConnectionStatus::NeedsConsent);
        }
        // What the operator must know of a consumer that the broker refuses tells this user nothing: it takes the others'.
        let why =
            if verdict.code == ReasonCode::ConsentGone { CONSENT_GONE_WORDS.to_owned() } else { error.to_string() };
        connection.value.last_error = Some(Reason::new(verdict.code, why));
        connection.value.next_renewal_at = verdict.again_after.map(|pause| now + pause);
        connection.value.updated_at = now;
        Ok(self.connections.save(connection).await?)
    }

    async fn verdict(
        &self,
        consumer: &Consumer,
        connection: &mut Connection,
        error: &OAuthError,
        now: Timestamp,
    ) -> Result<Verdict, RenewError> {
        Ok(match error.next_step() {
            NextStep::TryAgain => {
                Verdict { code: ReasonCode::RenewalFailed, again_after: Some(pause_while_away(connection)) }
            }
            NextStep::WaitOutPenalty => {
                self.lanes.set_penalty(now + PENALTY).await?;
                Verdict { code: ReasonCode::Penalty, again_after: Some(PENALTY + spread(connection, PENALTY / 4)) }
            }
            NextStep::AskUser => refused(connection, now),
            NextStep::AskOperator if matches!(error, OAuthError::ConsumerInvalid { .. }) => {
                self.consumer_refused(consumer, connection, now).await?
            }
            NextStep::AskOperator => Verdict {
                code: ReasonCode::OperatorNeeded,
                again_after: Some(growing(OPERATOR_AFTER, PAUSE_MAX, connection)),
            },
        })
    }

    /// "Invalid consumer" for one user while others get their tokens: this user revoked, or the broker forgot the token.
    /// For everybody: the consumer is not active, or not any more (IBKR Web API, recovery ladder).
    async fn consumer_refused(
        &self,
        consumer: &Consumer,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<Verdict, RenewError> {
        let since = *connection.refused_since.get_or_insert(now);
        let good_at = self.lanes.consumer_good_at(&connection.consumer_key).await?;
        // The row of the consumer tells milliseconds.
        let is_since = |good_at: &Timestamp| good_at.as_millisecond() >= since.as_millisecond();
        let others_are_fine =
            good_at.filter(is_since).is_some_and(|good_at| now.duration_since(good_at) < CONSUMER_GOOD_WITHIN);
        let consumer_is_fine = others_are_fine || self.works_without_a_user(consumer, now).await?;
        let told_before = connection.last_error.as_ref().is_some_and(|error| error.code == ReasonCode::TokensRefused);
        Ok(match (consumer_is_fine, told_before) {
            (true, true) => Verdict { code: ReasonCode::ConsentGone, again_after: None },
            (true, false) => Verdict { code: ReasonCode::TokensRefused, again_after: Some(REFUSED_FOR) },
            (false, _) => Verdict {
                code: ReasonCode::ConsumerRefused,
                again_after: Some(growing(OPERATOR_AFTER, PAUSE_MAX, connection)),
            },
        })
    }
    /// Whether the broker takes the consumer for something that no user is needed for: a request token, which is not used.
    /// Asked once a minute at most, for all users together. A first party's consumer gets none there in any case (IBKR Web
    /// API, endpoints), so of it only another user's success tells.
    async fn works_without_a_user(&self, consumer: &Consumer, now: Timestamp) -> Result<bool, RenewError> {
        let key = consumer.identity().key();
        if !self.lanes.may_probe_consumer(key, now).await? {
            return Ok(false);
        }
        match consumer.request_token().await {
            Ok(_) => {
                self.lanes.note_probe_good(key, now).await?;
                Ok(true)
            }
            Err(error) => {
                if error.next_step() == NextStep::WaitOutPenalty {
                    self.lanes.set_penalty(now + PENALTY).await?;
                }
                tracing::info!(%error, "the broker gives the consumer no request token either");
                Ok(false)
            }
        }
    }
}

/// A refusal that stays is the user's: they revoked. One alone may be the broker's mishap (IBKR Web API, recovery ladder: a
/// persistent 401).
fn refused(connection: &mut Connection, now: Timestamp) -> Verdict {
    let since = *connection.refused_since.get_or_insert(now);
    if now.duration_since(since) >= REFUSED_FOR {
        Verdict { code: ReasonCode::ConsentGone, again_after: None }
    } else {
        Verdict { code: ReasonCode::TokensRefused, again_after: Some(REFUSED_FOR) }
    }
}

/// How long a renewal waits after a failure that may be over in a moment; the connection counts it already.
#[must_use]
pub fn pause_while_away(connection: &Connection) -> SignedDuration {
    growing(TRY_AGAIN_AFTER, AWAY_PAUSE_MAX, connection)
}

/// The pause doubles with each failure, up to the longest, and is never the same for all users.
fn growing(first: SignedDuration, longest: SignedDuration, connection: &Connection) -> SignedDuration {
    let doublings = connection.failures.saturating_sub(1).min(10);
    let pause = (first * (1 << doublings)).min(longest);
    pause + spread(connection, pause / 4)
}
