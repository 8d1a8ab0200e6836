//! A session: everything that a live session token signs. This file opens, watches and ends it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::AccountId;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use signing::Parameters;
use tokio::time::Instant;

use crate::api::{Api, CALL_TIMEOUT, Question, Signer};
use crate::cookies::Cookies;
use crate::error::CallError;
use crate::grant::ProvedLiveSessionToken;
use crate::meaning::{done, read};
use crate::pace::Pace;
use crate::turns::Turns;
use crate::wire::rows::{AccountProperties, AccountsBody, StatusBody, TickleBody};
use crate::words::{AccessToken, ConsumerIdentity};

/// How long to wait after `init` before the next call, and between looks (IBKR's integration team asks for 3 to 5 s).
pub const PAUSE_AFTER_INIT: Duration = Duration::from_secs(3);
/// What must be left of somebody's time for a call to be begun.
const CALL_TIME_MIN: Duration = Duration::from_secs(1);
/// Most message ids that can be suppressed at once (IBKR Web API, suppression).
pub const SUPPRESSED_MAX: usize = 51;

/// One user's session. It holds neither of the consumer's keys, so that who sends orders needs neither.
pub struct Session {
    pub(crate) api: Api,
    identity: ConsumerIdentity,
    access_token: AccessToken,
    proved: ProvedLiveSessionToken,
    cookies: Cookies,
    turns: Option<Arc<dyn Turns>>,
    done_by: Option<Timestamp>,
}

/// Where the brokerage session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the broker, by its own name")]
pub struct SessionStatus {
    /// Whether the username is logged in to the brokerage system.
    pub authenticated: bool,
    /// Whether orders may be sent: authenticated alone is not enough.
    pub established: bool,
    /// Whether another login of the same username has the session.
    pub competing: bool,
    /// Whether the broker's front is connected to its back.
    pub connected: bool,
    /// The broker's words, or why it failed.
    pub message: Option<String>,
    /// Why it failed, where the broker says so (`fail`).
    pub failure: Option<String>,
}

/// How the wait for a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Establishment {
    /// Orders may be sent, once the accounts were asked for.
    Established,
    /// Another login of the same username has it.
    Competing(SessionStatus),
    /// Time ran out; the last look.
    NotYet(SessionStatus),
}

/// The accounts of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Each account, and what it may do.
    pub accounts: Vec<Account>,
    /// The one that the session is set to.
    pub selected: Option<AccountId>,
    /// Whether they are paper accounts, where the broker tells.
    pub is_paper: Option<bool>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// Whether it takes orders by cash quantity.
    pub supports_cash_quantity: Option<bool>,
    /// Whether it takes fractions (not through this API for stocks, whatever this says).
    pub supports_fractions: Option<bool>,
    /// True: an order must say when it was entered. False: it must not.
    pub allow_customer_time: Option<bool>,
}

#[derive(Serialize)]
struct InitBody {
    publish: bool,
    compete: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SuppressBody<'a> {
    message_ids: &'a [&'a str],
}

impl Session {
    /// A session from its parts, as they come from a grant or from a store. It keeps to a pace of its own; whoever is not the
    /// only one to call for its user gives it turns ([`Session::in_turns`]).
    #[must_use]
    pub fn new(
        api: Api,
        identity: ConsumerIdentity,
        access_token: AccessToken,
        proved: ProvedLiveSessionToken,
    ) -> Self {
        let own = |most| Arc::new(Pace::new(most, Arc::clone(api.clock()), &[])) as Arc<dyn Turns>;
        let turns = api.calls_per_second_max().map(own);
        Self { api, identity, access_token, proved, cookies: Cookies::default(), turns, done_by: None }
    }

    /// The same, whose calls wait for their turn among all that are made for its user.
    #[must_use]
    pub fn in_turns(self, turns: Arc<dyn Turns>) -> Self {
        Self { turns: Some(turns), ..self }
    }

    /// The same session in the hands of somebody who must be done by then: no call of it lasts longer, and one for which a
    /// second is not left is not begun ([`CallError::NotSent`]).
    #[must_use]
    pub fn done_by(self, at: Timestamp) -> Self {
        Self { done_by: Some(at), ..self }
    }

