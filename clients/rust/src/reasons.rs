//! The closed list of reasons, and what a program does about each (`schemas/reason-codes.json`).

/// What a program does where it reads a reason, before any person reads its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// It goes on by itself. Send nothing.
    Wait,
    /// It ended, and the same would end the same way. Mend what the message names, then send it anew: an order under a new id, a change under the next revision.
    Mend,
    /// It ended, and nothing of it is at the broker. Where it is still wanted, send it anew: an order under a new id, a change under the next revision.
    SendAnew,
    /// The user does something: grants, connects, or logs out elsewhere. The message says what.
    AskUser,
    /// The operator does something. The message says what.
    AskOperator,
    /// A person looks at the account at the broker before anything else is sent for it.
    LookAtBroker,
    /// It is only told.
    Nothing,
}

impl Remedy {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Mend => "mend",
            Self::SendAnew => "send_anew",
            Self::AskUser => "ask_user",
            Self::AskOperator => "ask_operator",
            Self::LookAtBroker => "look_at_broker",
            Self::Nothing => "nothing",
        }
    }
}

macro_rules! reason_codes {
    ($($variant:ident $word:literal $remedy:ident $meaning:literal;)+) => {
        /// Every code that this version knows. A newer server may send others: `Reason::code` holds the word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ReasonCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl ReasonCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What to do about it.
            #[must_use]
            pub fn remedy(self) -> Remedy {
                match self {
                    $(Self::$variant => Remedy::$remedy,)+
                }
            }
        }
    };
}

