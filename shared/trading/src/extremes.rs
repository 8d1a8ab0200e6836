//! Decimals that nobody means, for the tests of what calculates with figures from outside.

use proptest::prelude::*;
use rust_decimal::Decimal;

/// Any decimal, the largest, the smallest and the longest among them.
pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
    let any = (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0_u32..=28)
        .prop_map(|(low, middle, high, negative, scale)| Decimal::from_parts(low, middle, high, negative, scale));
    let smallest = Decimal::new(1, 28);
    let named = [Decimal::MAX, Decimal::MIN, Decimal::ZERO, Decimal::ONE, smallest, -smallest];
    prop_oneof![any, proptest::sample::select(named.to_vec()), (-20_i64..20).prop_map(Decimal::from)]
}

/// The same, as a price of the market or a quantity: greater than zero.
pub(crate) fn positive() -> impl Strategy<Value = Decimal> {
    decimal().prop_map(|decimal| decimal.abs()).prop_filter("it must be more than zero", |decimal| !decimal.is_zero())
}
