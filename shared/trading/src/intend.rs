//! Intend: an intent is written down before a byte leaves; or why it was not, and what follows.

use domain::{Act, Change, Fact, Intent, LegRole, Order, Reason, ReasonCode, SetBy};
use jiff::SignedDuration;
use store::{GrantLack, HaltInForce, HaltScope, IntentGuards, IntentRefused, StoreError, Versioned};

use crate::advance::Next;
use crate::authority::not_registered;
use crate::lane::Lane;
use crate::limits;

/// An order whose sender vanished is found after this: longer than an invocation lives.
const SENDING_CHECK: SignedDuration = SignedDuration::from_secs(75);

impl Lane<'_> {
    /// Writes an intent down, with everything that must hold for it, in one transaction. Only after it may a byte
    /// leave.
    pub(crate) async fn intend(
        &mut self,
        order: &mut Versioned<Order>,
        act: Act,
        guards: IntentGuards<'_>,
    ) -> Result<(), IntentRefused> {
        let now = self.now();
        // The way to the broker may have taken long: whoever decides anew finds the order expired.
        if act.is_ticket() && now >= order.value.good_until {
            return Err(IntentRefused::Conflict);
        }
        let mut intended = order.clone();
        let intent = Intent { at: now, epoch: self.lease.epoch(), act };
        if let Err(out_of_place) = intended.value.apply(Fact::Intend(intent), now) {
            tracing::error!(key = %order.value.key, %out_of_place, "an intent has no place in the order's state");
            return Err(IntentRefused::Conflict);
        }
        self.write_intent(order, intended, guards).await
    }

    /// Writes down an order with an intent in it.
    pub(crate) async fn write_intent(
        &mut self,
        order: &mut Versioned<Order>,
        mut intended: Versioned<Order>,
        guards: IntentGuards<'_>,
    ) -> Result<(), IntentRefused> {
        intended.value.check_again_at(self.now() + SENDING_CHECK);
        self.desk.intake.orders.save_intent(&mut intended, &self.lease, guards).await?;
        *order = intended;
        Ok(())
    }

    /// Whether an intent that was refused may pass once the order, or what bears on it, is read anew.
    pub(crate) fn may_pass_anew(&mut self, order: &Versioned<Order>, refused: &IntentRefused) -> bool {
        match refused {
            IntentRefused::Conflict => true,
            IntentRefused::LimitsChanged => {
                self.forget_readings(&order.value.algorithm_id);
                true
            }
            IntentRefused::BeyondLimits(_) | IntentRefused::NoGrant(..) => {
                self.forget_readings(&order.value.algorithm_id)
            }
            _ => false,
        }
    }

    pub(crate) async fn refused_intent(
        &mut self,
        order: &mut Versioned<Order>,
        refused: IntentRefused,
    ) -> Result<Next, StoreError> {
        if self.may_pass_anew(order, &refused) {
            self.read_again(order).await?;
            return Ok(Next::Again);
        }
        match refused {
            IntentRefused::Store(error) => Err(error),
            IntentRefused::Halted(_)
            | IntentRefused::NotRegistered(_)
            | IntentRefused::OnlyReducing(_)
            | IntentRefused::NoGrant(..)
            | IntentRefused::BeyondLimits(_) => self.deny(order, by_rule(&refused, KeptBack::Order)).await,
            IntentRefused::LaneLost => {
                tracing::warn!(key = %order.value.key, "the lane was lost; its present holder takes the order further");
                Ok(Next::Rest)
            }
            IntentRefused::Conflict | IntentRefused::LimitsChanged | IntentRefused::Contention => {
                self.hold(
                    order,
                    Reason::new(
                        ReasonCode::Busy,
                        "The order waits a moment: its limits are being checked for another one.",
                    ),
                )
                .await
            }
        }
    }
}

/// Characters of a halt's reason that a refusal repeats.
const HALT_REASON_CHARACTERS_MAX: usize = 200;

