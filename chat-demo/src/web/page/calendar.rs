//! Days and times of day in UTC, for readers without a script; with one, the browser puts its own
//! time zone in their place.

use crate::domain::UnixMillis;

const MILLIS_A_DAY: i64 = 24 * 60 * 60 * 1000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The day that `at` is in, counted from the first of January 1970.
pub(super) fn day(at: UnixMillis) -> i64 {
    at.0.div_euclid(MILLIS_A_DAY)
}

/// The day of `at`, such as `21 November 2026`.
pub(super) fn date(at: UnixMillis) -> String {
    let (year, month, day) = civil(day(at));
    format!("{day} {} {year}", MONTHS[month - 1])
}

/// The time of day, such as `09:05`.
pub(super) fn time(at: UnixMillis) -> String {
    let minutes = at.0.rem_euclid(MILLIS_A_DAY) / 60_000;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The moment as HTML's `datetime` wants it.
pub(super) fn machine(at: UnixMillis) -> String {
    let (year, month, day) = civil(day(at));
    let seconds = at.0.rem_euclid(MILLIS_A_DAY) / 1000;
    format!("{year:04}-{month:02}-{day:02}T{}:{:02}Z", time(at), seconds % 60)
}

/// Year, month (from 1) and day of the month in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year; 400 of them, an era,
/// have 146,097 days.
fn civil(day: i64) -> (i64, usize, i64) {
    const ERA: i64 = 146_097;
    let since_march_of_0 = day + 719_468;
    let (era, in_era) = (since_march_of_0.div_euclid(ERA), since_march_of_0.rem_euclid(ERA));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let of_month = in_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next, usize::try_from(month).unwrap_or(1), of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(machine(UnixMillis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(machine(UnixMillis(951_782_399_000)), "2000-02-28T23:59:59Z");
        assert_eq!(machine(UnixMillis(951_782_400_000)), "2000-02-29T00:00:00Z");
        assert_eq!(machine(UnixMillis(1_709_251_199_999)), "2024-02-29T23:59:59Z");
        assert_eq!(machine(UnixMillis(-1000)), "1969-12-31T23:59:59Z");
        assert_eq!(date(UnixMillis(1_795_219_200_000)), "21 November 2026");
        assert_eq!(time(UnixMillis(1_795_251_900_000)), "09:05");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(-200_000);
        for day in -199_999..200_000 {
            let (year, month, of_month) = civil(day);
            let next_day = (year, month, of_month) == (before.0, before.1, before.2 + 1);
            let next_month = of_month == 1
                && before.2 >= 28
                && (year, month) == (before.0 + i64::from(before.1 == 12), before.1 % 12 + 1);
            assert!(next_day || next_month, "{before:?} then {:?}", (year, month, of_month));
            before = (year, month, of_month);
        }
    }
}
