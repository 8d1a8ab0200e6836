//! Why an order, a change, a connection or a message is where it is, in words for programs: a closed list, with what to do about
//! each. `schemas/reason-codes.json` publishes it (contract, part two, Orders).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a program does where it reads a reason, before any person reads its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// It goes on by itself: send nothing.
    Wait,
    /// It ended, and the same would end the same way: mend what the message names, then send it anew.
    Mend,
    /// It ended, and nothing of it is at the broker: where it is still wanted, send it anew.
    SendAnew,
    /// The user does something: grants, connects, logs out elsewhere. The message says what.
    AskUser,
    /// The operator does something; the message says what.
    AskOperator,
    /// A person looks at the account at the broker before anything else is sent for it.
    LookAtBroker,
    /// It is only told.
    Nothing,
}

impl Remedy {
    /// All of them, with what each asks for.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Wait, "It goes on by itself. Send nothing."),
        (
            Self::Mend,
            "It ended, and the same would end the same way. Mend what the message names, then send it anew: an order under a new id, a \
             change under the next revision.",
        ),
        (
            Self::SendAnew,
            "It ended, and nothing of it is at the broker. Where it is still wanted, send it anew: an order under a new id, a change \
             under the next revision.",
        ),
        (Self::AskUser, "The user does something: grants, connects, or logs out elsewhere. The message says what."),
        (Self::AskOperator, "The operator does something. The message says what."),
        (Self::LookAtBroker, "A person looks at the account at the broker before anything else is sent for it."),
        (Self::Nothing, "It is only told."),
    ];
}

/// What a reason may be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonOf {
    /// Of an order, in its `reason` or its history, or of one of its exits.
    Order,
    /// Of an order's `warning`.
    Warning,
    /// Of a change that was refused.
    Change,
    /// Of a message that became no order.
    Refusal,
    /// Of a connection, in its `last_error`.
    Connection,
}

macro_rules! reason_codes {
    ($($variant:ident $word:literal [$($of:ident)+] $remedy:ident $meaning:literal;)+) => {
        /// A reason's code.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode {
            $(#[doc = $meaning] $variant,)+
            /// A word that a newer version wrote: kept as it is.
            Newer(Box<str>),
        }

        impl ReasonCode {
            /// The word, as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Newer(word) => word,
                }
            }

            fn of_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    newer => Self::Newer(newer.into()),
                }
            }
        }

        /// The whole list.
        pub const REASON_CODES: &[ListedReason] =
            &[$(ListedReason { code: $word, of: &[$(ReasonOf::$of),+], remedy: Remedy::$remedy, meaning: $meaning }),+];
    };
}

/// A code as it is published.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ListedReason {
    /// The word.
    pub code: &'static str,
    /// What it may be of.
    pub of: &'static [ReasonOf],
    /// What to do.
    pub remedy: Remedy,
    /// What it means.
    pub meaning: &'static str,
}

