//! What the system is allowed to do at once, as the template and the functions say.

use sessions::WAITING_MAX;

const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");

/// What the system is allowed to do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions that are looked after at the same time (`SessionConcurrency`).
    pub session_concurrency: u32,
    /// Users whose orders are worked at the same time (`OrderConcurrency`).
    pub order_concurrency: u32,
    /// Users whose orders are looked at at the same time (order-track's `MaximumConcurrency`).
    pub track_concurrency: u32,
    /// Asks in the session queue above which a run of the schedule adds none.
    pub waiting_max: u64,
    /// Calls of one user in a second (`BrokerCallsPerSecond`).
    pub broker_calls_per_second: u32,
    /// Memory of a function, in MB.
    pub memory_megabytes: u32,
    /// Time of a run of the schedule, in seconds.
    pub run_seconds: u32,
    /// Until a message that was not deleted is seen again, in seconds.
    pub visibility_seconds: u32,
}

impl Limits {
    /// Those that the project ships.
    #[must_use]
    pub fn of_template() -> Self {
        Self {
            session_concurrency: number("  SessionConcurrency:\n", "Default: "),
            order_concurrency: number("  OrderConcurrency:\n", "Default: "),
            track_concurrency: number("TrackQueue.Arn", "MaximumConcurrency: "),
            waiting_max: WAITING_MAX,
            broker_calls_per_second: number("  BrokerCallsPerSecond:\n", "Default: "),
            memory_megabytes: number("Globals:\n", "MemorySize: "),
            run_seconds: number("Globals:\n", "Timeout: "),
            visibility_seconds: number("  SessionQueue:\n", "VisibilityTimeout: "),
        }
    }
}

/// The number that follows `name`, the first after `place`.
fn number(place: &str, name: &str) -> u32 {
    let (_, after) = TEMPLATE.split_once(place).expect("the template names it");
    let (_, text) = after.split_once(name).expect("the template gives it a number");
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("it is a number")
}