    /// When its live session token ends. After it nothing is sent any more.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.proved.expires_at
    }

    /// Opens the brokerage session. `compete` throws the username out of every other place where it is logged in.
    ///
    /// Wait [`PAUSE_AFTER_INIT`] before the next call.
    pub async fn init(&self, compete: bool) -> Result<SessionStatus, CallError> {
        // `publish: false` is answered with 500.
        let body = InitBody { publish: true, compete };
        let response = self.call(Question::post("/iserver/auth/ssodh/init").json(&body)?).await?;
        read::<StatusBody>(&response).map(SessionStatus::from)
    }

    /// Where the brokerage session stands.
    pub async fn status(&self) -> Result<SessionStatus, CallError> {
        let response = self.call(Question::post("/iserver/auth/status")).await?;
        read::<StatusBody>(&response).map(SessionStatus::from)
    }

    /// Looks every `pause`, beginning with a pause, until the session is established, another login has it, or `within`
    /// has passed. Around `init` the broker is known to be slow and to answer "no bridge": such a look is taken again.
    pub async fn wait_until_established(&self, within: Duration, pause: Duration) -> Result<Establishment, CallError> {
        let deadline = Instant::now() + within;
        loop {
            tokio::time::sleep(pause).await;
            let in_time = Instant::now() + pause <= deadline;
            match self.status().await {
                Ok(status) if status.established && status.authenticated => return Ok(Establishment::Established),
                Ok(status) if status.competing => return Ok(Establishment::Competing(status)),
                Ok(_) | Err(CallError::Unknown { .. } | CallError::NoBridge | CallError::NotSent(_)) if in_time => {}
                Ok(status) => return Ok(Establishment::NotYet(status)),
                Err(error) => return Err(error),
            }
        }
    }

    /// The accounts. Must be asked for after `init`, before anything about orders.
    pub async fn accounts(&self) -> Result<Accounts, CallError> {
        let response = self.call(Question::get("/iserver/accounts")).await?;
        read(&response).map(|body| accounts(&body))
    }

    /// Keeps the session warm (once a minute; it ends after about 5 without traffic), and tells where it stands.
    pub async fn tickle(&self) -> Result<SessionStatus, CallError> {
        let response = self.call(Question::post("/tickle")).await?;
        read::<TickleBody>(&response).map(|body| body.iserver.auth_status.into())
    }

    /// Ends the session. Its cookies are forgotten.
    pub async fn logout(&self) -> Result<(), CallError> {
        let response = self.call(Question::post("/logout")).await?;
        self.cookies.clear();
        done(&response)
    }

    /// Has these questions not asked any more in this brokerage session. The full list each time; at most
    /// [`SUPPRESSED_MAX`].
    pub async fn suppress(&self, message_ids: &[&str]) -> Result<(), CallError> {
        if message_ids.len() > SUPPRESSED_MAX {
            return Err(CallError::Invalid(format!("at most {SUPPRESSED_MAX} messages can be suppressed")));
        }
        let question = Question::post("/iserver/questions/suppress").json(&SuppressBody { message_ids })?;
        done(&self.call(question).await?)
    }

    /// Waits until the pace allows a call. Whoever must know the time of an order's first byte waits before they look.
    pub async fn wait_for_turn(&self) {
        if let Some(turns) = &self.turns {
            // That there is none, the call itself tells.
            let _ = turns.wait().await;
        }
    }

    /// Signs with the live session token, and sends in its turn. A token that has run out signs nothing.
    pub(crate) async fn call(&self, question: Question) -> Result<Response<Bytes>, CallError> {
        if let Some(turns) = &self.turns {
            turns.take().await?;
        }
        if self.api.now() >= self.proved.expires_at {
            return Err(CallError::Unauthorized { message: format!("it ended at {}", self.proved.expires_at) });
        }
        let timeout = self.time_for_a_call()?;
        let oauth = Parameters::default().with("oauth_token", self.access_token.expose());
        let signer = Signer::Token(&self.proved.token);
        let answer = self.api.ask(question, &self.identity, oauth, &signer, Some(&self.cookies), timeout).await;
        if let Some(turns) = &self.turns {
            let is_refused = answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS);
            turns.ended(is_refused).await;
        }
        Ok(answer?)
    }

    /// How long a call may take now.
    fn time_for_a_call(&self) -> Result<Duration, CallError> {
        let Some(done_by) = self.done_by else { return Ok(CALL_TIMEOUT) };
        let left = Duration::try_from(done_by.duration_since(self.api.now())).unwrap_or_default();
        if left < CALL_TIME_MIN {
            return Err(CallError::NotSent(format!("whoever asks must be done by {done_by}")));
        }
        Ok(left.min(CALL_TIMEOUT))
    }
}

impl From<StatusBody> for SessionStatus {
    fn from(body: StatusBody) -> Self {
        let flag = |value: &crate::wire::loose::Loose| value.boolean().unwrap_or(false);
        Self {
            authenticated: flag(&body.authenticated),
            established: flag(&body.established),
            competing: flag(&body.competing),
            connected: flag(&body.connected),
            message: body.fail.text().map(str::to_owned).or_else(|| body.message.into_text()),
            failure: body.fail.into_text(),
        }
    }
}

/// Entries that are no accounts by their form, or that the answer itself calls groups, are left out.
fn accounts(body: &AccountsBody) -> Accounts {
    let account = |id: &String| {
        let account_id = AccountId::of_list(id)?;
        let properties = body.acct_props.get(id).and_then(|properties| serde_json::from_str(properties.get()).ok());
        let properties: AccountProperties = properties.unwrap_or_default();
        Some(Account {
            account_id,
            supports_cash_quantity: properties.supports_cash_qty.boolean(),
            supports_fractions: properties.supports_fractions.boolean(),
            allow_customer_time: properties.allow_customer_time.boolean(),
        })
    };
    let is_group = |id: &&String| body.groups.contains(id) || body.profiles.contains(id);
    let accounts: Vec<Account> = body.accounts.iter().filter(|id| !is_group(id)).filter_map(account).collect();
    if accounts.is_empty() && !body.accounts.is_empty() {
        tracing::warn!(entries = ?body.accounts, "entries of the broker's list of accounts are none by their form, and no account is left");
    }
    Accounts {
        accounts,
        selected: body.selected_account.text().and_then(AccountId::of_list),
        is_paper: body.is_paper.boolean(),
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("identity", &self.identity)
            .field("expires_at", &self.proved.expires_at)
            .finish_non_exhaustive()
    }
}
