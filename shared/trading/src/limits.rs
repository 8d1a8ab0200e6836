//! Limits: the user's own, on every order of any algorithm, and the grant's, on that algorithm's orders only.
//!
//! What the ticket alone tells is decided here. What other orders use is decided in the intent's transaction, which also
//! checks that the limits are still the ones that were read here.

mod checks;
mod multiplier;
mod price;

use broker::Session;
use domain::{AlgorithmId, Beyond, Conid, Limits, PlaceOrder, Reason, ReasonCode, Size, Whose};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use store::{Alike, Bearings, Claim};

use crate::authority::not_registered;
use crate::lane::Lane;
use crate::limits::checks::{beyond_collar, beyond_ticket, beyond_value, value_of_ticket};
use crate::limits::multiplier::beyond_unknown;
use crate::stop::Stop;

/// The limits that bear on an order, and whose they are.
type Bearing<'l> = Vec<(Whose, &'l Limits)>;

/// What of a ticket is held against the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighed {
    /// All of it.
    Whole,
    /// All but its value: a bracket's exit leaves what its order bought, and that order's value is counted.
    WithoutValue,
}

impl Weighed {
    fn of(self, limits: &Limits) -> Limits {
        match self {
            Self::Whole => limits.clone(),
            Self::WithoutValue => Limits { max_order_notional: None, max_daily_notional: None, ..limits.clone() },
        }
    }
}

/// What the limits need to know that only the broker can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Needs {
    /// The order's value.
    value: bool,
    /// The market's price, for the collar.
    collar: bool,
    /// How many units of its price one contract is worth; 1 where no limit needs the value.
    multiplier: Decimal,
}

impl Lane<'_> {
    /// What the order claims of its limits, to be reserved with its intent; or why they forbid it. Limits that were read
    /// for an earlier order may have been changed since: they are read anew before they forbid one.
    pub(crate) async fn within_limits(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
        weighed: Weighed,
    ) -> Result<Claim, Stop> {
        let (user_id, algorithm_id) = (self.lease.user_id(), &request.algorithm_id);
        let mut read = Box::pin(self.readings.of(self.desk, user_id, algorithm_id)).await?.clone();
        loop {
            let verdict = self.claim(session, request, conid, &read, weighed).await;
            if !matches!(verdict, Err(Stop::Deny(_))) || !self.forget_readings(algorithm_id) {
                return verdict;
            }
            let anew = Box::pin(self.readings.of(self.desk, self.lease.user_id(), algorithm_id)).await?.clone();
            if (&anew.own, &anew.grant, &anew.algorithm) == (&read.own, &read.grant, &read.algorithm) {
                return verdict;
            }
            read = anew;
        }
    }

    /// Forgets what was read for an earlier order of this algorithm; whether there was anything.
    pub(crate) fn forget_readings(&mut self, algorithm_id: &AlgorithmId) -> bool {
        self.readings.forget_used(self.lease.user_id(), algorithm_id)
    }

    async fn claim(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
        read: &Bearings,
        weighed: Weighed,
    ) -> Result<Claim, Stop> {
        if read.algorithm.is_none() && !request.algorithm_id.is_own_hand() {
            return Err(Stop::Deny(not_registered(&request.algorithm_id)));
        }
        let (own, grant, used) = (read.own.clone(), read.grant.clone(), read.used.clone());
        let granted = grant.as_ref().and_then(|grant| grant.rule.as_ref());
        let (users, grants) = (own.rule.as_ref(), granted.map(|grant| &grant.limits));
        let (users, grants) = (users.map(|limits| weighed.of(limits)), grants.map(|limits| weighed.of(limits)));
        let bearing: Bearing<'_> =
            [users.as_ref().map(|limits| (Whose::User, limits)), grants.as_ref().map(|limits| (Whose::Grant, limits))]
                .into_iter()
                .flatten()
                .collect();
        let notional = self.weigh(session, request, conid, &bearing).await?;
        let notional = if weighed == Weighed::Whole { notional } else { Decimal::ZERO };
        let at = self.now();
        let day = TimeZone::UTC.to_datetime(at).date();
        let alike = Alike { likeness: request.ticket.likeness(&request.account_id, conid), at };
        Ok(Claim { day, notional, own, grant, used, reducing: false, alike })
    }

    /// The order's value, if nothing in the ticket is beyond the limits. The broker is asked only for what a limit needs
    /// and the ticket does not tell.
    async fn weigh(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
        bearing: &Bearing<'_>,
    ) -> Result<Decimal, Stop> {
        let ticket = &request.ticket;
        let first = |check: &dyn Fn(Whose, &Limits) -> Option<Beyond>| {
            bearing.iter().find_map(|(whose, limits)| check(*whose, limits)).map(|beyond| Stop::Deny(reason(&beyond)))
        };
        if let Some(denied) = first(&|whose, limits| beyond_ticket(whose, limits, ticket, conid)) {
            return Err(denied);
        }
        let needs_value = bearing
            .iter()
            .any(|(_, limits)| limits.max_order_notional.is_some() || limits.max_daily_notional.is_some());
        let multiplier = if needs_value && matches!(ticket.size, Size::Quantity(_)) {
            self.multiplier(session, request, conid).await?
        } else {
            Some(self.known_multiplier(request, conid).unwrap_or(Decimal::ONE))
        };
        let Some(multiplier) = multiplier else { return first(&beyond_unknown).map_or(Ok(Decimal::ZERO), Err) };
        let collar = bearing.iter().any(|(_, limits)| limits.price_collar_percent.is_some());
        let needs = Needs { value: needs_value, collar, multiplier };
        let prices = self.prices(session, request, conid, needs).await?;
        let collar = first(&|whose, limits| beyond_collar(whose, limits, ticket, &prices.market));
        let value = first(&|whose, limits| beyond_value(whose, limits, prices.value, &prices.market));
        match collar.or(value) {
            Some(denied) => Err(denied),
            None => Ok(prices.value.or_else(|| value_of_ticket(ticket, None, multiplier)).unwrap_or_default()),
        }
    }
}

/// Why an order, or a change of one, is kept back by a limit.
pub(crate) fn reason(beyond: &Beyond) -> Reason {
    Reason::new(ReasonCode::BeyondLimits, format!("The order would be beyond {beyond}."))
}
