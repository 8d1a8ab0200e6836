"""The closed list of reasons, and what a program does about each (schemas/reason-codes.json)."""

from __future__ import annotations

from enum import StrEnum


class Remedy(StrEnum):
    """What a program does where it reads a reason, before any person reads its message."""

    WAIT = "wait"
    MEND = "mend"
    SEND_ANEW = "send_anew"
    ASK_USER = "ask_user"
    ASK_OPERATOR = "ask_operator"
    LOOK_AT_BROKER = "look_at_broker"
    NOTHING = "nothing"


class ReasonCode(StrEnum):
    """Every code that this version knows; `Reason.code` may hold one of a newer server."""

    ACCOUNT_NOT_CONNECTED = "account_not_connected"
    ACCOUNT_NOT_GRANTED = "account_not_granted"
    ALGORITHM_UNKNOWN = "algorithm_unknown"
    ALREADY_REGISTERED = "already_registered"
    ASKED = "asked"
    BEHIND_ANOTHER = "behind_another"
    BEYOND_LIMITS = "beyond_limits"
    BROKER_STATUS_UNKNOWN = "broker_status_unknown"
    BROKER_UNREACHABLE = "broker_unreachable"
    BUSY = "busy"
    BY_BROKER = "by_broker"
    CANCEL_ASKED = "cancel_asked"
    CANCEL_NOT_CARRIED_OUT = "cancel_not_carried_out"
    CANCELLED_BEFORE_SENDING = "cancelled_before_sending"
    CANCELLED_BY_USER = "cancelled_by_user"
    CANNOT_BE_RECORDED = "cannot_be_recorded"
    CANNOT_BE_SENT = "cannot_be_sent"
    CHANGE_CAME_LATE = "change_came_late"
    CHANGE_HAS_NO_PLACE = "change_has_no_place"
    CHANGE_NOT_CARRIED_OUT = "change_not_carried_out"
    CHANGE_UNSETTLED = "change_unsettled"
    CHANGED_AT_BROKER = "changed_at_broker"
    COMPETING = "competing"
    CONSENT_GONE = "consent_gone"
    CONSUMER_REFUSED = "consumer_refused"
    CONTRACT_AMBIGUOUS = "contract_ambiguous"
    CONTRACT_NEEDS_CONID = "contract_needs_conid"
    CONTRACT_UNKNOWN = "contract_unknown"
    DEAD_LETTER = "dead_letter"
    DISCONNECTED_BY_OPERATOR = "disconnected_by_operator"
    DISCONNECTED_BY_USER = "disconnected_by_user"
    ENTRY_ENDED = "entry_ended"
    EXIT_DOES_NOT_FOLLOW = "exit_does_not_follow"
    EXIT_ON_WRONG_SIDE = "exit_on_wrong_side"
    EXIT_TOO_LARGE = "exit_too_large"
    EXPIRED = "expired"
    FILL_TAKEN_BACK = "fill_taken_back"
    FILLED_AFTER_END = "filled_after_end"
    FILLED_BEYOND_ORDER = "filled_beyond_order"
    HALTED = "halted"
    INACTIVE_AT_BROKER = "inactive_at_broker"
    LEG_ENDED = "leg_ended"
    LEG_QUANTITY = "leg_quantity"
    MAINTENANCE = "maintenance"
    MALFORMED = "malformed"
    MISSING_AT_BROKER = "missing_at_broker"
    NEVER_ARRIVED = "never_arrived"
    NEXT_RUN = "next_run"
    NO_ACCOUNT = "no_account"
    NO_CONNECTION = "no_connection"
    NO_GRANT = "no_grant"
    NO_SENDER = "no_sender"
    NO_SESSION = "no_session"
    NO_SUCH_LEG = "no_such_leg"
    NO_SUCH_ORDER = "no_such_order"
    NOT_ALLOWED = "not_allowed"
    NOT_COMPLETED = "not_completed"
    NOT_CONNECTED = "not_connected"
    NOT_ESTABLISHED = "not_established"
    NOT_ITS_ORDER = "not_its_order"
    NOT_SETTLED = "not_settled"
    ONLY_REDUCING = "only_reducing"
    OPERATOR_NEEDED = "operator_needed"
    ORDER_DIFFERS = "order_differs"
    ORDER_ENDED = "order_ended"
    OTHER_ALGORITHM = "other_algorithm"
    OTHER_EXIT_FILLED = "other_exit_filled"
    OTHER_GROUP = "other_group"
    OTHER_USER = "other_user"
    OUTCOME_UNKNOWN = "outcome_unknown"
    OWN_HAND_ON_THE_QUEUE = "own_hand_on_the_queue"
    PACING = "pacing"
    PENALTY = "penalty"
    POSITION_SETTLES = "position_settles"
    PRICE_BETWEEN_STEPS = "price_between_steps"
    PROMPT_ANSWERED = "prompt_answered"
    QUESTION_DECLINED = "question_declined"
    QUESTION_GONE = "question_gone"
    QUESTION_TOO_LATE = "question_too_late"
    QUESTION_UNANSWERED = "question_unanswered"
    QUESTION_UNLISTED = "question_unlisted"
    QUIET_WINDOW = "quiet_window"
    REFUSED_BY_BROKER = "refused_by_broker"
    RENEWAL_FAILED = "renewal_failed"
    REPLACED = "replaced"
    REVIEWED = "reviewed"
    REVISION_DIFFERS = "revision_differs"
    REVISION_SKIPPED = "revision_skipped"
    SENDER_NOT_REGISTERED = "sender_not_registered"
    SENDER_VANISHED = "sender_vanished"
    SESSION_FAILED = "session_failed"
    SESSION_PAUSED = "session_paused"
    SESSION_REFUSED = "session_refused"
    STOPPED_AT_QUESTION = "stopped_at_question"
    TIME_IN_FORCE_ENDED = "time_in_force_ended"
    TOKENS_REFUSED = "tokens_refused"
    TOKENS_UNUSABLE = "tokens_unusable"
    TOO_MANY_QUESTIONS = "too_many_questions"
    TOO_MANY_WAITING = "too_many_waiting"
    UNPROTECTED_POSITION = "unprotected_position"
    UNREADABLE = "unreadable"
    UNWATCHED = "unwatched"
    USERNAME_TAKEN = "username_taken"
    WAKE_OF_A_STRANGER = "wake_of_a_stranger"

    @property
    def remedy(self) -> Remedy:
        """What to do about it."""
        return _REMEDIES[self]


