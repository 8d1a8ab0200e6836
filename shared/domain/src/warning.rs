//! Warnings: what a person must know of an order, whatever its state.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::leg::LegRole;
use crate::order::{HistoryEntry, Order};
use crate::reason::Reason;
use crate::reason_code::ReasonCode;

impl Order {
    /// Tells a person something, and whoever follows the events: as a change of the order's status to the one that it has. The
    /// latest is shown; each is told once, and none keeps another from being told.
    pub fn warn(&mut self, reason: Reason, now: Timestamp) {
        if self.has_warned(&reason.code) {
            return;
        }
        // An order of an earlier release has only the one that it shows.
        let shown = self.warning.take().map(|shown| shown.code);
        self.warned.extend(shown);
        self.warned.insert(reason.code.clone());
        self.warning = Some(reason.clone());
        self.sequence = self.sequence.saturating_add(1);
        let status = self.status();
        self.remember(HistoryEntry { at: now, status, reason: Some(reason), leg: None, revision: None });
        self.updated_at = now;
    }

    /// Whether a person was told this already.
    #[must_use]
    pub fn has_warned(&self, code: &ReasonCode) -> bool {
        self.warned.contains(code) || self.warning.as_ref().is_some_and(|shown| shown.code == *code)
    }

    /// How many different things a person was told.
    #[must_use]
    pub fn warnings_told(&self) -> usize {
        self.warned.len().max(usize::from(self.warning.is_some()))
    }

    /// The broker corrected executions of the order, or of this exit of it, so that less is filled than was told. What was told
    /// stays: whoever follows the events has acted on it.
    pub fn fill_taken_back(&mut self, leg: Option<LegRole>, told: Decimal, stands: Decimal, now: Timestamp) {
        let of = leg.map_or("the order".to_owned(), |role| format!("its {role}"));
        let told = Reason::new(
            ReasonCode::FillTakenBack,
            format!(
                "The broker took back a fill of {of}: {} of the {} that were told stand. The position is what the broker says. Look there.",
                stands.normalize(),
                told.normalize()
            ),
        );
        self.warn(told, now);
    }

    /// The position has its stop again: where it goes once more, that is told anew.
    pub fn is_protected_again(&mut self, now: Timestamp) {
        self.unwarn(&ReasonCode::UnprotectedPosition);
        self.exits_missing_since = None;
        self.updated_at = now;
    }

    /// A warning that does not hold any more is taken back.
    pub(crate) fn unwarn(&mut self, code: &ReasonCode) {
        self.warned.remove(code);
        self.warning.take_if(|warning| warning.code == *code);
    }
}
