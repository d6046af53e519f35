//! Times: a time is local, and its offset from UTC is the one of the place on that day.

use diapason_formats::xml::{NodeId, Tree};
use time::{Date, Duration, Month, PrimitiveDateTime, Time, Weekday};

use super::{HL7, all, clinical_document};
use crate::document::DocumentCtx;

/// Offsets of the parts of France that are not in Europe, in minutes: Polynesia, Marquesas, Gambier, Antilles,
/// Guyane and Saint-Pierre-et-Miquelon (winter, summer), Mayotte, La Réunion, TAAF, New Caledonia, Wallis-et-Futuna.
const OVERSEAS: [i64; 11] = [-600, -570, -540, -240, -180, -120, 180, 240, 300, 660, 720];

/// A point in time of HL7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    local: PrimitiveDateTime,
    /// How many digits of date and time were written (4 to 14).
    digits: usize,
    /// Minutes.
    offset: Option<i64>,
}

impl Stamp {
    fn read(value: &str) -> Option<Self> {
        let (stamp, offset) = match value.find(['+', '-']) {
            Some(at) => (&value[..at], Some(offset(&value[at..])?)),
            None => (value, None),
        };
        let whole = stamp.split('.').next()?;
        let digits = whole.len();
        if !whole.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits, 4 | 6 | 8 | 10 | 12 | 14)
        {
            return None;
        }
        let part = |from: usize, default: u8| match whole.get(from..from + 2) {
            Some(text) => text.parse::<u8>().ok(),
            None => Some(default),
        };
        let date = Date::from_calendar_date(
            whole[..4].parse().ok()?,
            Month::try_from(part(4, 1)?).ok()?,
            part(6, 1)?,
        )
        .ok()?;
        let time = Time::from_hms(part(8, 0)?, part(10, 0)?, part(12, 0)?).ok()?;
        Some(Self {
            local: PrimitiveDateTime::new(date, time),
            digits,
            offset,
        })
    }

    fn instant(self) -> PrimitiveDateTime {
        self.local
            .saturating_sub(Duration::minutes(self.offset.unwrap_or(0)))
    }

    /// Is this after the other, as far as both say?
    fn is_after(self, other: Self) -> bool {
        let digits = self.digits.min(other.digits);
        if digits >= 10 && self.offset.is_some() && other.offset.is_some() {
            return self.instant().replace_seconds(digits)
                > other.instant().replace_seconds(digits);
        }
        key(self.local, digits.min(8)) > key(other.local, digits.min(8))
    }
}

/// Cuts a time to the precision of the less precise of two.
trait Cut {
    fn replace_seconds(self, digits: usize) -> Self;
}

impl Cut for PrimitiveDateTime {
    fn replace_seconds(self, digits: usize) -> Self {
        let (hour, minute, second) = self.as_hms();
        let time = match digits {
            10 => Time::from_hms(hour, 0, 0),
            12 => Time::from_hms(hour, minute, 0),
            _ => Time::from_hms(hour, minute, second),
        };
        self.replace_time(time.unwrap_or(Time::MIDNIGHT))
    }
}

fn key(at: PrimitiveDateTime, digits: usize) -> (i32, u8, u8) {
    (
        at.year(),
        if digits >= 6 { at.month().into() } else { 0 },
        if digits >= 8 { at.day() } else { 0 },
    )
}

/// `+0200` in minutes.
fn offset(text: &str) -> Option<i64> {
    let digits = &text[1..];
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = digits[2..].parse().ok()?;
    let total = hours * 60 + minutes;
    (hours <= 14 && minutes < 60).then_some(if text.starts_with('-') { -total } else { total })
}

/// Last Sunday of a month, at 01:00 UTC: when the clocks of the European Union change.
fn change(year: i32, month: Month) -> Option<PrimitiveDateTime> {
    let mut day = Date::from_calendar_date(year, month, 31).ok()?;
    while day.weekday() != Weekday::Sunday {
        day = day.previous_day()?;
    }
    Some(PrimitiveDateTime::new(day, Time::from_hms(1, 0, 0).ok()?))
}

/// Offset of Paris at an instant, in minutes. The rule of the Union holds since 1996.
fn paris(instant: PrimitiveDateTime) -> Option<i64> {
    let year = instant.year();
    if year < 1996 {
        return None;
    }
    let summer = change(year, Month::March)? <= instant && instant < change(year, Month::October)?;
    Some(if summer { 120 } else { 60 })
}

/// `AAAA-MM-JJ HH:MM` in Paris of a time of HL7 in UTC, written to the minute at least.
pub(crate) fn local_time(utc: &str) -> Option<String> {
    let stamp = Stamp::read(utc).filter(|s| s.offset.is_none() && s.digits >= 12)?;
    let local = stamp
        .local
        .checked_add(Duration::minutes(paris(stamp.local)?))?;
    Some(format!(
        "{:04}-{:02}-{:02} {:02}:{:02}",
        local.year(),
        u8::from(local.month()),
        local.day(),
        local.hour(),
        local.minute()
    ))
}

fn written(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", offset.abs() / 60, offset.abs() % 60)
}