/// What a rule kept back: it decides what this means, and what its sender does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeptBack {
    /// An order: it was never sent, and its id is used up.
    Order,
    /// A change of an order that the broker has, or of this exit of it.
    Change {
        /// The exit.
        leg: Option<LegRole>,
        /// The number of the next change.
        next_revision: u64,
    },
    /// A change that nobody asked for, by which an exit follows its order. It goes out as soon as the rule lets it.
    Following,
}

impl KeptBack {
    /// This change of this order.
    pub(crate) fn of_change(order: &Order, change: &Change) -> Self {
        if change.follows {
            return Self::Following;
        }
        Self::Change { leg: change.leg, next_revision: order.next_revision() }
    }

    /// Why it was kept back, and what that means.
    pub(crate) fn told(self, why: Reason) -> Reason {
        let next = match self {
            Self::Change { next_revision, .. } => format!(" Its next change is revision {next_revision}."),
            Self::Order | Self::Following => String::new(),
        };
        Reason::new(why.code, format!("{} {}{next}", why.message, self.means()))
    }

    /// As [`KeptBack::told`], and what its sender does `once` the rule lets it pass.
    fn told_with_remedy(self, code: ReasonCode, why: &str, once: &str) -> Reason {
        let remedy = match self {
            Self::Order => format!("{once}, send it again under a new id."),
            Self::Change { next_revision, .. } => format!("{once}, send the change as revision {next_revision}."),
            Self::Following => format!("{once}, it goes out by itself."),
        };
        Reason::new(code, format!("{why} {} {remedy}", self.means()))
    }

    fn means(self) -> String {
        match self {
            Self::Order => "The order was not sent.".to_owned(),
            Self::Change { leg: None, .. } => {
                "The change was not sent; the order is as it was, and works on.".to_owned()
            }
            Self::Change { leg: Some(role), .. } => {
                format!("The change was not sent; the {role} is as it was, and works on.")
            }
            Self::Following => "The change was not sent.".to_owned(),
        }
    }
}

/// What is said of an intent that a rule forbade.
pub(crate) fn by_rule(refused: &IntentRefused, kept: KeptBack) -> Reason {
    match refused {
        IntentRefused::Halted(halt) => {
            kept.told_with_remedy(ReasonCode::Halted, &halted(halt), "Once the halt is lifted")
        }
        IntentRefused::OnlyReducing(halt) => kept.told(Reason::new(
            ReasonCode::OnlyReducing,
            format!("Only orders that reduce a position pass for {halt}."),
        )),
        IntentRefused::NotRegistered(algorithm_id) => kept.told(not_registered(algorithm_id)),
        IntentRefused::NoGrant(algorithm_id, lack) => {
            let (why, once) = ungranted(algorithm_id, lack);
            kept.told_with_remedy(ReasonCode::NoGrant, &why, &once)
        }
        IntentRefused::BeyondLimits(beyond) => kept.told(limits::reason(beyond)),
        other => {
            kept.told(Reason::new(ReasonCode::NotAllowed, format!("It could not be taken up for sending: {other}.")))
        }
    }
}

fn halted(halt: &HaltInForce) -> String {
    let whose = match &halt.scope {
        HaltScope::Global => "The operator has halted all trading".to_owned(),
        HaltScope::Algorithm(algorithm_id) => format!("The operator has halted the algorithm {algorithm_id}"),
        HaltScope::User(user_id) => match halt.set_by.as_slice() {
            [SetBy::User] => format!("The user {user_id} has halted their own trading"),
            [SetBy::Operator] => format!("The operator has halted trading for the user {user_id}"),
            [] => format!("Trading is halted for the user {user_id}"),
            _ => format!("The operator and the user have both halted trading for the user {user_id}"),
        },
    };
    match &halt.reason {
        Some(reason) => {
            let reason: String = reason.chars().take(HALT_REASON_CHARACTERS_MAX).collect();
            format!("{whose}. The reason given: \"{reason}\".")
        }
        None => format!("{whose}."),
    }
}