reason_codes! {
    AccountNotConnected "account_not_connected" [Order Change] AskUser "None of the user's connections reaches the account.";
    AccountNotGranted "account_not_granted" [Order Change Refusal] AskUser "The user's grant to the algorithm does not list the account.";
    AlgorithmUnknown "algorithm_unknown" [Order Change Refusal] AskOperator "The algorithm is not registered.";
    AlreadyRegistered "already_registered" [Order Change] Wait "The broker has an earlier copy, which is being looked up.";
    Asked "asked" [Order] Nothing "Its end was asked for, and it is at the broker no more.";
    BehindAnother "behind_another" [Order] Wait "An order that came before it, for the same account and contract, is to be sent first.";
    BeyondLimits "beyond_limits" [Order Change] Mend "It is beyond a limit of the grant, or of the user's own. The message names which.";
    BrokerStatusUnknown "broker_status_unknown" [Warning] LookAtBroker "The broker says a word of the order that is not known here; it is taken to work.";
    BrokerUnreachable "broker_unreachable" [Order] Wait "The broker was not reached.";
    Busy "busy" [Order] Wait "Its limits are being checked for another order just now.";
    ByBroker "by_broker" [Order] Nothing "Nobody asked for its end here: the broker, its exchange or a person there cancelled it, or its day was over.";
    CancelAsked "cancel_asked" [Order] Nothing "The broker was asked to cancel it.";
    CancelNotCarriedOut "cancel_not_carried_out" [Warning] LookAtBroker "The broker took the cancel, and shows the order at work. It goes on being asked.";
    CancelledBeforeSending "cancelled_before_sending" [Order Change] Nothing "It was cancelled before it was sent: the broker never had it.";
    CancelledByUser "cancelled_by_user" [Connection] AskUser "The user cancelled at the broker; nothing was connected.";
    CannotBeRecorded "cannot_be_recorded" [Order Change Refusal] AskOperator "What would be written is too large or not valid. Nothing was changed or sent.";
    CannotBeSent "cannot_be_sent" [Order Change] Mend "It cannot be put into the broker's words.";
    ChangeCameLate "change_came_late" [Warning] LookAtBroker "An earlier change that was never answered came into force after a later one.";
    ChangeHasNoPlace "change_has_no_place" [Change Refusal] Mend "This cannot be changed in this order, or not now.";
    ChangeNotCarriedOut "change_not_carried_out" [Warning Change] LookAtBroker "The broker took a change, and shows the order as it was.";
    ChangeUnsettled "change_unsettled" [Change Warning] LookAtBroker "Whether the change came into force is not known and will not be.";
    ChangedAtBroker "changed_at_broker" [Warning] Nothing "The order, or an exit, was changed in the broker's own program. What stands there counts.";
    Competing "competing" [Order Connection] AskUser "The broker's username is logged in somewhere else.";
    ConsentGone "consent_gone" [Connection] AskUser "The broker does not take the user's access any more: connect again.";
    ConsumerRefused "consumer_refused" [Connection] AskOperator "The broker refuses the platform, for all its users.";
    ContractAmbiguous "contract_ambiguous" [Order Change] Mend "The words name several contracts. Name one by its conid.";
    ContractNeedsConid "contract_needs_conid" [Order Change] Mend "This kind of contract is named by its conid.";
    ContractUnknown "contract_unknown" [Order Change] Mend "The broker knows no such contract.";
    DeadLetter "dead_letter" [Order Change Refusal] SendAnew "The message could not be worked on for so long that nobody knows how old it is.";
    DisconnectedByOperator "disconnected_by_operator" [Connection] AskOperator "The operator disconnected the user.";
    DisconnectedByUser "disconnected_by_user" [Connection] AskUser "The user disconnected.";
    EntryEnded "entry_ended" [Order] Nothing "The exit's entry ended unfilled.";
    ExitDoesNotFollow "exit_does_not_follow" [Warning] LookAtBroker "An exit is not for what its order is for, and the change that mends it was not carried out.";
    ExitOnWrongSide "exit_on_wrong_side" [Change Refusal] Mend "With this change an exit would stand on the wrong side of its entry or of the other exit.";
    ExitTooLarge "exit_too_large" [Warning] LookAtBroker "An exit at the broker was for more than its order leaves to it. It is being made smaller.";
    Expired "expired" [Order Change] SendAnew "It was not sent by its `good_until`; a change, within fifteen minutes of being asked for.";
    FillTakenBack "fill_taken_back" [Warning] LookAtBroker "The broker took back a fill that had been told. What was told stays; the position is what the broker says.";
    FilledAfterEnd "filled_after_end" [Warning] LookAtBroker "The broker shows more filled than when the order ended.";
    FilledBeyondOrder "filled_beyond_order" [Warning] LookAtBroker "The broker shows more filled than was ever asked for.";
    Halted "halted" [Order Change] AskUser "A halt is on. The message names whose.";
    InactiveAtBroker "inactive_at_broker" [Order] Mend "The broker refused it after taking it in.";
    LegEnded "leg_ended" [Change Refusal] Nothing "The exit has ended, or is about to.";
    LegQuantity "leg_quantity" [Change Refusal] Mend "An exit can be for more than it has filled, and at most for what its order still has to close.";
    Maintenance "maintenance" [Connection] Wait "The broker is in its maintenance window.";
    Malformed "malformed" [Order Refusal] Mend "The message cannot be read. The message names each fault.";
    MissingAtBroker "missing_at_broker" [Order] LookAtBroker "For hours it is in none of the broker's lists.";
    NeverArrived "never_arrived" [Order Change] SendAnew "No answer was read, and complete looks proved that it never arrived.";
    NextRun "next_run" [Order Change] Wait "Too little time was left in this run.";
    NoAccount "no_account" [Connection] AskUser "The broker named no account that can be traded here.";
    NoConnection "no_connection" [Order] AskUser "The user is not connected.";
    NoGrant "no_grant" [Order Change Refusal] AskUser "The user has granted nothing to the algorithm, or the grant is halted or gone.";
    NoSender "no_sender" [Refusal] AskOperator "The queue did not say who sent the message.";
    NoSession "no_session" [Order] Wait "The session with the broker is being opened.";
    NoSuchLeg "no_such_leg" [Change Refusal] Mend "The order has no such exit.";
    NoSuchOrder "no_such_order" [Refusal] Mend "The user has no such order.";
    NotAllowed "not_allowed" [Order Change] Mend "A rule did not let it pass when it was to be sent.";
    NotCompleted "not_completed" [Connection] AskUser "The user did not come back from the broker in time.";
    NotConnected "not_connected" [Connection] AskUser "The broker did not complete the connection.";
    NotEstablished "not_established" [Order Connection] Wait "The broker did not open the trading session in time.";
    NotItsOrder "not_its_order" [Refusal] Mend "The order is another algorithm's, or the user's own.";
    NotSettled "not_settled" [Order] LookAtBroker "It was sent, and for hours what became of it could not be found out.";
    OnlyReducing "only_reducing" [Order Change] Mend "A halt lets only pass what reduces a position, and this does not.";
    OperatorNeeded "operator_needed" [Connection] AskOperator "The broker refuses what only the operator can mend.";
    OrderDiffers "order_differs" [Refusal] Mend "Another order is on record under this id.";
    OrderEnded "order_ended" [Change Refusal] Nothing "The order has ended, so it was not changed.";
    OtherAlgorithm "other_algorithm" [Refusal] Mend "The message names another algorithm than the one that signed in.";
    OtherExitFilled "other_exit_filled" [Order] Nothing "The other exit is filled.";
    OtherGroup "other_group" [Refusal] Mend "The message group is not the user's id.";
    OtherUser "other_user" [Refusal] Mend "The message names another user than the one who signed in.";
    OutcomeUnknown "outcome_unknown" [Order Change] Wait "It was sent, and the answer was not read. The broker is being asked.";
    OwnHandOnTheQueue "own_hand_on_the_queue" [Refusal] Mend "Users place orders in person by POST /orders, and not over the queue.";
    Pacing "pacing" [Order] Wait "The broker's limits on requests let nothing pass just now.";
    Penalty "penalty" [Connection] Wait "The broker refuses this address for some minutes, after too many requests.";
    PositionSettles "position_settles" [Order] Wait "Another order traded just now, and the position is not known yet.";
    PriceBetweenSteps "price_between_steps" [Order Change] Mend "A price lies between two that the contract may have.";
    PromptAnswered "prompt_answered" [Order Change] Nothing "The broker asked something while the order worked; the message says what was answered.";
    QuestionDeclined "question_declined" [Order Change] Mend "The broker asked, and the policy answered no.";
    QuestionGone "question_gone" [Order Change] Wait "The broker's question was gone before it was answered. The outcome is being looked up.";
    QuestionTooLate "question_too_late" [Order Change] SendAnew "The broker asked, and by then it was too late to say yes.";
    QuestionUnanswered "question_unanswered" [Order Change] Wait "A question of the broker was not answered. The outcome is being looked up.";
    QuestionUnlisted "question_unlisted" [Order Change] AskOperator "The broker asked what the policy does not list, so the answer was no.";
    QuietWindow "quiet_window" [Order] Wait "Nothing is sent around the broker's daily reset and maintenance.";
    RefusedByBroker "refused_by_broker" [Order Change] Mend "The broker refused it. The message holds its words.";
    RenewalFailed "renewal_failed" [Connection] Wait "The broker gave no session token. It is tried again by itself.";
    Replaced "replaced" [Connection] Nothing "The user connected this username again; the new connection took its place.";
    Reviewed "reviewed" [Order] Nothing "A person decided what became of it.";
    RevisionDiffers "revision_differs" [Change Refusal] Mend "Another change is on record under this revision.";
    RevisionSkipped "revision_skipped" [Change Refusal] Mend "A revision before this one is missing.";
    SenderNotRegistered "sender_not_registered" [Refusal] AskOperator "The sender is not registered for the algorithm.";
    SenderVanished "sender_vanished" [Order Change] Wait "Whoever sent it vanished before the answer was on record. The broker is being asked.";
    SessionFailed "session_failed" [Connection] Wait "The trading session was not opened. It is tried again by itself.";
    SessionPaused "session_paused" [Order] Wait "The user's sessions were opened often today; the next one has its time.";
    SessionRefused "session_refused" [Order Connection] AskUser "The broker does not open the trading session until the user has done what it asks for.";
    StoppedAtQuestion "stopped_at_question" [Order Change] SendAnew "The broker asked, and by then this was not allowed any more.";
    TimeInForceEnded "time_in_force_ended" [Order] Nothing "The broker ended it: its time in force was over.";
    TokensRefused "tokens_refused" [Connection] Wait "The broker did not take the user's access just now. It is tried once more.";
    TokensUnusable "tokens_unusable" [Order] AskOperator "The user's stored access cannot be read.";
    TooManyQuestions "too_many_questions" [Order Change] Wait "The broker asked question after question. The outcome is being looked up.";
    TooManyWaiting "too_many_waiting" [Order Change Refusal] SendAnew "Too many of the user's orders wait already.";
    UnprotectedPosition "unprotected_position" [Warning] LookAtBroker "The entry is filled, and an exit that should protect it is not at the broker.";
    Unreadable "unreadable" [Order] AskOperator "The order on record cannot be read.";
    Unwatched "unwatched" [Warning] LookAtBroker "The broker could not be asked about the order for some time.";
    UsernameTaken "username_taken" [Connection] AskUser "Another user of this platform is connected with this username or account.";
    WakeOfAStranger "wake_of_a_stranger" [Refusal] Mend "Only Courier's own functions wake a user's orders.";
}

impl ReasonCode {
    /// What to do; `None` for a word of a newer version.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        REASON_CODES.iter().find(|listed| listed.code == self.as_str()).map(|listed| listed.remedy)
    }

    /// Whether a reason of this may have it. A word of a newer version may be anywhere.
    #[must_use]
    pub fn is_of(&self, of: ReasonOf) -> bool {
        let listed = REASON_CODES.iter().find(|listed| listed.code == self.as_str());
        listed.is_none_or(|listed| listed.of.contains(&of))
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl PartialEq<str> for ReasonCode {
    fn eq(&self, word: &str) -> bool {
        self.as_str() == word
    }
}

impl PartialEq<&str> for ReasonCode {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of_word(&String::deserialize(deserializer)?))
    }
}