_REMEDIES: dict[ReasonCode, Remedy] = {
    ReasonCode.ACCOUNT_NOT_CONNECTED: Remedy.ASK_USER,
    ReasonCode.ACCOUNT_NOT_GRANTED: Remedy.ASK_USER,
    ReasonCode.ALGORITHM_UNKNOWN: Remedy.ASK_OPERATOR,
    ReasonCode.ALREADY_REGISTERED: Remedy.WAIT,
    ReasonCode.ASKED: Remedy.NOTHING,
    ReasonCode.BEHIND_ANOTHER: Remedy.WAIT,
    ReasonCode.BEYOND_LIMITS: Remedy.MEND,
    ReasonCode.BROKER_STATUS_UNKNOWN: Remedy.LOOK_AT_BROKER,
    ReasonCode.BROKER_UNREACHABLE: Remedy.WAIT,
    ReasonCode.BUSY: Remedy.WAIT,
    ReasonCode.BY_BROKER: Remedy.NOTHING,
    ReasonCode.CANCEL_ASKED: Remedy.NOTHING,
    ReasonCode.CANCEL_NOT_CARRIED_OUT: Remedy.LOOK_AT_BROKER,
    ReasonCode.CANCELLED_BEFORE_SENDING: Remedy.NOTHING,
    ReasonCode.CANCELLED_BY_USER: Remedy.ASK_USER,
    ReasonCode.CANNOT_BE_RECORDED: Remedy.ASK_OPERATOR,
    ReasonCode.CANNOT_BE_SENT: Remedy.MEND,
    ReasonCode.CHANGE_CAME_LATE: Remedy.LOOK_AT_BROKER,
    ReasonCode.CHANGE_HAS_NO_PLACE: Remedy.MEND,
    ReasonCode.CHANGE_NOT_CARRIED_OUT: Remedy.LOOK_AT_BROKER,
    ReasonCode.CHANGE_UNSETTLED: Remedy.LOOK_AT_BROKER,
    ReasonCode.CHANGED_AT_BROKER: Remedy.NOTHING,
    ReasonCode.COMPETING: Remedy.ASK_USER,
    ReasonCode.CONSENT_GONE: Remedy.ASK_USER,
    ReasonCode.CONSUMER_REFUSED: Remedy.ASK_OPERATOR,
    ReasonCode.CONTRACT_AMBIGUOUS: Remedy.MEND,
    ReasonCode.CONTRACT_NEEDS_CONID: Remedy.MEND,
    ReasonCode.CONTRACT_UNKNOWN: Remedy.MEND,
    ReasonCode.DEAD_LETTER: Remedy.SEND_ANEW,
    ReasonCode.DISCONNECTED_BY_OPERATOR: Remedy.ASK_OPERATOR,
    ReasonCode.DISCONNECTED_BY_USER: Remedy.ASK_USER,
    ReasonCode.ENTRY_ENDED: Remedy.NOTHING,
    ReasonCode.EXIT_DOES_NOT_FOLLOW: Remedy.LOOK_AT_BROKER,
    ReasonCode.EXIT_ON_WRONG_SIDE: Remedy.MEND,
    ReasonCode.EXIT_TOO_LARGE: Remedy.LOOK_AT_BROKER,
    ReasonCode.EXPIRED: Remedy.SEND_ANEW,
    ReasonCode.FILL_TAKEN_BACK: Remedy.LOOK_AT_BROKER,
    ReasonCode.FILLED_AFTER_END: Remedy.LOOK_AT_BROKER,
    ReasonCode.FILLED_BEYOND_ORDER: Remedy.LOOK_AT_BROKER,
    ReasonCode.HALTED: Remedy.ASK_USER,
    ReasonCode.INACTIVE_AT_BROKER: Remedy.MEND,
    ReasonCode.LEG_ENDED: Remedy.NOTHING,
    ReasonCode.LEG_QUANTITY: Remedy.MEND,
    ReasonCode.MAINTENANCE: Remedy.WAIT,
    ReasonCode.MALFORMED: Remedy.MEND,
    ReasonCode.MISSING_AT_BROKER: Remedy.LOOK_AT_BROKER,
    ReasonCode.NEVER_ARRIVED: Remedy.SEND_ANEW,
    ReasonCode.NEXT_RUN: Remedy.WAIT,
    ReasonCode.NO_ACCOUNT: Remedy.ASK_USER,
    ReasonCode.NO_CONNECTION: Remedy.ASK_USER,
    ReasonCode.NO_GRANT: Remedy.ASK_USER,
    ReasonCode.NO_SENDER: Remedy.ASK_OPERATOR,
    ReasonCode.NO_SESSION: Remedy.WAIT,
    ReasonCode.NO_SUCH_LEG: Remedy.MEND,
    ReasonCode.NO_SUCH_ORDER: Remedy.MEND,
    ReasonCode.NOT_ALLOWED: Remedy.MEND,
    ReasonCode.NOT_COMPLETED: Remedy.ASK_USER,
    ReasonCode.NOT_CONNECTED: Remedy.ASK_USER,
    ReasonCode.NOT_ESTABLISHED: Remedy.WAIT,
    ReasonCode.NOT_ITS_ORDER: Remedy.MEND,
    ReasonCode.NOT_SETTLED: Remedy.LOOK_AT_BROKER,
    ReasonCode.ONLY_REDUCING: Remedy.MEND,
    ReasonCode.OPERATOR_NEEDED: Remedy.ASK_OPERATOR,
    ReasonCode.ORDER_DIFFERS: Remedy.MEND,
    ReasonCode.ORDER_ENDED: Remedy.NOTHING,
    ReasonCode.OTHER_ALGORITHM: Remedy.MEND,
    ReasonCode.OTHER_EXIT_FILLED: Remedy.NOTHING,
    ReasonCode.OTHER_GROUP: Remedy.MEND,
    ReasonCode.OTHER_USER: Remedy.MEND,
    ReasonCode.OUTCOME_UNKNOWN: Remedy.WAIT,
    ReasonCode.OWN_HAND_ON_THE_QUEUE: Remedy.MEND,
    ReasonCode.PACING: Remedy.WAIT,
    ReasonCode.PENALTY: Remedy.WAIT,
    ReasonCode.POSITION_SETTLES: Remedy.WAIT,
    ReasonCode.PRICE_BETWEEN_STEPS: Remedy.MEND,
    ReasonCode.PROMPT_ANSWERED: Remedy.NOTHING,
    ReasonCode.QUESTION_DECLINED: Remedy.MEND,
    ReasonCode.QUESTION_GONE: Remedy.WAIT,
    ReasonCode.QUESTION_TOO_LATE: Remedy.SEND_ANEW,
    ReasonCode.QUESTION_UNANSWERED: Remedy.WAIT,
    ReasonCode.QUESTION_UNLISTED: Remedy.ASK_OPERATOR,
    ReasonCode.QUIET_WINDOW: Remedy.WAIT,
    ReasonCode.REFUSED_BY_BROKER: Remedy.MEND,
    ReasonCode.RENEWAL_FAILED: Remedy.WAIT,
    ReasonCode.REPLACED: Remedy.NOTHING,
    ReasonCode.REVIEWED: Remedy.NOTHING,
    ReasonCode.REVISION_DIFFERS: Remedy.MEND,
    ReasonCode.REVISION_SKIPPED: Remedy.MEND,
    ReasonCode.SENDER_NOT_REGISTERED: Remedy.ASK_OPERATOR,
    ReasonCode.SENDER_VANISHED: Remedy.WAIT,
    ReasonCode.SESSION_FAILED: Remedy.WAIT,
    ReasonCode.SESSION_PAUSED: Remedy.WAIT,
    ReasonCode.SESSION_REFUSED: Remedy.ASK_USER,
    ReasonCode.STOPPED_AT_QUESTION: Remedy.SEND_ANEW,
    ReasonCode.TIME_IN_FORCE_ENDED: Remedy.NOTHING,
    ReasonCode.TOKENS_REFUSED: Remedy.WAIT,
    ReasonCode.TOKENS_UNUSABLE: Remedy.ASK_OPERATOR,
    ReasonCode.TOO_MANY_QUESTIONS: Remedy.WAIT,
    ReasonCode.TOO_MANY_WAITING: Remedy.SEND_ANEW,
    ReasonCode.UNPROTECTED_POSITION: Remedy.LOOK_AT_BROKER,
    ReasonCode.UNREADABLE: Remedy.ASK_OPERATOR,
    ReasonCode.UNWATCHED: Remedy.LOOK_AT_BROKER,
    ReasonCode.USERNAME_TAKEN: Remedy.ASK_USER,
    ReasonCode.WAKE_OF_A_STRANGER: Remedy.MEND,
}
