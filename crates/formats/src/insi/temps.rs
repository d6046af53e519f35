//! `xs:dateTime` and `xs:date`, as the contexts and the assertion carry them.

use diapason_core::Timestamp;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// An `xs:dateTime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The instant; for a value without time zone, read as UTC.
    pub at: OffsetDateTime,
    /// Offset written, in seconds; `None` when there is no time zone.
    pub offset_s: Option<i32>,
}

impl DateTime {
    /// Is it written in UTC?
    pub fn is_utc(self) -> bool {
        self.offset_s == Some(0)
    }

    /// Whole seconds from `at` to this instant; `None` without a time zone.
    pub fn skew_s(self, at: Timestamp) -> Option<i64> {
        self.offset_s
            .map(|_| Timestamp::new(self.at).millis_since(at) / 1000)
    }
}

/// Reads an `xs:dateTime`, white space around it allowed.
pub fn date_time(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let (date_text, rest) = text.split_once('T')?;
    let day = calendar_date(date_text)?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = (rest.get(..zone_at)?, rest.get(zone_at..)?);
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let nanos = match fraction {
        None => 0,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<9}").get(..9)?.parse::<u32>().ok()?
        }
        Some(_) => return None,
    };
    let mut parts = clock.split(':').map(two_digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let offset_s = match zone.chars().next() {
        None => None,
        Some('Z') if zone.len() == 1 => Some(0),
        Some(sign @ ('+' | '-')) => {
            let (h, m) = zone.get(1..)?.split_once(':')?;
            let (h, m) = (i32::from(two_digits(h)?), i32::from(two_digits(m)?));
            if h > 14 || m > 59 || (h == 14 && m != 0) {
                return None;
            }
            let seconds = h * 3600 + m * 60;
            Some(if sign == '-' { -seconds } else { seconds })
        }
        Some(_) => return None,
    };
    let (day, hour) = if (hour, minute, second, nanos) == (24, 0, 0, 0) {
        (day.next_day()?, 0)
    } else {
        (day, hour)
    };
    let time = Time::from_hms_nano(hour, minute, second, nanos).ok()?;
    let offset = UtcOffset::from_whole_seconds(offset_s.unwrap_or(0)).ok()?;
    let at = OffsetDateTime::new_in_offset(day, time, offset).checked_to_offset(UtcOffset::UTC)?;
    Some(DateTime { at, offset_s })
}

/// Is it an `xs:date`, with or without a time zone?
pub fn is_date(text: &str) -> bool {
    let text = text.trim();
    let zone_ok =
        |zone: &str| zone.is_empty() || date_time(&format!("2000-01-01T00:00:00{zone}")).is_some();
    text.get(..10)
        .zip(text.get(10..))
        .is_some_and(|(day, zone)| calendar_date(day).is_some() && zone_ok(zone))
}

fn calendar_date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    if !shape {
        return None;
    }
    let year: i32 = text[..4].parse().ok()?;
    let month = Month::try_from(text[5..7].parse::<u8>().ok()?).ok()?;
    (year > 0).then(|| Date::from_calendar_date(year, month, text[8..].parse().ok()?).ok())?
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn schema_lexical_forms() {
        for good in [
            "2026-01-15T09:00:00Z",
            "2026-01-15T09:00:00.000Z",
            " 2026-01-15T09:00:00.1234567890123+02:00 ",
            "2026-01-15T24:00:00-14:00",
            "2026-01-15T09:00:00",
        ] {
            assert!(date_time(good).is_some(), "{good}");
        }
        for bad in [
            "2026-01-15",
            "2026-02-30T09:00:00Z",
            "2026-01-15T09:00Z",
            "2026-01-15T09:00:00.Z",
            "2026-01-15T25:00:00Z",
            "2026-01-15T09:00:00+15:00",
            "2026-01-15T09:00:00+2",
            "",
            "T",
            "é026-01-15T09:00:00Z",
            "2026-01-15 09:00:00Z",
        ] {
            assert!(date_time(bad).is_none(), "{bad}");
        }
        assert!(is_date("2019-03-01"));
        assert!(is_date("2019-03-01Z"));
        assert!(!is_date("2019-00-00"));
        assert!(!is_date("2019-03-01x"));
    }

    #[test]
    fn skew_is_signed_and_needs_a_zone() {
        let at = Timestamp::try_from("2026-01-15T09:00:00.000Z".to_owned()).unwrap();
        let late = date_time("2026-01-15T10:00:10+01:00").unwrap();
        assert_eq!(late.skew_s(at), Some(10));
        assert!(!late.is_utc());
        assert_eq!(
            date_time("2026-01-15T08:59:00Z").unwrap().skew_s(at),
            Some(-60)
        );
        assert_eq!(date_time("2026-01-15T09:00:00").unwrap().skew_s(at), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}", odd in "[0-9T:.+Z-]{0,40}") {
            for t in [&text, &odd] {
                let _ = date_time(t);
                let _ = is_date(t);
            }
        }
    }
}
