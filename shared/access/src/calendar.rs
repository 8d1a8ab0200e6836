//! The broker's quiet windows: its daily reset, by region, and its weekly maintenance. Data, in `quiet-windows.json`.

use std::collections::BTreeMap;

use domain::Region;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// The windows that the project ships.
const STANDARD: &str = include_str!("../quiet-windows.json");

/// When nothing is sent.
#[derive(Debug, Clone)]
pub struct Calendar {
    daily: Option<Daily>,
    weekly: Option<Weekly>,
}

/// A window that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// Until when.
    pub until: Timestamp,
    /// What the broker does meanwhile.
    pub why: &'static str,
}

/// Why the windows cannot be read: a mistake in the file that the project ships.
#[derive(Debug, thiserror::Error)]
#[error("quiet-windows.json cannot be read: {0}")]
pub struct CalendarUnreadable(String);

#[derive(Debug, Clone)]
struct Daily {
    zone: TimeZone,
    at: Time,
    before: SignedDuration,
    after: SignedDuration,
}

#[derive(Debug, Clone)]
struct Weekly {
    zone: TimeZone,
    weekday: Weekday,
    from: Time,
    until: Time,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    daily_reset: DailyReset,
    weekly_maintenance: WeeklyMaintenance,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DailyReset {
    at: Time,
    quiet_before_minutes: i64,
    quiet_after_minutes: i64,
    zones: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeeklyMaintenance {
    zone: String,
    weekday: String,
    from: Time,
    until: Time,
}

impl Calendar {
    /// The windows of this region.
    pub fn of(region: Region) -> Result<Self, CalendarUnreadable> {
        if region == Region::None {
            return Ok(Self { daily: None, weekly: None });
        }
        let file: File = serde_json::from_str(STANDARD).map_err(|error| CalendarUnreadable(error.to_string()))?;
        let daily = file.daily_reset;
        let name =
            daily.zones.get(region.as_str()).ok_or_else(|| CalendarUnreadable(format!("no zone of {region}")))?;
        let weekly = file.weekly_maintenance;
        Ok(Self {
            daily: Some(Daily {
                zone: zone(name)?,
                at: daily.at,
                before: SignedDuration::from_mins(daily.quiet_before_minutes),
                after: SignedDuration::from_mins(daily.quiet_after_minutes),
            }),
            weekly: Some(Weekly {
                zone: zone(&weekly.zone)?,
                weekday: weekday(&weekly.weekday)?,
                from: weekly.from,
                until: weekly.until,
            }),
        })
    }

    /// The window that is on at this time.
    #[must_use]
    pub fn quiet_at(&self, now: Timestamp) -> Option<Quiet> {
        let daily = self.daily.as_ref().and_then(|daily| {
            daily.at_around(now, daily.at).find_map(|reset| {
                let on = reset - daily.before <= now && now < reset + daily.after;
                on.then(|| Quiet { until: reset + daily.after, why: "daily reset" })
            })
        });
        daily.or_else(|| self.weekly.as_ref()?.at(now))
    }

    /// Whether a session of the broker may have ended between these times: by its daily reset, or at midnight in its region (IBKR Web
    /// API, sessions). Its lists leave out what ended in an earlier one.
    #[must_use]
    pub fn reset_between(&self, from: Timestamp, until: Timestamp) -> bool {
        let Some(daily) = &self.daily else { return false };
        // Of two times further apart than a day, one reset at least lies between.
        let apart = until.duration_since(from) > SignedDuration::from_hours(25);
        let lies_between = |end: Timestamp| from <= end && end <= until;
        apart
            || [from, until]
                .into_iter()
                .any(|at| daily.at_around(at, daily.at).chain(daily.at_around(at, Time::midnight())).any(lies_between))
    }
}

impl Daily {
    /// This time of the day before, of this day and of the next, in the region.
    fn at_around(&self, now: Timestamp, time: Time) -> impl Iterator<Item = Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let days = [today.yesterday().ok(), Some(today), today.tomorrow().ok()];
        let resets = days.into_iter().flatten();
        resets.filter_map(move |day| self.zone.to_timestamp(day.to_datetime(time)).ok())
    }
}

impl Weekly {
    fn at(&self, now: Timestamp) -> Option<Quiet> {
        let local = self.zone.to_datetime(now);
        let on = local.weekday() == self.weekday && self.from <= local.time() && local.time() < self.until;
        let until = self.zone.to_timestamp(local.date().to_datetime(self.until)).ok()?;
        on.then_some(Quiet { until, why: "weekly maintenance" })
    }
}

/// The zones' rules are compiled in: the functions' machine need not have them.
fn zone(name: &str) -> Result<TimeZone, CalendarUnreadable> {
    match name {
        "America/New_York" => Ok(jiff::tz::get!("America/New_York")),
        "Europe/Zurich" => Ok(jiff::tz::get!("Europe/Zurich")),
        "Asia/Hong_Kong" => Ok(jiff::tz::get!("Asia/Hong_Kong")),
        other => Err(CalendarUnreadable(format!("the zone {other} is not compiled in"))),
    }
}

fn weekday(name: &str) -> Result<Weekday, CalendarUnreadable> {
    match name {
        "friday" => Ok(Weekday::Friday),
        "saturday" => Ok(Weekday::Saturday),
        "sunday" => Ok(Weekday::Sunday),
        other => Err(CalendarUnreadable(format!("{other} is no day of the weekend"))),
    }
}

#[cfg(test)]
mod tests {
    use domain::Region;
    use jiff::Timestamp;

