//! Times as a CDA writes them: local time of the place, to the second, with the offset of that day.
//!
//! Metropolitan France: UTC+1, and UTC+2 from the last Sunday of March to the last Sunday of October, at 1:00 UTC.

use diapason_core::Timestamp;
use diapason_core::ins::DateNaissance;
use time::{Date, Month, OffsetDateTime, UtcOffset};

/// 1:00 UTC on the last Sunday of that month.
fn bascule(annee: i32, mois: Month) -> Option<OffsetDateTime> {
    let dernier = Date::from_calendar_date(annee, mois, 31).ok()?;
    let recul = i64::from(dernier.weekday().number_days_from_sunday());
    let dimanche = dernier - time::Duration::days(recul);
    Some(dimanche.with_hms(1, 0, 0).ok()?.assume_utc())
}

/// The time in Paris.
pub fn paris(at: Timestamp) -> OffsetDateTime {
    let utc = at.date_time().to_offset(UtcOffset::UTC);
    let ete = match (
        bascule(utc.year(), Month::March),
        bascule(utc.year(), Month::October),
    ) {
        (Some(debut), Some(fin)) => utc >= debut && utc < fin,
        _ => false,
    };
    let heures = if ete { 2 } else { 1 };
    utc.to_offset(UtcOffset::from_hms(heures, 0, 0).unwrap_or(UtcOffset::UTC))
}

fn decalage(at: OffsetDateTime) -> String {
    let (heures, minutes, _) = at.offset().as_hms();
    format!("{heures:+03}{minutes:02}")
}

/// `AAAAMMJJhhmmss±ZZzz`
pub fn seconde(at: Timestamp) -> String {
    let local = paris(at);
    format!(
        "{}{:02}{}",
        jour_minute(local),
        local.second(),
        decalage(local)
    )
}

/// `AAAAMMJJhhmm±ZZzz`
pub fn minute(at: Timestamp) -> String {
    let local = paris(at);
    format!("{}{}", jour_minute(local), decalage(local))
}

fn jour_minute(local: OffsetDateTime) -> String {
    format!(
        "{:04}{:02}{:02}{:02}{:02}",
        local.year(),
        u8::from(local.month()),
        local.day(),
        local.hour(),
        local.minute()
    )
}

/// As people read it: `15/01/2026 à 10:00`.
pub fn lisible(at: Timestamp) -> String {
    let local = paris(at);
    format!(
        "{:02}/{:02}/{:04} à {:02}:{:02}",
        local.day(),
        u8::from(local.month()),
        local.year(),
        local.hour(),
        local.minute()
    )
}

/// `AAAA`, `AAAAMM` or `AAAAMMJJ`: what is known of a birth date whose month or day may be 00.
pub fn naissance(date: &DateNaissance) -> String {
    let mut out = String::with_capacity(8);
    for (i, part) in date.as_str().split('-').enumerate() {
        if i > 0 && part == "00" {
            break;
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn the_offset_is_that_of_paris_on_that_day() {
        let cases = [
            ("2026-01-15T09:00:07.000Z", "20260115100007+0100"),
            ("2026-03-29T00:59:59.000Z", "20260329015959+0100"),
            ("2026-03-29T01:00:00.000Z", "20260329030000+0200"),
            ("2026-10-25T00:59:59.000Z", "20261025025959+0200"),
            ("2026-10-25T01:00:00.000Z", "20261025020000+0100"),
            ("2027-12-31T23:30:00.000Z", "20280101003000+0100"),
        ];
        for (utc, local) in cases {
            assert_eq!(seconde(at(utc)), local);
        }
        assert_eq!(minute(at("2026-07-01T09:05:07.000Z")), "202607011105+0200");
        assert_eq!(
            lisible(at("2026-01-15T09:05:07.000Z")),
            "15/01/2026 à 10:05"
        );
    }

    #[test]
    fn an_unknown_day_or_month_is_left_out() {
        for (date, ts) in [
            ("1975-12-31", "19751231"),
            ("1975-12-00", "197512"),
            ("1975-00-00", "1975"),
        ] {
            assert_eq!(naissance(&date.parse().unwrap()), ts);
        }
    }
}
