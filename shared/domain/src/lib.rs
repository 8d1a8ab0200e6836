//! What the words mean: ids, amounts, orders and their states, connections, grants. Pure: no clock of its own, no
//! randomness, no network, no disk.

// Decimals from outside are calculated with only so that nothing panics (clippy.toml says which types are meant).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod amendments;
mod amount;
mod arrival;
mod astray;
mod cancel;
mod change;
mod change_stage;
mod clock;
mod condition;
mod connection;
mod exit_sides;
mod fields;
mod following;
mod hand;
mod ids;
mod intent;
mod json;
mod late;
mod leg;
mod legs;
mod likeness;
pub mod message;
#[cfg(feature = "openapi")]
mod openapi;
mod order;
mod reason;
mod reason_code;
mod refusal;
mod region;
mod reserved;
mod rules;
mod secret;
mod session_care;
mod sight;
mod state;
mod status;
mod taken_change;
mod text;
mod ticket;
mod ticket_change;
mod unknown;
mod unwatched;
mod view;
mod warning;

pub use amount::{Amount, InvalidAmount};
pub use arrival::{InvalidQueuePlace, QueuePlace, in_order_of_arrival};
pub use astray::{ASTRAY_FOR, AstrayChange, CameLate};
pub use cancel::{CANCELS_BEFORE_ALARM, CancelCalls, CancelTaken, LegCancel};
pub use change::{CHANGE_GOOD_FOR, CHANGE_SENDS_MAX, Change, ChangeTaken};
pub use change_stage::ChangeStage;
pub use clock::{Clock, Entropy};
pub use condition::Condition;
pub use connection::{
    ATTEMPT_LIFE, AccountSharing, Connection, ConnectionStatus, Environment, Sealed, SealedLiveSessionToken,
    SealedTokens, SessionState,
};
pub use fields::FieldFault;
pub use hand::ShownTerms;
pub use ids::{
    AccountId, AlgorithmId, BrokerOrderId, ClientOrderId, Conid, ConnectionId, InvalidId, OrderId, OrderKey,
    PrincipalId, UserId,
};
pub use intent::{Act, Intent};
pub use json::parse_unique;
pub use late::LateFact;
pub use leg::{Leg, LegFact, LegNews, LegRole, LegSight};
pub use legs::LegCancelTaken;
pub use likeness::DUPLICATE_WINDOW_SECONDS_MAX;
pub use message::{CancelOrder, Command, Malformed, ModifyOrder, PlaceOrder};
pub use order::{GOOD_FOR_MAX, HistoryEntry, MARKET_GOOD_FOR, OTHERS_GOOD_FOR, Order, OutOfPlace};
pub use reason::Reason;
pub use reason_code::{ListedReason, REASON_CODES, ReasonCode, ReasonOf, Remedy};
pub use refusal::{EXCERPT_CHARACTERS_MAX, Refusal, RefusalView};
pub use region::Region;
pub use reserved::{GivesBack, Reserved};
pub use rules::{Algorithm, Beyond, Grant, GrantStatus, Halt, HaltMode, KillSwitch, Limits, SetBy, Whose};
pub use secret::Secret;
pub use session_care::{
    Choices, INIT_PAUSE_COMPETING, INIT_PAUSE_FOR_CANCEL, INIT_PAUSE_MAX, INITS_WITHOUT_PAUSE, Inits, KEEP_WARM_EVERY,
    WARM_AFTER_ORDER,
};
pub use sight::{BrokerStatus, Sight};
pub use state::{Fact, OrderState};
pub use status::OrderStatus;
pub use taken_change::TakenChange;
pub use text::text_of_bytes;
pub use ticket::{
    Attached, Contract, OrderType, Side, Size, StopLoss, SymbolContract, TakeProfit, Ticket, TimeInForce, Trail,
};
pub use ticket_change::NotSmaller;
pub use unknown::{
    Circumstances, Doubt, LOOKED_FOR_MAX, NEGATIVE_COUNTS_AFTER, NEGATIVES_NEEDED, NOT_PLACED_AFTER,
    SENDS_AFTER_QUESTIONS_MAX, SENDS_MAX, Settlement,
};
pub use unwatched::Unwatched;
pub use view::{ChangeView, ConnectionView, LegView, OrderView, SessionView};