/// What the grant lacks, and what the user does about it.
fn ungranted(algorithm_id: &domain::AlgorithmId, lack: &GrantLack) -> (String, String) {
    let anew = format!("PUT /grants/{algorithm_id}");
    match lack {
        GrantLack::Gone => (
            format!("The user has taken the grant to the algorithm {algorithm_id} back."),
            format!("Once the user has granted anew ({anew})"),
        ),
        GrantLack::Halted => (
            format!("The user has halted the grant to the algorithm {algorithm_id}."),
            format!("Once the user has set it active ({anew})"),
        ),
        GrantLack::Account(account_id) => {
            let account = account_id.as_ref().map_or("its account".to_owned(), |id| format!("the account {id}"));
            (
                format!("The user's grant to the algorithm {algorithm_id} does not list {account}."),
                format!("Once the user has added it ({anew})"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halt(scope: HaltScope, set_by: &[SetBy], reason: Option<&str>) -> IntentRefused {
        IntentRefused::Halted(HaltInForce { scope, set_by: set_by.to_vec(), reason: reason.map(str::to_owned) })
    }

    #[test]
    fn a_change_that_a_rule_forbids_is_not_told_as_an_order() {
        let beyond = domain::Beyond {
            whose: domain::Whose::User,
            limit: "max_order_quantity",
            why: "6 is more than 5".to_owned(),
        };
        let change = KeptBack::Change { leg: None, next_revision: 3 };
        let exit = KeptBack::Change { leg: Some(LegRole::StopLoss), next_revision: 3 };
        let algorithm_id: domain::AlgorithmId = "mr".parse().unwrap();
        for refused in [
            halt(HaltScope::Global, &[SetBy::Operator], None),
            IntentRefused::OnlyReducing("all trading".to_owned()),
            IntentRefused::NotRegistered(algorithm_id.clone()),
            IntentRefused::NoGrant(algorithm_id.clone(), GrantLack::Gone),
            IntentRefused::BeyondLimits(beyond),
            IntentRefused::Conflict,
        ] {
            let order = by_rule(&refused, KeptBack::Order).message;
            assert!(order.contains("The order was not sent."), "{order}");
            for kept in [change, exit, KeptBack::Following] {
                let told = by_rule(&refused, kept).message;
                assert!(told.contains("The change was not sent"), "{told}");
                assert!(!told.contains("under a new id") && !told.contains("The order was not sent"), "{told}");
                assert_eq!(told.contains("revision 3"), !matches!(kept, KeptBack::Following), "{told}");
            }
        }
        let told = by_rule(&halt(HaltScope::Global, &[SetBy::Operator], None), change).message;
        assert_eq!(
            told,
            "The operator has halted all trading. The change was not sent; the order is as it was, and works on. \
             Once the halt is lifted, send the change as revision 3."
        );
    }

    #[test]
    fn a_halt_says_whose_it_is_and_why() {
        let user = HaltScope::User("bob".parse().unwrap());
        for (set_by, begins) in [
            (&[SetBy::User][..], "The user bob has halted their own trading. The reason given: \"a walk\". The order"),
            (&[SetBy::Operator], "The operator has halted trading for the user bob. The reason given: \"a walk\"."),
            (&[SetBy::User, SetBy::Operator], "The operator and the user have both halted trading for the user bob."),
            (&[], "Trading is halted for the user bob. The reason given: \"a walk\"."),
        ] {
            let told = by_rule(&halt(user.clone(), set_by, Some("a walk")), KeptBack::Order).message;
            assert!(told.starts_with(begins), "{told}");
        }
    }

    #[test]
    fn a_grant_says_what_it_lacks() {
        let algorithm_id: domain::AlgorithmId = "mr".parse().unwrap();
        let lacks = |lack| by_rule(&IntentRefused::NoGrant(algorithm_id.clone(), lack), KeptBack::Order).message;
        assert!(lacks(GrantLack::Halted).starts_with("The user has halted the grant to the algorithm mr. The order"));
        assert!(lacks(GrantLack::Gone).contains("taken the grant to the algorithm mr back"));
        assert!(lacks(GrantLack::Account("DU1".parse().ok())).contains("does not list the account DU1"));
    }
}