/// Checks the offset of one time, when it has one.
fn check_offset(ctx: &mut DocumentCtx<'_>, node: NodeId) {
    let tree = ctx.tree();
    let value = tree.attribute(node, "value").unwrap_or_default();
    let Some(stamp) = Stamp::read(value) else {
        return;
    };
    let (Some(offset), Some(right)) = (stamp.offset, paris(stamp.instant())) else {
        return;
    };
    // A time written with a wrong offset: say what Paris was at that local time.
    let expected = paris(stamp.local).map_or(right, |p| p);
    ctx.check(
        offset == right || OVERSEAS.contains(&offset),
        node,
        format!(
            "l'heure locale et le décalage de ce jour-là ({} en métropole)",
            written(expected)
        ),
        value,
    );
}

/// CDA-T01: times of the document, of its authors and of the person who answers for it.
pub(super) fn document_times(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    for path in [
        &["effectiveTime"][..],
        &["author", "time"],
        &["legalAuthenticator", "time"],
    ] {
        for node in all(tree, document, path) {
            check_offset(ctx, node);
        }
    }
}

/// CDA-T02: the other times of the header.
pub(super) fn other_times(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    let mut nodes = Vec::new();
    for path in [
        &["documentationOf", "serviceEvent", "effectiveTime"][..],
        &["documentationOf", "serviceEvent", "performer", "time"],
        &["componentOf", "encompassingEncounter", "effectiveTime"],
        &["participant", "time"],
        &["authenticator", "time"],
        &["dataEnterer", "time"],
    ] {
        for node in all(tree, document, path) {
            nodes.push(node);
            nodes.extend(tree.child_elements(node));
        }
    }
    for node in nodes {
        check_offset(ctx, node);
    }
}

/// The `low` and the `high` of an interval, when both are times.
fn bounds(tree: &Tree, interval: NodeId) -> Option<(NodeId, Stamp, Stamp)> {
    let low = tree.child(interval, HL7, "low")?;
    let high = tree.child(interval, HL7, "high")?;
    let read = |n| Stamp::read(tree.attribute(n, "value")?);
    // Quantities also have bounds: theirs carry a unit, or are not dates.
    if tree.attribute(low, "unit").is_some() || tree.attribute(high, "unit").is_some() {
        return None;
    }
    Some((high, read(low)?, read(high)?))
}

/// CDA-T03: an interval ends after it begins.
pub(super) fn intervals(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    for element in tree.descendant_elements(document) {
        let local = tree.local(element);
        if !(local == "time" || local.ends_with("Time")) {
            continue;
        }
        if let Some((high, low, end)) = bounds(tree, element) {
            let observed = tree.attribute(high, "value").unwrap_or_default();
            ctx.check(
                !low.is_after(end),
                high,
                "une fin qui ne précède pas le début",
                observed,
            );
        }
    }
}

/// CDA-T04: born before the document, written before it was answered for.
pub(super) fn order_of_header(ctx: &mut DocumentCtx<'_>) {
    let tree = ctx.tree();
    let Some(document) = clinical_document(tree) else {
        return;
    };
    let stamps = |path: &[&str]| -> Vec<(NodeId, Stamp)> {
        all(tree, document, path)
            .into_iter()
            .filter_map(|n| Some((n, Stamp::read(tree.attribute(n, "value")?)?)))
            .collect()
    };
    let created = stamps(&["effectiveTime"]);
    let births = stamps(&["recordTarget", "patientRole", "patient", "birthTime"]);
    let written = stamps(&["author", "time"]);
    let answered = stamps(&["legalAuthenticator", "time"]);
    for (earlier, later, expected) in [
        (
            &births,
            &created,
            "une date de naissance antérieure au document",
        ),
        (
            &written,
            &answered,
            "un document rédigé avant que son responsable ne l'endosse",
        ),
    ] {
        for (node, before) in earlier {
            for (_, after) in later {
                let observed = tree.attribute(*node, "value").unwrap_or_default();
                ctx.check(!before.is_after(*after), *node, expected, observed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn stamps_are_read() {
        let stamp = Stamp::read("20260914103000+0200").unwrap();
        assert_eq!((stamp.digits, stamp.offset), (14, Some(120)));
        assert_eq!(Stamp::read("2026").unwrap().digits, 4);
        assert_eq!(
            Stamp::read("20260914103000.5-0930").unwrap().offset,
            Some(-570)
        );
        for wrong in [
            "",
            "20260231",
            "202609141",
            "20260914103000+2",
            "abcd",
            "20260914103000+020é",
        ] {
            assert_eq!(Stamp::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn paris_changes_on_the_last_sundays() {
        let at = |value: &str| {
            let stamp = Stamp::read(value).unwrap();
            (stamp.offset.unwrap(), paris(stamp.instant()).unwrap())
        };
        for right in [
            "20260329015959+0100",
            "20260329030000+0200",
            "20261025023000+0200",
            "20261025023000+0100",
            "20260101120000+0100",
            "20260715120000+0200",
        ] {
            let (offset, paris) = at(right);
            assert_eq!(offset, paris, "{right}");
        }
        for wrong in [
            "20260715120000+0100",
            "20260101120000+0200",
            "20260715120000+0000",
            "20260329023000+0200",
        ] {
            let (offset, paris) = at(wrong);
            assert_ne!(offset, paris, "{wrong}");
        }
    }

    #[test]
    fn comparison_is_made_at_the_common_precision() {
        let after = |a: &str, b: &str| Stamp::read(a).unwrap().is_after(Stamp::read(b).unwrap());
        assert!(after("20260914", "20260913"));
        assert!(!after("202609", "20260930"));
        assert!(!after("20260914103000+0200", "20260914093000+0100"));
        assert!(after("20260914103001+0200", "20260914093000+0100"));
        assert!(!after("20260914103059+0200", "202609141030+0200"));
    }
}
