//! `simulation day`.

use clap::Args;
use simulation::{Day, Limits};

/// A day of many users. Limits that are not given are the template's.
#[derive(Debug, Args)]
pub(crate) struct DayArguments {
    /// Connected users.
    #[arg(long, default_value_t = 10_000)]
    connections: u32,
    /// Of a hundred users, how many send orders.
    #[arg(long, default_value_t = 10)]
    traders_percent: u32,
    /// How many orders each of those sends.
    #[arg(long, default_value_t = 5)]
    orders_per_trader: u32,
    /// Of a hundred users, how many want their session kept open without orders.
    #[arg(long, default_value_t = 2)]
    keep_warm_percent: u32,
    /// The seed: the same one gives the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long the broker is away, from half an hour after the exchange opens.
    #[arg(long, default_value_t = 30)]
    outage_minutes: u32,
    /// In which minute of the day (UTC) the broker puts the address into its penalty box.
    #[arg(long)]
    penalty_at_minute: Option<u32>,
    /// Sessions that are looked after at once.
    #[arg(long)]
    session_concurrency: Option<u32>,
    /// Users whose orders are worked at once.
    #[arg(long)]
    order_concurrency: Option<u32>,
    /// Users whose orders are looked at at once.
    #[arg(long)]
    track_concurrency: Option<u32>,
    /// Asks in the session queue above which a run of the schedule adds none.
    #[arg(long)]
    waiting_max: Option<u64>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl DayArguments {
    pub(crate) fn run(&self) {
        let report = self.day().run();
        if self.json {
            println!("{:#}", report.json);
        } else {
            println!("{}", report.table());
        }
    }

    fn day(&self) -> Day {
        let template = Limits::of_template();
        let limits = Limits {
            session_concurrency: self.session_concurrency.unwrap_or(template.session_concurrency),
            order_concurrency: self.order_concurrency.unwrap_or(template.order_concurrency),
            track_concurrency: self.track_concurrency.unwrap_or(template.track_concurrency),
            waiting_max: self.waiting_max.unwrap_or(template.waiting_max),
            ..template
        };
        Day {
            connections: self.connections,
            traders_percent: self.traders_percent,
            orders_per_trader: self.orders_per_trader,
            keep_warm_percent: self.keep_warm_percent,
            seed: self.seed,
            outage_minutes: self.outage_minutes,
            penalty_at_minute: self.penalty_at_minute,
            limits,
        }
    }
}
