//! Lives without chance, whose every effect is known.

use serde_json::json;

use super::dice::Dice;
use super::lives::{Life, PEOPLE, merge, new_life};
use super::plan::{Act, Manner, Plan};
use super::tickets::{CONTRACTS, KINDS, Kind};
use super::weather::Weather;
use crate::world::{ACCOUNT, ALGORITHM, USER};

/// A life without chance, whose every effect is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    kind: Kind,
    variant: Variant,
}

/// What is particular about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Plain,
    OverTheApi,
    BySymbol,
    Cancelled,
    /// Twice, the second time while the first may still be on its way.
    Changed,
    /// Another like it comes in the same batch.
    Followed,
}

impl Script {
    /// Each kind of order once, a plain limit order first; and a limit order that comes over the API, names its contract
    /// by a symbol, is cancelled, is changed, or is followed by another in the same batch.
    pub(crate) fn all() -> Vec<Self> {
        let plain = Self { kind: Kind::Limit, variant: Variant::Plain };
        let others =
            KINDS.iter().filter(|(_, kind)| *kind != Kind::Limit).map(|(_, kind)| Self { kind: *kind, ..plain });
        let variants =
            [Variant::OverTheApi, Variant::BySymbol, Variant::Cancelled, Variant::Changed, Variant::Followed]
                .map(|variant| Self { variant, ..plain });
        std::iter::once(plain).chain(others).chain(variants).collect()
    }

    pub(crate) fn name(self) -> String {
        let particular = match self.variant {
            Variant::Plain => "",
            Variant::OverTheApi => " over the api",
            Variant::BySymbol => " by symbol",
            Variant::Cancelled => " that is cancelled",
            Variant::Changed => " that is changed",
            Variant::Followed => " before another",
        };
        format!("{}{particular}", self.kind.name())
    }
}

impl Plan {
    /// One order in fair weather: it is sent, filled in part after 4 s, and filled whole after 8 s; or cancelled then.
    pub(crate) fn scripted(script: Script, storm_ends_ms: i64) -> Self {
        let mut lives = vec![scripted_life(script, 0)];
        let mut acts = vec![(0, Act::Place(0))];
        if script.variant == Variant::Followed {
            lives.push(scripted_life(script, 1));
            acts.push((0, Act::Place(1)));
        }
        if script.variant == Variant::Changed {
            acts.extend([(2_000, Act::Modify(0, 2)), (2_500, Act::Modify(0, 3))]);
        }
        acts.push((4_000, Act::Execute));
        acts.push((8_000, if script.variant == Variant::Cancelled { Act::Cancel(0) } else { Act::Fill }));
        Self {
            seed: 7,
            people: 1,
            lives,
            acts,
            weather: Weather::new(Dice::new(7)),
            storm_ends_ms,
            market_ends_after_ms: None,
            cancel_delay_ms: 400,
            live_orders_delay_ms: 0,
            token_life_seconds: 86_400,
            renewal_ends_session: false,
            limits: Vec::new(),
            holdings: Vec::new(),
            troubled: None,
            measures_settling: false,
            manner: Manner::plain(),
            redelivered_often: 0,
            second_worker_often: 0,
            dice: Dice::new(7),
        }
    }
}

fn scripted_life(script: Script, index: i64) -> Life {
    let contract = CONTRACTS[0];
    let mut life = new_life(&mut Dice::new(7), PEOPLE[0], index, &[contract]);
    life.kind = script.kind;
    life.own_hand = script.variant == Variant::OverTheApi;
    life.contract = Some(contract);
    let by_symbol = script.variant == Variant::BySymbol;
    let named = if by_symbol { json!({"symbol": "AAPL"}) } else { json!({"conid": contract.conid}) };
    let algorithm_id = if life.own_hand { "self" } else { ALGORITHM };
    life.command = json!({"schema": "courier.order/1", "command": "place", "user_id": USER, "order_id": life.order_id,
        "algorithm_id": algorithm_id, "account_id": ACCOUNT, "contract": named});
    merge(&mut life.command, script.kind.fields(&mut Dice::new(11), &contract));
    // A price that waits, so that the order is at work for a while.
    if script.kind == Kind::Limit {
        merge(
            &mut life.command,
            json!({"side": "buy", "quantity": "10", "limit_price": "186.00", "time_in_force": "day"}),
        );
    }
    life
}
