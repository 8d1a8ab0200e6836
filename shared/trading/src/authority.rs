//! Who may ask for what (contract: Who is who). Identity comes from what cannot be forged: the JWT at the API, the
//! `SenderId` that SQS sets on a message.

use domain::{AccountId, Algorithm, AlgorithmId, Grant, PrincipalId, Reason, ReasonCode, UserId};
use store::Rules;

use crate::desk::Desk;
use crate::readings::Readings;
use crate::stop::Stop;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// Somebody who put a message on the queue.
    Principal(PrincipalId),
    /// A user, at the API.
    User(UserId),
    /// An algorithm, at the API.
    Algorithm(AlgorithmId),
}

/// The codes of refusals in which somebody claimed to be, or to speak for, who they are not.
const FORGERIES: [&str; 12] = [
    "account_not_granted",
    "algorithm_unknown",
    "no_grant",
    "no_sender",
    "not_its_order",
    "other_algorithm",
    "other_group",
    "other_user",
    "own_hand_on_the_queue",
    "sender_not_registered",
    "users_only",
    "wake_of_a_stranger",
];

/// Whether a refusal with this code is one of a forged user, group, account or algorithm. Each is logged with the
/// field `forged`, which a metric counts (infra/template.yaml).
#[must_use]
pub fn is_forgery(code: &str) -> bool {
    FORGERIES.contains(&code)
}

/// Who asks for what, as far as authority goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) sender: &'a Sender,
    pub(crate) user_id: &'a UserId,
    pub(crate) algorithm_id: &'a AlgorithmId,
    /// Whether it needs the user's grant: all but the end of an order does.
    pub(crate) needs_grant: bool,
    /// The account that the grant must list.
    pub(crate) account_id: Option<&'a AccountId>,
}

impl Asked<'_> {
    /// Whether the algorithm's registration decides.
    fn needs_registration(&self) -> bool {
        !matches!(self.sender, Sender::User(_)) && !self.algorithm_id.is_own_hand()
    }

    /// Whether the sender may ask for this, by the rules as they are now.
    pub(crate) async fn permitted_by(&self, rules: &Rules) -> Result<(), Stop> {
        let registered = if self.needs_registration() { rules.algorithm(self.algorithm_id).await? } else { None };
        self.speaks(registered.as_ref()).map_err(Stop::Deny)?;
        let needs_grant = self.needs_grant && !self.algorithm_id.is_own_hand();
        let grant = if needs_grant { rules.grant(self.user_id, self.algorithm_id).await? } else { None };
        self.is_granted(grant.as_ref()).map_err(Stop::Deny)
    }

    /// Whether the sender may ask for this, by what was read, or is read now.
    pub(crate) async fn permitted(&self, desk: &Desk, readings: &mut Readings) -> Result<(), Stop> {
        // Nobody's row has to be read to refuse a user's own hand on the queue.
        if self.algorithm_id.is_own_hand() {
            return self.speaks(None).and_then(|()| self.is_granted(None)).map_err(Stop::Deny);
        }
        loop {
            let bearings = readings.of(desk, self.user_id, self.algorithm_id).await?;
            let grant = bearings.grant.as_ref().and_then(|grant| grant.rule.as_ref());
            let verdict = self.speaks(bearings.algorithm.as_ref()).and_then(|()| self.is_granted(grant));
            if verdict.is_ok() || !readings.forget_used(self.user_id, self.algorithm_id) {
                return verdict.map_err(Stop::Deny);
            }
        }
    }

    /// Whether the sender may speak for this algorithm at all.
    fn speaks(&self, registered: Option<&Algorithm>) -> Result<(), Reason> {
        let (user_id, algorithm_id) = (self.user_id, self.algorithm_id);
        match (self.sender, registered) {
            (Sender::User(caller), _) if caller == user_id => Ok(()),
            (Sender::User(_), _) => {
                Err(Reason::new(ReasonCode::OtherUser, "The order names another user than the one who signed in."))
            }
            // An algorithm may end its own orders though it is registered no more.
            (Sender::Algorithm(caller), None) if caller == algorithm_id && self.needs_grant => {
                Err(not_registered(algorithm_id))
            }
            (Sender::Algorithm(caller), _) if caller == algorithm_id => Ok(()),
            (Sender::Algorithm(_), _) => Err(Reason::new(
                ReasonCode::OtherAlgorithm,
                "The order names another algorithm than the one that signed in.",
            )),
            (Sender::Principal(_), _) if algorithm_id.is_own_hand() => Err(Reason::new(
                ReasonCode::OwnHandOnTheQueue,
                "The message names the algorithm `self`, which stands for orders that users place in person. Users send those by POST /orders, not over the queue.",
            )),
            (Sender::Principal(_), None) => Err(not_registered(algorithm_id)),
            (Sender::Principal(principal), Some(algorithm)) if algorithm.principals.contains(principal) => Ok(()),
            (Sender::Principal(principal), Some(_)) => Err(Reason::new(
                ReasonCode::SenderNotRegistered,
                format!(
                    "The sender {principal} is not registered for the algorithm {algorithm_id}. The operator adds it with `courier algorithms add`."
                ),
            )),
        }
    }

    /// Whether the user granted this algorithm the account. The intent's transaction checks it again.
    fn is_granted(&self, grant: Option<&Grant>) -> Result<(), Reason> {
        let algorithm_id = self.algorithm_id;
        if !self.needs_grant || algorithm_id.is_own_hand() {
            return Ok(());
        }
        let Some(grant) = grant else {
            return Err(Reason::new(
                ReasonCode::NoGrant,
                format!(
                    "The user has not granted anything to the algorithm {algorithm_id}. The user does so by PUT /grants/{algorithm_id}."
                ),
            ));
        };
        let Some(account_id) = self.account_id.filter(|account_id| !grant.account_ids.contains(*account_id)) else {
            return Ok(());
        };
        Err(Reason::new(
            ReasonCode::AccountNotGranted,
            format!(
                "The user's grant to the algorithm {algorithm_id} does not list the account {account_id}. The user adds it by PUT /grants/{algorithm_id}."
            ),
        ))
    }
}

/// What is said of an algorithm that was never registered, or was removed: it may send nothing, by no way.
pub(crate) fn not_registered(algorithm_id: &AlgorithmId) -> Reason {
    Reason::new(
        ReasonCode::AlgorithmUnknown,
        format!(
            "The algorithm {algorithm_id} is not registered, and may send nothing. The operator registers it with `courier algorithms add`."
        ),
    )
}
