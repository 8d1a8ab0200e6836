//! Who may trade: algorithms and their senders, the grants of users, limits and halts.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::ids::{AccountId, AlgorithmId, Conid, PrincipalId, UserId};

/// An algorithm as the operator registered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Algorithm {
    /// Its name.
    pub algorithm_id: AlgorithmId,
    /// Who may send messages for it.
    pub principals: BTreeSet<PrincipalId>,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// A user's word that an algorithm may trade named accounts within limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose word.
    pub user_id: UserId,
    /// To which algorithm.
    pub algorithm_id: AlgorithmId,
    /// The accounts it may trade.
    pub account_ids: BTreeSet<AccountId>,
    /// Within these limits.
    #[serde(default)]
    pub limits: Limits,
    /// Whether it is in force.
    pub status: GrantStatus,
}

/// Whether a grant is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// It is.
    Active,
    /// Only orders that reduce a position are sent.
    Reducing,
    /// Halted: nothing new is sent.
    Halted,
}

/// Limits on orders (contract: Limits). What is left out is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the limit of the contract of the same name")]
pub struct Limits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max_order_quantity: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max_order_notional: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max_daily_notional: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, format = "uint32", maximum = 4_294_967_295_u32))]
    pub max_daily_orders: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, format = "uint32", maximum = 4_294_967_295_u32))]
    pub max_open_orders: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Conid>>, nullable = false, max_items = 1_000))]
    pub allowed_conids: Option<BTreeSet<Conid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub price_collar_percent: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, minimum = 1, maximum = 86_400))]
    pub duplicate_window_seconds: Option<u32>,
}

/// Whose limits they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The user's own, on every order of any algorithm.
    User,
    /// The grant's, on that algorithm's orders only.
    Grant,
}

impl fmt::Display for Whose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "the user's own limits",
            Self::Grant => "the grant's limits",
        })
    }
}

/// A limit that an order would go beyond.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whose} ({limit}): {why}")]
pub struct Beyond {
    /// Whose limit.
    pub whose: Whose,
    /// Its name in the contract.
    pub limit: &'static str,
    /// How the order goes beyond it.
    pub why: String,
}

/// What a halt stops while it is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HaltMode {
    /// Every new order.
    #[default]
    All,
    /// Every new order that does not reduce a position.
    Reducing,
}

impl HaltMode {
    /// Whether it stops every new order.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// A kill switch: while on, no new order is sent; cancels pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Whether it is on.
    pub halted: bool,
    /// What it stops.
    #[serde(default, skip_serializing_if = "HaltMode::is_all")]
    pub mode: HaltMode,
    /// Why, in the words of whoever set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether it asked for the end of what works as well: what comes back to work while it stands is ended, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_working: bool,
}

impl Halt {
    /// This word over an earlier one of the same person: a halt that goes on keeps its reason, where none is given anew.
    #[must_use]
    pub fn over(self, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.halted && self.halted);
        let reason = self.reason.or_else(|| before?.reason.clone());
        Self { reason, ..self }
    }
}

/// Who stops a user's trading. Each has a word of their own, and neither lifts the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// The user, by their own switch.
    User,
    /// Whoever runs this Courier.
    Operator,
}

impl SetBy {
    /// Its word, as programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
        }
    }
}

/// A kill switch with the words that make it. Over a user there are two, the user's own and the operator's; over everything
/// and over an algorithm only the operator's, which then stands alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillSwitch {
    /// What is in force: the stricter word. It is what intents check.
    #[serde(flatten)]
    pub halt: Halt,
    /// The user's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Halt>,
    /// The operator's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Halt>,
}

impl KillSwitch {
    /// The switch after one of the two said their word, on or off. The other's stays.
    ///
    /// A halt that an earlier release wrote is nobody's by name: whoever lifts it lifts it. It may be the user's own, so it stays
    /// as that when the operator's comes beside it.
    #[must_use]
    pub fn said(self, by: SetBy, mut word: Halt) -> Self {
        let Self { halt, mut own, mut operator } = self;
        let unnamed = halt.halted && own.is_none() && operator.is_none();
        match by {
            SetBy::User => {
                word = word.over(own.as_ref());
                own = Some(word.clone());
            }
            SetBy::Operator => {
                if unnamed && word.halted {
                    own = Some(halt);
                }
                word = word.over(operator.as_ref());
                operator = Some(word.clone());
            }
        }
        let on = own.iter().chain(&operator).filter(|word| word.halted);
        // Of two that are as strict the operator's, which is the last here: the user cannot lift it.
        let halt = on.max_by_key(|word| word.mode.is_all()).cloned().unwrap_or(word);
        Self { halt, own, operator }
    }

