//! Times of a CDA: local time of Paris, to the second, with its offset.

use diapason_core::Timestamp;
use time::{Month, OffsetDateTime, UtcOffset};

/// `yyyyMMddHHmmss+0100`.
pub(super) fn local(at: Timestamp) -> String {
    let utc = at.date_time();
    let hours = if is_summer(utc) { 2 } else { 1 };
    let offset = UtcOffset::from_hms(hours, 0, 0).unwrap_or(UtcOffset::UTC);
    let t = utc.to_offset(offset);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}+0{hours}00",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// From the last Sunday of March to the last of October, at 01:00 UTC.
fn is_summer(utc: OffsetDateTime) -> bool {
    let switch = |month: Month| {
        let last = utc
            .replace_day(1)
            .and_then(|d| d.replace_month(month))
            .and_then(|d| d.replace_day(31))
            .unwrap_or(utc);
        let back = i64::from(last.weekday().number_days_from_sunday());
        (last - time::Duration::days(back)).date()
    };
    let moment = |month: Month| {
        switch(month)
            .with_hms(1, 0, 0)
            .map(time::PlainDateTime::assume_utc)
    };
    match (moment(Month::March), moment(Month::October)) {
        (Ok(begin), Ok(end)) => (begin..end).contains(&utc),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local_of(text: &str) -> String {
        local(Timestamp::try_from(text.to_owned()).expect("a timestamp"))
    }

    #[test]
    fn the_offset_is_that_of_the_day() {
        assert_eq!(local_of("2026-01-15T09:00:00Z"), "20260115100000+0100");
        assert_eq!(local_of("2026-07-15T22:30:00Z"), "20260716003000+0200");
        assert_eq!(local_of("2026-03-29T00:59:59Z"), "20260329015959+0100");
        assert_eq!(local_of("2026-03-29T01:00:00Z"), "20260329030000+0200");
        assert_eq!(local_of("2026-10-25T01:00:00Z"), "20261025020000+0100");
    }
}
