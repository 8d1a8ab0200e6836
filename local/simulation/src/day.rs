//! A day of many users, as a model of events in virtual time.
//!
//! It keeps no rules of its own: what is due and when, what a renewal does, how long a failure pauses and when nothing is
//! sent are asked of the same pure functions that the real system asks, and its limits are read from the template. What a
//! step costs is data (`day-costs.json`), which a test holds to what the real functions do.

mod costs;
mod limits;
mod meters;
mod model;
mod orders;
mod pool;
mod report;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

pub use limits::Limits;
pub use report::DayReport;

/// What the day is like.
#[derive(Debug, Clone)]
pub struct Day {
    /// Connected users, with one connection each.
    pub connections: u32,
    /// Of a hundred users, how many send orders on this day.
    pub traders_percent: u32,
    /// How many each of those sends.
    pub orders_per_trader: u32,
    /// Of a hundred users, how many want their session kept open without orders.
    pub keep_warm_percent: u32,
    /// The same seed gives the same day.
    pub seed: u64,
    /// How long the broker is away, in minutes; it begins at 10:00 in New York.
    pub outage_minutes: u32,
    /// In which minute of the day the broker puts the address into its penalty box, if it does.
    pub penalty_at_minute: Option<u32>,
    /// What the system is allowed to do at once.
    pub limits: Limits,
}

impl Day {
    /// A usual day of so many users: a tenth trade, five orders each, and one in fifty wants a session all day.
    #[must_use]
    pub fn of(connections: u32) -> Self {
        Self {
            connections,
            traders_percent: 10,
            orders_per_trader: 5,
            keep_warm_percent: 2,
            seed: 1,
            outage_minutes: 30,
            penalty_at_minute: None,
            limits: Limits::of_template(),
        }
    }

    /// Lives it.
    #[must_use]
    pub fn run(&self) -> DayReport {
        model::Model::new(self).run()
    }
}
