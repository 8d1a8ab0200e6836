//! A day of ten thousand users, with a reset and an outage of the broker.

use simulation::Day;

/// After the outage everybody has a session again within this, in milliseconds.
const BACK_WITHIN: i64 = 5 * 60_000;

#[test]
fn after_an_outage_ten_thousand_users_are_back_within_five_minutes_at_the_brokers_pace() {
    let report = Day::of(10_000).run();
    assert!(report.harmed > 200, "{}", report.table());
    assert_eq!(report.not_back, 0, "{}", report.table());
    assert!(report.last_back <= BACK_WITHIN, "{}", report.table());
    assert_eq!(report.over_pacing, 0, "{}", report.table());
    assert_eq!(report.unsent, 0, "{}", report.table());
    assert!(report.inits_max <= domain::INITS_WITHOUT_PAUSE, "{}", report.table());
}

#[test]
fn a_day_is_the_same_for_the_same_seed() {
    let day = |seed| Day { seed, ..Day::of(1_000) }.run();
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}

#[test]
fn a_day_that_is_too_large_shows_what_breaks_first() {
    let mut day = Day { outage_minutes: 0, ..Day::of(5_000) };
    assert_eq!(day.run().breaks_first, None);
    day.limits.run_seconds = 5;
    assert_eq!(day.run().breaks_first, Some("time of a run of the schedule"));
}

#[test]
fn in_the_penalty_box_orders_wait_and_go_on_by_themselves() {
    let boxed = Day { outage_minutes: 0, penalty_at_minute: Some(16 * 60), ..Day::of(2_000) };
    let free = Day { penalty_at_minute: None, ..boxed.clone() };
    let (boxed, free) = (boxed.run(), free.run());
    assert!(boxed.delayed > free.delayed, "{}\n{}", boxed.table(), free.table());
    assert_eq!((boxed.unsent, boxed.over_pacing), (0, 0), "{}", boxed.table());
}