    use super::Calendar;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_daily_reset_is_quiet_in_each_region_in_summer_and_winter() {
        for (region, before, quiet, after) in [
            (Region::Americas, "2026-11-24T05:57:59Z", "2026-11-24T05:58:00Z", "2026-11-24T06:10:00Z"),
            (Region::Americas, "2026-07-01T04:57:59Z", "2026-07-01T05:00:00Z", "2026-07-01T05:10:00Z"),
            (Region::Europe, "2026-11-24T23:57:59Z", "2026-11-25T00:03:00Z", "2026-11-25T00:10:00Z"),
            (Region::Asia, "2026-11-24T16:57:59Z", "2026-11-24T17:09:59Z", "2026-11-24T17:10:00Z"),
        ] {
            let calendar = Calendar::of(region).unwrap();
            assert_eq!(calendar.quiet_at(at(before)), None, "{region} {before}");
            let on = calendar.quiet_at(at(quiet)).unwrap();
            assert_eq!((on.until, on.why), (at(after), "daily reset"), "{region} {quiet}");
            assert_eq!(calendar.quiet_at(at(after)), None, "{region} {after}");
        }
    }

    #[test]
    fn the_weekly_maintenance_is_quiet_on_saturday_evening_in_new_york() {
        let calendar = Calendar::of(Region::Europe).unwrap();
        assert_eq!(calendar.quiet_at(at("2026-11-28T22:59:59Z")), None);
        let on = calendar.quiet_at(at("2026-11-28T23:00:00Z")).unwrap();
        assert_eq!((on.until, on.why), (at("2026-11-29T04:59:00Z"), "weekly maintenance"));
        assert_eq!(calendar.quiet_at(at("2026-11-27T23:30:00Z")), None, "a Friday");
    }

    #[test]
    fn a_reset_between_two_times_is_seen_and_no_other() {
        let calendar = Calendar::of(Region::Americas).unwrap();
        assert!(calendar.reset_between(at("2026-11-24T05:55:00Z"), at("2026-11-24T06:01:00Z")));
        assert!(!calendar.reset_between(at("2026-11-24T06:01:00Z"), at("2026-11-25T04:59:00Z")));
        // A session ends at midnight, an hour before the reset.
        assert!(calendar.reset_between(at("2026-11-25T04:59:00Z"), at("2026-11-25T05:01:00Z")));
        assert!(calendar.reset_between(at("2026-11-24T06:01:00Z"), at("2026-11-25T06:00:00Z")));
        assert!(calendar.reset_between(at("2026-11-20T06:01:00Z"), at("2026-11-24T05:00:00Z")));
    }

    #[test]
    fn without_a_region_nothing_is_quiet() {
        let calendar = Calendar::of(Region::None).unwrap();
        assert_eq!(calendar.quiet_at(at("2026-11-24T06:00:00Z")), None);
        assert!(!calendar.reset_between(at("2026-11-24T05:55:00Z"), at("2026-11-25T06:01:00Z")));
    }
}
