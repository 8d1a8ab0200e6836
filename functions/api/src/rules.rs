//! A user's word on who may trade for them, and how much.

use std::collections::BTreeSet;

use domain::{AccountId, AlgorithmId, FieldFault, Grant, GrantStatus, Halt, HaltMode, KillSwitch, SetBy, UserId};
use futures_util::future::join_all;
use http::StatusCode;
use platform::{HttpRequest, HttpResponse, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use store::HaltScope;

use crate::limits::read_limits;
use crate::{Answer, Api, json_body, path_id, store_failed};

/// The longest reason of a halt, in characters.
const HALT_REASON_CHARACTERS_MAX: usize = 500;
/// Wakes that are sent side by side.
const WAKES_AT_ONCE_MAX: usize = 20;
/// Accounts of one grant: far more than one user has.
const ACCOUNTS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    account_ids: BTreeSet<AccountId>,
    /// Left out, they stay as they are: what is not said lifts neither a limit nor a halt.
    #[serde(default, deserialize_with = "said")]
    limits: Option<Map<String, Value>>,
    /// Likewise.
    #[serde(default, deserialize_with = "said")]
    status: Option<GrantStatus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HaltBody {
    halted: bool,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    mode: HaltMode,
    #[serde(default)]
    cancel_working: bool,
}

#[derive(Serialize)]
struct HaltAnswer {
    #[serde(flatten)]
    halt: Halt,
    /// Whose words stop trading: the user's own, the operator's, or both.
    set_by: Vec<SetBy>,
    /// How many orders were asked to end, if it was said that they should.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancels_asked: Option<usize>,
}

impl HaltAnswer {
    /// What is in force for a user: their switch, and the halt of all trading, which only the operator says.
    fn of(switch: KillSwitch, all_trading: Halt) -> Self {
        let mut set_by = switch.set_by();
        if all_trading.halted && !set_by.contains(&SetBy::Operator) {
            set_by.push(SetBy::Operator);
        }
        let is_stricter = all_trading.halted && (!switch.halt.halted || all_trading.mode.is_all());
        Self { set_by, halt: if is_stricter { all_trading } else { switch.halt }, cancels_asked: None }
    }
}

#[derive(Serialize)]
struct Grants {
    grants: Vec<ShownGrant>,
}

#[derive(Serialize)]
struct ShownGrant {
    #[serde(flatten)]
    grant: Grant,
    /// Whether the operator registered the algorithm: else nothing of it is sent, whatever was granted.
    registered: bool,
}

impl Api {
    pub(crate) async fn list_grants(&self, request: &HttpRequest) -> Answer {
        let grants = self.intake.rules.grants(&request.user()?).await.map_err(|error| store_failed(&error))?;
        let mut shown = Vec::with_capacity(grants.len());
        for grant in grants {
            shown.push(self.shown(grant).await?);
        }
        Ok(HttpResponse::json(StatusCode::OK, &Grants { grants: shown }))
    }

    async fn shown(&self, grant: Grant) -> Result<ShownGrant, Problem> {
        let registered =
            self.intake.rules.algorithm(&grant.algorithm_id).await.map_err(|error| store_failed(&error))?;
        Ok(ShownGrant { grant, registered: registered.is_some() })
    }

    pub(crate) async fn put_grant(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let algorithm_id = granted_algorithm(request)?;
        let body: GrantBody = json_body(request)?;
        if body.account_ids.is_empty() || body.account_ids.len() > ACCOUNTS_MAX {
            return Err(fault("account_ids", &format!("must list 1 to {ACCOUNTS_MAX} accounts")));
        }
        let before = self.intake.rules.grant(&user_id, &algorithm_id).await.map_err(|error| store_failed(&error))?;
        let (limits, status) = before.map_or_else(Default::default, |grant| (grant.limits, Some(grant.status)));
        let limits = body.limits.map_or(Ok(limits), |limits| read_limits("limits.", &limits))?;
        let status = body.status.or(status).unwrap_or(GrantStatus::Active);
        let grant = Grant { user_id, algorithm_id, account_ids: body.account_ids, limits, status };
        self.intake.rules.put_grant(&grant).await.map_err(|error| store_failed(&error))?;
        tracing::info!(user_id = %grant.user_id, algorithm_id = %grant.algorithm_id, status = ?grant.status, "a grant was given");
        Ok(HttpResponse::json(StatusCode::OK, &self.shown(grant).await?))
    }

    pub(crate) async fn delete_grant(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let algorithm_id = granted_algorithm(request)?;
        self.intake.rules.delete_grant(&user_id, &algorithm_id).await.map_err(|error| store_failed(&error))?;
        tracing::info!(%user_id, %algorithm_id, "a grant was taken back");
        Ok(HttpResponse::empty(StatusCode::NO_CONTENT))
    }

    pub(crate) async fn get_limits(&self, request: &HttpRequest) -> Answer {
        let limits = self.intake.rules.limits(&request.user()?).await.map_err(|error| store_failed(&error))?;
        Ok(HttpResponse::json(StatusCode::OK, &limits.unwrap_or_default()))
    }

    pub(crate) async fn put_limits(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let limits = read_limits("", &json_body(request)?)?;
        self.intake.rules.put_limits(&user_id, &limits).await.map_err(|error| store_failed(&error))?;
        Ok(HttpResponse::json(StatusCode::OK, &limits))
    }

    pub(crate) async fn get_halt(&self, request: &HttpRequest) -> Answer {
        let scope = HaltScope::User(request.user()?);
        let switch = self.intake.rules.kill_switch(&scope).await.map_err(|error| store_failed(&error))?;
        Ok(HttpResponse::json(StatusCode::OK, &self.in_force(switch).await?))
    }

    async fn in_force(&self, switch: KillSwitch) -> Result<HaltAnswer, Problem> {
        let all_trading = self.intake.rules.kill_switch(&HaltScope::Global).await;
        Ok(HaltAnswer::of(switch, all_trading.map_err(|error| store_failed(&error))?.halt))
    }

    /// Says the user's own word. What the operator halted stays halted, and the answer tells so.
    pub(crate) async fn put_halt(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let body: HaltBody = json_body(request)?;
        if body.reason.as_ref().is_some_and(|reason| reason.chars().count() > HALT_REASON_CHARACTERS_MAX) {
            return Err(fault("reason", &format!("must have at most {HALT_REASON_CHARACTERS_MAX} characters")));
        }
        if body.cancel_working && !body.halted {
            return Err(fault("cancel_working", "goes with halted: true only"));
        }
        let since = Some(self.intake.clock.now());
        let word = Halt { halted: body.halted, mode: body.mode, reason: body.reason, since };
        let said = self.intake.rules.say_halt(&user_id, SetBy::User, &word).await;
        let answer = self.in_force(said.map_err(|error| store_failed(&error))?).await?;
        tracing::warn!(
            %user_id, halted = word.halted, mode = ?word.mode, in_force = answer.halt.halted, set_by = ?answer.set_by,
            "a user's kill switch was set"
        );
        // After the halt: what gets no intent any more needs no cancel.
        let cancels_asked = if body.cancel_working { Some(self.cancel_working(&user_id).await?) } else { None };
        Ok(HttpResponse::json(StatusCode::OK, &HaltAnswer { cancels_asked, ..answer }))
    }

    async fn cancel_working(&self, user_id: &UserId) -> Result<usize, Problem> {
        let cancelling = self.intake.cancel_open(user_id, None).await.map_err(|error| store_failed(&error))?;
        for some in cancelling.chunks(WAKES_AT_ONCE_MAX) {
            join_all(some.iter().map(|key| self.wake(key))).await;
        }
        tracing::warn!(%user_id, orders = cancelling.len(), "a halt asked for the end of what works");
        Ok(cancelling.len())
    }
}

/// What is said is said: `null` is no way of leaving it out.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The algorithm in the address: any but the user's own hand.
fn granted_algorithm(request: &HttpRequest) -> Result<AlgorithmId, Problem> {
    let algorithm_id: AlgorithmId = path_id(request, "algorithm_id", "algorithm")?;
    if algorithm_id.is_own_hand() {
        return Err(fault("algorithm_id", "your own hand (`self`) needs no grant"));
    }
    Ok(algorithm_id)
}

fn fault(field: &str, message: &str) -> Problem {
    Problem::bad_fields(vec![FieldFault { field: field.to_owned(), message: message.to_owned() }])
}
