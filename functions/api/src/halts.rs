//! The user's kill switch.

use std::sync::Arc;

use axum::extract::State;
use domain::{Halt, HaltMode, KillSwitch, SetBy, UserId};
use futures_util::future::join_all;
use jiff::Timestamp;
use platform::Problem;
use serde::{Deserialize, Serialize};
use store::HaltScope;
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::answers::{Forbidden, Refused, TooLarge, answer};
use crate::body::Json;
use crate::callers::User;
use crate::{Api, bad_field, published, store_failed};

/// The longest reason of a halt, in characters.
const HALT_REASON_CHARACTERS_MAX: usize = 500;
/// Wakes that are sent side by side.
const WAKES_AT_ONCE_MAX: usize = 20;

answer! {
    /// The kill switch
    InForce: OK, HaltInForce
}

/// What a user says of their own kill switch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutHalt {
    halted: bool,
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// With halted true: reducing lets orders pass that reduce a position
    #[serde(default)]
    #[schema(schema_with = all_unless_said)]
    mode: HaltMode,
    /// With halted true: asks for the end of every open order as well, the exits of filled brackets among them, so their positions
    /// stay without a stop; the answer's `cancels_asked` counts them
    #[serde(default)]
    #[schema(default = false)]
    cancel_working: bool,
}

/// What is in force for the user: the strictest of their own halt, the operator's over them, and the operator's of all trading.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Halt)]
#[serde(deny_unknown_fields)]
pub(crate) struct HaltInForce {
    halted: bool,
    /// Orders that reduce a position pass; left out: none does.
    #[serde(skip_serializing_if = "HaltMode::is_all")]
    #[schema(schema_with = only_reducing, required = false)]
    mode: HaltMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<published::Time>, nullable = false)]
    since: Option<Timestamp>,
    /// Whose halt is on. The user lifts their own by halted false, and only the operator the operator's. Empty while nothing is
    /// halted, and for a halt that an earlier release wrote: whoever lifts that one lifts it.
    #[schema(inline, value_type = std::collections::BTreeSet<SetBy>)]
    set_by: Vec<SetBy>,
    /// How many orders were asked to end, if `cancel_working` said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancels_asked: Option<usize>,
}

impl HaltInForce {
    /// What is in force for a user: their switch, and the halt of all trading, which only the operator says.
    fn of(switch: KillSwitch, all_trading: Halt) -> Self {
        let mut set_by = switch.set_by();
        if all_trading.halted && !set_by.contains(&SetBy::Operator) {
            set_by.push(SetBy::Operator);
        }
        let is_stricter = all_trading.halted && (!switch.halt.halted || all_trading.mode.is_all());
        let Halt { halted, mode, reason, since, .. } = if is_stricter { all_trading } else { switch.halt };
        Self { halted, mode, reason, since, set_by, cancels_asked: None }
    }
}

/// The modes, with the one that is meant where none is said.
fn all_unless_said() -> RefOr<Schema> {
    match HaltMode::schema() {
        RefOr::T(Schema::Object(mut modes)) => {
            modes.default = Some("all".into());
            Schema::from(modes).into()
        }
        other => other,
    }
}

fn only_reducing() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["reducing"])).build()
}

/// The user's kill switch
#[utoipa::path(get, path = "/halt", tag = "rules")]
pub(crate) async fn get_halt(
    State(api): State<Arc<Api>>,
    User(user_id): User,
) -> Result<InForce, Refused<(Forbidden,)>> {
    let switch = api.intake.rules.kill_switch(&HaltScope::User(user_id)).await.map_err(|error| store_failed(&error))?;
    Ok(InForce::of(&api.in_force(switch).await?))
}

/// Set the user's kill switch: while it is on, no new order is sent; cancels pass
///
/// A halt of the operator's stays, and the answer shows it.
#[utoipa::path(put, path = "/halt", tag = "rules")]
pub(crate) async fn put_halt(
    State(api): State<Arc<Api>>,
    User(user_id): User,
    Json(body): Json<PutHalt>,
) -> Result<InForce, Refused<(Forbidden, TooLarge)>> {
    if body.reason.as_ref().is_some_and(|reason| reason.chars().count() > HALT_REASON_CHARACTERS_MAX) {
        return Err(bad_field("reason", &format!("must have at most {HALT_REASON_CHARACTERS_MAX} characters")).into());
    }
    if body.cancel_working && !body.halted {
        return Err(bad_field("cancel_working", "goes with halted: true only").into());
    }
    if !body.halted && !body.mode.is_all() {
        return Err(bad_field("mode", "goes with halted: true only: nothing is halted, so nothing is let pass").into());
    }
    let since = Some(api.intake.clock.now());
    let (cancel_working, reason) = (body.cancel_working, body.reason);
    let word = Halt { halted: body.halted, mode: body.mode, reason, since, cancel_working };
    let said = api.intake.rules.say_halt(&user_id, SetBy::User, &word).await;
    let answer = api.in_force(said.map_err(|error| store_failed(&error))?).await?;
    tracing::warn!(
        %user_id, halted = word.halted, mode = ?word.mode, in_force = answer.halted, set_by = ?answer.set_by,
        "a user's kill switch was set"
    );
    // After the halt: what gets no intent any more needs no cancel.
    let cancels_asked = if body.cancel_working { Some(api.cancel_working(&user_id).await?) } else { None };
    Ok(InForce::of(&HaltInForce { cancels_asked, ..answer }))
}

impl Api {
    async fn in_force(&self, switch: KillSwitch) -> Result<HaltInForce, Problem> {
        let all_trading = self.intake.rules.kill_switch(&HaltScope::Global).await;
        Ok(HaltInForce::of(switch, all_trading.map_err(|error| store_failed(&error))?.halt))
    }

    async fn cancel_working(&self, user_id: &UserId) -> Result<usize, Problem> {
        let cancelling = self.intake.cancel_open(user_id, None).await.map_err(|error| store_failed(&error))?;
        for some in cancelling.chunks(WAKES_AT_ONCE_MAX) {
            join_all(some.iter().map(|order| self.wake(&order.key))).await;
        }
        let at_the_broker = cancelling.iter().filter(|order| !order.is_over()).count();
        tracing::warn!(%user_id, orders = at_the_broker, "a halt asked for the end of what works");
        Ok(at_the_broker)
    }
}