reason_codes! {
    AccountNotConnected "account_not_connected" AskUser "None of the user's connections reaches the account.";
    AccountNotGranted "account_not_granted" AskUser "The user's grant to the algorithm does not list the account.";
    AlgorithmUnknown "algorithm_unknown" AskOperator "The algorithm is not registered.";
    AlreadyRegistered "already_registered" Wait "The broker has an earlier copy, which is being looked up.";
    Asked "asked" Nothing "Its end was asked for, and it is at the broker no more.";
    BehindAnother "behind_another" Wait "An order that came before it, for the same account and contract, is to be sent first.";
    BeyondLimits "beyond_limits" Mend "It is beyond a limit of the grant, or of the user's own. The message names which.";
    BrokerStatusUnknown "broker_status_unknown" LookAtBroker "The broker says a word of the order that is not known here; it is taken to work.";
    BrokerUnreachable "broker_unreachable" Wait "The broker was not reached.";
    Busy "busy" Wait "Its limits are being checked for another order just now.";
    ByBroker "by_broker" Nothing "Nobody asked for its end here: the broker, its exchange or a person there cancelled it, or its day was over.";
    CancelAsked "cancel_asked" Nothing "The broker was asked to cancel it.";
    CancelNotCarriedOut "cancel_not_carried_out" LookAtBroker "The broker took the cancel, and shows the order at work. It goes on being asked.";
    CancelledBeforeSending "cancelled_before_sending" Nothing "It was cancelled before it was sent: the broker never had it.";
    CancelledByUser "cancelled_by_user" AskUser "The user cancelled at the broker; nothing was connected.";
    CannotBeRecorded "cannot_be_recorded" AskOperator "What would be written is too large or not valid. Nothing was changed or sent.";
    CannotBeSent "cannot_be_sent" Mend "It cannot be put into the broker's words.";
    ChangeCameLate "change_came_late" LookAtBroker "An earlier change that was never answered came into force after a later one.";
    ChangeHasNoPlace "change_has_no_place" Mend "This cannot be changed in this order, or not now.";
    ChangeNotCarriedOut "change_not_carried_out" LookAtBroker "The broker took a change, and shows the order as it was.";
    ChangeUnsettled "change_unsettled" LookAtBroker "Whether the change came into force is not known and will not be.";
    ChangedAtBroker "changed_at_broker" Nothing "The order, or an exit, was changed in the broker's own program. What stands there counts.";
    Competing "competing" AskUser "The broker's username is logged in somewhere else.";
    ConsentGone "consent_gone" AskUser "The broker does not take the user's access any more: connect again.";
    ConsumerRefused "consumer_refused" AskOperator "The broker refuses the platform, for all its users.";
    ContractAmbiguous "contract_ambiguous" Mend "The words name several contracts. Name one by its conid.";
    ContractNeedsConid "contract_needs_conid" Mend "This kind of contract is named by its conid.";
    ContractUnknown "contract_unknown" Mend "The broker knows no such contract.";
    DeadLetter "dead_letter" SendAnew "The message could not be worked on for so long that nobody knows how old it is.";
    DisconnectedByOperator "disconnected_by_operator" AskOperator "The operator disconnected the user.";
    DisconnectedByUser "disconnected_by_user" AskUser "The user disconnected.";
    EntryEnded "entry_ended" Nothing "The exit's entry ended unfilled.";
    ExitDoesNotFollow "exit_does_not_follow" LookAtBroker "An exit is not for what its order is for, and the change that mends it was not carried out.";
    ExitOnWrongSide "exit_on_wrong_side" Mend "With this change an exit would stand on the wrong side of its entry or of the other exit.";
    ExitTooLarge "exit_too_large" LookAtBroker "An exit at the broker was for more than its order leaves to it. It is being made smaller.";
    Expired "expired" SendAnew "It was not sent by its `good_until`; a change, within fifteen minutes of being asked for.";
    FillTakenBack "fill_taken_back" LookAtBroker "The broker took back a fill that had been told. What was told stays; the position is what the broker says.";
    FilledAfterEnd "filled_after_end" LookAtBroker "The broker shows more filled than when the order ended.";
    FilledBeyondOrder "filled_beyond_order" LookAtBroker "The broker shows more filled than was ever asked for.";
    Halted "halted" AskUser "A halt is on. The message names whose.";
    InactiveAtBroker "inactive_at_broker" Mend "The broker refused it after taking it in.";
    LegEnded "leg_ended" Nothing "The exit has ended, or is about to.";
    LegQuantity "leg_quantity" Mend "An exit can be for more than it has filled, and at most for what its order still has to close.";
    Maintenance "maintenance" Wait "The broker is in its maintenance window.";
    Malformed "malformed" Mend "The message cannot be read. The message names each fault.";
    MissingAtBroker "missing_at_broker" LookAtBroker "For hours it is in none of the broker's lists.";
    NeverArrived "never_arrived" SendAnew "No answer was read, and complete looks proved that it never arrived.";
    NextRun "next_run" Wait "Too little time was left in this run.";
    NoAccount "no_account" AskUser "The broker named no account that can be traded here.";
    NoConnection "no_connection" AskUser "The user is not connected.";
    NoGrant "no_grant" AskUser "The user has granted nothing to the algorithm, or the grant is halted or gone.";
    NoSender "no_sender" AskOperator "The queue did not say who sent the message.";
    NoSession "no_session" Wait "The session with the broker is being opened.";
    NoSuchLeg "no_such_leg" Mend "The order has no such exit.";
    NoSuchOrder "no_such_order" Mend "The user has no such order.";
    NotAllowed "not_allowed" Mend "A rule did not let it pass when it was to be sent.";
    NotCompleted "not_completed" AskUser "The user did not come back from the broker in time.";
    NotConnected "not_connected" AskUser "The broker did not complete the connection.";
    NotEstablished "not_established" Wait "The broker did not open the trading session in time.";
    NotItsOrder "not_its_order" Mend "The order is another algorithm's, or the user's own.";
    NotSettled "not_settled" LookAtBroker "It was sent, and for hours what became of it could not be found out.";
    OnlyReducing "only_reducing" Mend "A halt lets only pass what reduces a position, and this does not.";
    OperatorNeeded "operator_needed" AskOperator "The broker refuses what only the operator can mend.";
    OrderDiffers "order_differs" Mend "Another order is on record under this id.";
    OrderEnded "order_ended" Nothing "The order has ended, so it was not changed.";
    OtherAlgorithm "other_algorithm" Mend "The message names another algorithm than the one that signed in.";
    OtherExitFilled "other_exit_filled" Nothing "The other exit is filled.";
    OtherGroup "other_group" Mend "The message group is not the user's id.";
    OtherUser "other_user" Mend "The message names another user than the one who signed in.";
    OutcomeUnknown "outcome_unknown" Wait "It was sent, and the answer was not read. The broker is being asked.";
    OwnHandOnTheQueue "own_hand_on_the_queue" Mend "Users place orders in person by POST /orders, and not over the queue.";
    Pacing "pacing" Wait "The broker's limits on requests let nothing pass just now.";
    Penalty "penalty" Wait "The broker refuses this address for some minutes, after too many requests.";
    PositionSettles "position_settles" Wait "Another order traded just now, and the position is not known yet.";
    PriceBetweenSteps "price_between_steps" Mend "A price lies between two that the contract may have.";
    PromptAnswered "prompt_answered" Nothing "The broker asked something while the order worked; the message says what was answered.";
    QuestionDeclined "question_declined" Mend "The broker asked, and the policy answered no.";
    QuestionGone "question_gone" Wait "The broker's question was gone before it was answered. The outcome is being looked up.";
    QuestionTooLate "question_too_late" SendAnew "The broker asked, and by then it was too late to say yes.";
    QuestionUnanswered "question_unanswered" Wait "A question of the broker was not answered. The outcome is being looked up.";
    QuestionUnlisted "question_unlisted" AskOperator "The broker asked what the policy does not list, so the answer was no.";
    QuietWindow "quiet_window" Wait "Nothing is sent around the broker's daily reset and maintenance.";
    RefusedByBroker "refused_by_broker" Mend "The broker refused it. The message holds its words.";
    RenewalFailed "renewal_failed" Wait "The broker gave no session token. It is tried again by itself.";
    Replaced "replaced" Nothing "The user connected this username again; the new connection took its place.";
    Reviewed "reviewed" Nothing "A person decided what became of it.";
    RevisionDiffers "revision_differs" Mend "Another change is on record under this revision.";
    RevisionSkipped "revision_skipped" Mend "A revision before this one is missing.";
    SenderNotRegistered "sender_not_registered" AskOperator "The sender is not registered for the algorithm.";
    SenderVanished "sender_vanished" Wait "Whoever sent it vanished before the answer was on record. The broker is being asked.";
    SessionFailed "session_failed" Wait "The trading session was not opened. It is tried again by itself.";
    SessionPaused "session_paused" Wait "The user's sessions were opened often today; the next one has its time.";
    SessionRefused "session_refused" AskUser "The broker does not open the trading session until the user has done what it asks for.";
    StoppedAtQuestion "stopped_at_question" SendAnew "The broker asked, and by then this was not allowed any more.";
    TimeInForceEnded "time_in_force_ended" Nothing "The broker ended it: its time in force was over.";
    TokensRefused "tokens_refused" Wait "The broker did not take the user's access just now. It is tried once more.";
    TokensUnusable "tokens_unusable" AskOperator "The user's stored access cannot be read.";
    TooManyQuestions "too_many_questions" Wait "The broker asked question after question. The outcome is being looked up.";
    TooManyWaiting "too_many_waiting" SendAnew "Too many of the user's orders wait already.";
    UnprotectedPosition "unprotected_position" LookAtBroker "The entry is filled, and an exit that should protect it is not at the broker.";
    Unreadable "unreadable" AskOperator "The order on record cannot be read.";
    Unwatched "unwatched" LookAtBroker "The broker could not be asked about the order for some time.";
    UsernameTaken "username_taken" AskUser "Another user of this platform is connected with this username or account.";
    WakeOfAStranger "wake_of_a_stranger" Mend "Only Courier's own functions wake a user's orders.";
}

impl ReasonCode {
    /// The code of this word; `None`: it is one of a newer server.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}
