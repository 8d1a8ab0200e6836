//! Times as key text.

use jiff::Timestamp;

/// A time whose text sorts as time does: milliseconds always, cut off, never rounded up.
pub(crate) fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sortable;

    proptest! {
        #[test]
        fn the_order_of_the_texts_is_the_order_of_the_times(
            first in 0_i64..253_402_300_000_000,
            second in prop_oneof![0_i64..253_402_300_000_000, Just(0), Just(1_000)],
        ) {
            let text = |milliseconds| sortable(jiff::Timestamp::from_millisecond(milliseconds).unwrap());
            prop_assert_eq!(first.cmp(&second), text(first).cmp(&text(second)));
            prop_assert_eq!(text(first).len(), "2026-11-25T03:00:00.000Z".len());
        }
    }

    #[test]
    fn a_fraction_is_cut_off_never_rounded_up() {
        let at: jiff::Timestamp = "2026-11-25T03:00:00.9999Z".parse().unwrap();
        assert_eq!(sortable(at), "2026-11-25T03:00:00.999Z");
    }
}
