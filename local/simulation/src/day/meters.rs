//! What is counted over a day.

use super::costs::Calls;

/// Seconds that are told apart: the day, and what begins late in it.
const SECONDS: usize = 25 * 3600;

/// What is counted over a day.
#[derive(Debug)]
pub(super) struct Meters {
    from: i64,
    pub(super) broker: Rate,
    pub(super) aws: Rate,
    /// Looks that are going on, in milliseconds of each second.
    pub(super) looks: Rate,
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) sends: u64,
    /// Messages that were sent with others in one call.
    pub(super) batched: u64,
    pub(super) invocations: u64,
    pub(super) function_milliseconds: u64,
}

/// How often something happened, by second.
#[derive(Debug)]
pub(super) struct Rate {
    seconds: Vec<u32>,
    pub(super) total: u64,
}

impl Rate {
    fn new() -> Self {
        Self { seconds: vec![0; SECONDS], total: 0 }
    }

    fn add(&mut self, second: i64, count: u32) {
        let last = self.seconds.len() - 1;
        let second = usize::try_from(second).unwrap_or(0).min(last);
        self.seconds[second] = self.seconds[second].saturating_add(count);
        self.total += u64::from(count);
    }

    /// The most in one second, and in which second of the day.
    pub(super) fn peak(&self) -> (u32, i64) {
        let peak = self.seconds.iter().copied().enumerate().rev().max_by_key(|(_, count)| *count);
        peak.map_or((0, 0), |(second, count)| (count, i64::try_from(second).unwrap_or(0)))
    }
}

impl Meters {
    /// Counts from this time on.
    pub(super) fn new(from: i64) -> Self {
        Self {
            from,
            broker: Rate::new(),
            aws: Rate::new(),
            looks: Rate::new(),
            reads: 0,
            writes: 0,
            sends: 0,
            batched: 0,
            invocations: 0,
            function_milliseconds: 0,
        }
    }

    /// Counts the calls of an invocation, spread over its time.
    pub(super) fn invocation(&mut self, calls: Calls, begins: i64, time: i64) {
        self.invocations += 1;
        self.calls(calls, begins, time);
    }

    /// Counts calls without an invocation of their own.
    pub(super) fn calls(&mut self, calls: Calls, begins: i64, time: i64) {
        self.function_milliseconds += u64::try_from(time).unwrap_or(0);
        self.reads += u64::from(calls.database_reads);
        self.writes += u64::from(calls.database_writes);
        self.sends += u64::from(calls.queue_sends);
        for (rate, count) in [(&mut self.broker, calls.broker_calls), (&mut self.aws, calls.of_aws())] {
            for number in 0..count {
                let at = begins - self.from + time * i64::from(number) / i64::from(count);
                rate.add(at / 1000, 1);
            }
        }
    }

    /// Counts a look that takes so long.
    pub(super) fn look(&mut self, calls: Calls, begins: i64, time: i64) {
        self.invocation(calls, begins, time);
        self.looks.add((begins - self.from) / 1000, u32::try_from(time).unwrap_or(0));
    }
}

/// The value below which so many of a thousand lie; 0 of none. Sorts.
pub(super) fn permille(values: &mut [i64], permille: usize) -> i64 {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get(last * permille / 1000).copied().unwrap_or(0)
}
