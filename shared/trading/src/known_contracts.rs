//! What the broker told of contracts before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::PriceStep;
use domain::{Conid, SymbolContract};
use rust_decimal::Decimal;

/// Contracts that are remembered. Past this all are forgotten, and asked for again.
const KNOWN_MAX: usize = 5_000;

/// What was asked of the broker before, for any user: its numbers are permanent (IBKR Web API, contract lookup), and the
/// steps of prices change so rarely that the life of one running function is no time. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct KnownContracts(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    conids: BTreeMap<SymbolContract, Conid>,
    price_steps: BTreeMap<Conid, Arc<[PriceStep]>>,
    multipliers: BTreeMap<Conid, Decimal>,
}

impl KnownContracts {
    pub(crate) fn conid(&self, words: &SymbolContract) -> Option<Conid> {
        self.lock().conids.get(words).copied()
    }

    pub(crate) fn remember_conid(&self, words: &SymbolContract, conid: Conid) {
        remember(&mut self.lock().conids, words.clone(), conid);
    }

    pub(crate) fn price_steps(&self, conid: Conid) -> Option<Arc<[PriceStep]>> {
        self.lock().price_steps.get(&conid).cloned()
    }

    pub(crate) fn remember_price_steps(&self, conid: Conid, steps: Arc<[PriceStep]>) {
        remember(&mut self.lock().price_steps, conid, steps);
    }

    pub(crate) fn multiplier(&self, conid: Conid) -> Option<Decimal> {
        self.lock().multipliers.get(&conid).copied()
    }

    pub(crate) fn remember_multiplier(&self, conid: Conid, multiplier: Decimal) {
        remember(&mut self.lock().multipliers, conid, multiplier);
    }

    /// Nothing can be left half done under this lock, so one that a panic poisoned is as good.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember<K: Ord, V>(known: &mut BTreeMap<K, V>, key: K, value: V) {
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.insert(key, value);
}
