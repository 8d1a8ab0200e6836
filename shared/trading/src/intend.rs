//! Intend: an intent is written down before a byte leaves; or why it was not, and what follows.

use domain::{Act, Fact, Intent, Order, Reason, ReasonCode};
use jiff::SignedDuration;
use store::{HaltScope, IntentGuards, IntentRefused, StoreError, Versioned};

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
            IntentRefused::BeyondLimits(_) | IntentRefused::NoGrant(_) => {
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
            | IntentRefused::NoGrant(_)
            | IntentRefused::BeyondLimits(_) => self.deny(order, by_rule(&refused)).await,
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

/// What is said of an intent that a rule forbade.
pub(crate) fn by_rule(refused: &IntentRefused) -> Reason {
    match refused {
        IntentRefused::Halted(scope) => Reason::new(ReasonCode::Halted, halted(scope)),
        IntentRefused::OnlyReducing(halt) => Reason::new(
            ReasonCode::OnlyReducing,
            format!("Only orders that reduce a position pass for {halt}, so this was not sent."),
        ),
        IntentRefused::NotRegistered(algorithm_id) => not_registered(algorithm_id),
        IntentRefused::NoGrant(algorithm_id) => Reason::new(
            ReasonCode::NoGrant,
            format!(
                "The user's grant to the algorithm {algorithm_id} is halted, gone, or does not list the account; the order was not sent."
            ),
        ),
        IntentRefused::BeyondLimits(beyond) => limits::reason(beyond),
        other => Reason::new(ReasonCode::NotAllowed, format!("The order was not sent: {other}.")),
    }
}

fn halted(scope: &HaltScope) -> String {
    let whose = match scope {
        HaltScope::Global => "The operator has halted all trading".to_owned(),
        HaltScope::Algorithm(algorithm_id) => format!("The operator has halted the algorithm {algorithm_id}"),
        HaltScope::User(user_id) => {
            format!("Trading is halted for the user {user_id} (GET /halt tells whose halt it is, and why)")
        }
    };
    format!("{whose}; the order was not sent. Once the halt is lifted, send it again under a new id.")
}