    /// Whether a word in force asked for the end of what works.
    #[must_use]
    pub fn cancels_working(&self) -> bool {
        let words = [Some(&self.halt), self.own.as_ref(), self.operator.as_ref()];
        words.into_iter().flatten().any(|word| word.halted && word.cancel_working)
    }

    /// The words that are on and not in force: the other's is stricter, or as strict and the operator's.
    #[must_use]
    pub fn beside(&self) -> Vec<(SetBy, Halt)> {
        let words = [(SetBy::User, &self.own), (SetBy::Operator, &self.operator)];
        let on = words.into_iter().filter_map(|(by, word)| Some((by, word.clone()?)));
        on.filter(|(_, word)| word.halted && *word != self.halt).collect()
    }

    /// Whose words stop trading. Nobody's is a halt that an earlier release wrote.
    #[must_use]
    pub fn set_by(&self) -> Vec<SetBy> {
        let words = [(SetBy::User, &self.own), (SetBy::Operator, &self.operator)];
        let on = words.into_iter().filter(|(_, word)| word.as_ref().is_some_and(|word| word.halted));
        on.map(|(by, _)| by).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Option<HaltMode>; 3] = [None, Some(HaltMode::Reducing), Some(HaltMode::All)];

    fn word(mode: Option<HaltMode>, reason: &str) -> Halt {
        Halt {
            halted: mode.is_some(),
            mode: mode.unwrap_or_default(),
            reason: Some(reason.to_owned()),
            ..Halt::default()
        }
    }

    /// From nothing (0) to everything (2).
    fn stops(halt: &Halt) -> u8 {
        u8::from(halt.halted) + u8::from(halt.halted && halt.mode.is_all())
    }

    #[test]
    fn the_stricter_of_two_words_is_in_force_whoever_said_theirs_last() {
        for own in MODES {
            for operator in MODES {
                let said = [(SetBy::User, word(own, "own")), (SetBy::Operator, word(operator, "the operator's"))];
                let [first, second] = said.clone();
                for order in [[first.clone(), second.clone()], [second, first]] {
                    let switch =
                        order.into_iter().fold(KillSwitch::default(), |switch, (by, word)| switch.said(by, word));
                    let (own, operator) = (&said[0].1, &said[1].1);
                    assert_eq!(stops(&switch.halt), stops(own).max(stops(operator)), "{switch:?}");
                    assert_eq!((switch.own.as_ref(), switch.operator.as_ref()), (Some(own), Some(operator)));
                    let expected = said.iter().filter(|(_, word)| word.halted).map(|(by, _)| *by).collect::<Vec<_>>();
                    assert_eq!(switch.set_by(), expected);
                    if operator.halted && stops(operator) >= stops(own) {
                        assert_eq!(switch.halt, *operator);
                    }
                }
            }
        }
    }

    #[test]
    fn a_halt_that_names_nobody_is_lifted_by_whoever_lifts_it_and_lost_to_no_halt() {
        let unnamed: KillSwitch = serde_json::from_str(r#"{"halted": true, "reason": "before"}"#).unwrap();
        assert_eq!(unnamed.set_by(), []);
        for by in [SetBy::User, SetBy::Operator] {
            assert!(!unnamed.clone().said(by, word(None, "lifted")).halt.halted, "{by:?}");
        }
        let both = unnamed.said(SetBy::Operator, word(Some(HaltMode::Reducing), "the operator's"));
        assert_eq!((both.halt.reason.as_deref(), both.halt.mode), (Some("before"), HaltMode::All));
        let lifted = both.said(SetBy::Operator, word(None, "lifted"));
        assert_eq!((lifted.halt.halted, lifted.set_by()), (true, vec![SetBy::User]));
    }

    #[test]
    fn a_halt_that_is_said_again_without_a_reason_keeps_its_own() {
        let again = |mode| Halt { reason: None, ..word(mode, "") };
        for by in [SetBy::User, SetBy::Operator] {
            let halted = KillSwitch::default().said(by, word(Some(HaltMode::All), "drill"));
            let looser = halted.clone().said(by, again(Some(HaltMode::Reducing)));
            assert_eq!((looser.halt.reason.as_deref(), looser.halt.mode), (Some("drill"), HaltMode::Reducing));
            let lifted = halted.said(by, again(None));
            assert_eq!(lifted.halt.reason, None);
            assert_eq!(lifted.said(by, again(Some(HaltMode::All))).halt.reason, None, "{by:?}");
        }
    }

    #[test]
    fn an_earlier_release_reads_what_is_in_force() {
        let switch = KillSwitch::default()
            .said(SetBy::Operator, word(Some(HaltMode::All), "the operator's"))
            .said(SetBy::User, word(None, "lifted"));
        let read: Halt = serde_json::from_value(serde_json::to_value(&switch).unwrap()).unwrap();
        assert_eq!(read, word(Some(HaltMode::All), "the operator's"));
    }
}
