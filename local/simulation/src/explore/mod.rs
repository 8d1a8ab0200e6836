//! Explores from a seed: thousands of lives of orders, with crashes, lost answers and the rest of it, in as many small
//! worlds, each judged by the same invariants. The same seed gives the same world, on every machine.

mod acts;
mod coverage;
mod dice;
mod enumerate;
mod evidence;
mod invariants;
mod lives;
mod log;
mod messages;
mod neighbours;
mod one_world;
mod plan;
mod reducing;
mod report;
mod script;
mod secrets;
mod settling;
mod stage;
mod tickets;
mod weather;

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use enumerate::{Enumerated, Turn, enumerate};
pub use invariants::Violation;
pub use one_world::{Outcome, replay};
pub use report::Report;

use dice::Dice;
use plan::Plan;

/// Worlds that one seed can have, far more than anybody has time for.
const WORLDS_MAX: usize = 1_000_000;

/// Explores until at least so many lives are over. Progress is told on `progress`, by the number of worlds.
pub fn explore(lives: u64, seed: u64, progress: impl Fn(usize) + Sync) -> Report {
    let seeds = seeds_for(lives, seed);
    let outcomes = in_parallel(seeds.len(), |index| {
        progress(index);
        one_world::explore_seed(seeds[index])
    });
    Report::of(seed, outcomes)
}

/// The seeds of the worlds that together have so many lives.
fn seeds_for(lives: u64, seed: u64) -> Vec<u64> {
    let mut dice = Dice::new(seed);
    let (mut seeds, mut planned) = (Vec::new(), 0);
    while planned < lives && seeds.len() < WORLDS_MAX {
        let seed = dice.next();
        planned += Plan::of(seed).lives.len() as u64;
        seeds.push(seed);
    }
    seeds
}

/// Does so many pieces of work on all cores; the results in their order.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(count));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    results.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
