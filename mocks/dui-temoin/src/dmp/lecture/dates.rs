//! Dates of the DMP: UTC in messages, local time on the screen.

use diapason_core::Timestamp;
use time::{Date, Month, PrimitiveDateTime, Time};

use crate::document::heure;

/// Digits of an HL7 date, whatever its precision: `AAAA[MM[JJ[hh[mm[ss]]]]]`, in UTC.
fn instant(dtm: &str) -> Option<Timestamp> {
    let nombre = |plage: std::ops::Range<usize>| -> Option<u8> { dtm.get(plage)?.parse().ok() };
    let annee = dtm.get(0..4)?.parse().ok()?;
    let mois = Month::try_from(nombre(4..6)?).ok()?;
    let date = Date::from_calendar_date(annee, mois, nombre(6..8)?).ok()?;
    let heure = Time::from_hms(
        nombre(8..10)?,
        nombre(10..12).unwrap_or(0),
        nombre(12..14).unwrap_or(0),
    );
    let utc = PrimitiveDateTime::new(date, heure.ok()?).assume_utc();
    Some(Timestamp::new(utc))
}

/// As the screen shows it, in the time of the place: `AAAA-MM-JJ HH:MM`. A date without hour stays a date.
pub fn locale(dtm: &str) -> String {
    if let Some(at) = instant(dtm) {
        let local = heure::paris(at);
        return format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute());
    }
    if !dtm.bytes().all(|b| b.is_ascii_digit()) {
        return dtm.to_owned();
    }
    match (dtm.get(0..4), dtm.get(4..6), dtm.get(6..8)) {
        (Some(annee), Some(mois), Some(jour)) => format!("{annee}-{mois}-{jour}"),
        (Some(annee), Some(mois), None) => format!("{annee}-{mois}"),
        _ => dtm.to_owned(),
    }
}

/// The first instant of a local day (`AAAA-MM-JJ`), as a query writes it: UTC.
pub fn jour_utc(jour: &str) -> Option<String> {
    let compact: String = jour.chars().filter(|c| *c != '-').collect();
    if compact.len() != 8 || jour.len() != 10 {
        return None;
    }
    let minuit = instant(&format!("{compact}000000"))?;
    // Paris is one or two hours ahead of UTC: the offset is the one in force at that midnight.
    [2, 1].into_iter().find_map(|heures: i64| {
        let at = Timestamp::from_unix_millis(minuit.unix_millis() - heures * 3_600_000);
        (heure::paris(at).hour() == 0).then(|| crate::dmp::lot::utc(at))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_late_utc_hour_is_the_next_day_here() {
        for (utc, ici) in [
            ("20260114233000", "2026-01-15 00:30"),
            ("20260714213000", "2026-07-14 23:30"),
            ("20260714223000", "2026-07-15 00:30"),
            ("202601150900", "2026-01-15 10:00"),
            ("20260115", "2026-01-15"),
            ("202601", "2026-01"),
            ("2026", "2026"),
            ("hier", "hier"),
            ("", ""),
            ("20261315", "2026-13-15"),
            ("20260229120000", "2026-02-29"),
            ("é2026", "é2026"),
        ] {
            assert_eq!(locale(utc), ici);
        }
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        assert_eq!(jour_utc("2026-01-15").unwrap(), "20260114230000");
        assert_eq!(jour_utc("2026-07-15").unwrap(), "20260714220000");
        assert_eq!(jour_utc("2026-03-29").unwrap(), "20260328230000");
        assert_eq!(jour_utc("15/01/2026"), None);
        assert_eq!(jour_utc("2026-02-30"), None);
    }
}
