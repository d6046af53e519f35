//! Data types of XDS metadata: CX, XCN, XON, HL7 date and time, OID, coded value.
//!
//! Reading never fails: what can be understood is kept, what departs from the type is said in words (French, for a person).

use std::ops::Deref;

use diapason_core::Timestamp;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use crate::xml::NodeId;

/// A text and the node it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub node: NodeId,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A value of a type, as written and as understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<T> {
    /// As written.
    pub raw: String,
    /// As understood; `None` when nothing could be.
    pub value: Option<T>,
    /// Departures from the type.
    pub problems: Vec<String>,
    /// Where it stands.
    pub node: NodeId,
}

impl<T> Field<T> {
    pub(super) fn read(
        raw: &str,
        node: NodeId,
        parse: fn(&str) -> (Option<T>, Vec<String>),
    ) -> Self {
        let (value, problems) = parse(raw);
        Self {
            raw: raw.to_owned(),
            value,
            problems,
            node,
        }
    }

    /// Is it as the type wants it?
    pub fn is_valid(&self) -> bool {
        self.value.is_some() && self.problems.is_empty()
    }
}

/// A coded value: `nodeRepresentation`, `codingScheme`, `Name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// Code.
    pub code: String,
    /// Coding scheme.
    pub scheme: Option<String>,
    /// Label.
    pub label: Option<String>,
    /// Its `Classification`.
    pub node: NodeId,
}

impl Coded {
    /// Is it this code of this scheme?
    pub fn is(&self, code: &str, scheme: &str) -> bool {
        self.code == code && self.scheme.as_deref() == Some(scheme)
    }
}

/// An assigning authority, `&root&ISO` (HD).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// Local name, empty in XDS.
    pub name: String,
    /// OID.
    pub root: String,
    /// `ISO`.
    pub kind: String,
}

impl Authority {
    fn parse(text: &str, what: &str, problems: &mut Vec<String>) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let mut parts = text.split('&');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let this = Self {
            name: next(),
            root: next(),
            kind: next(),
        };
        if parts.next().is_some() {
            problems.push(format!(
                "{what} : plus de trois composants séparés par « & »"
            ));
        }
        if !this.name.is_empty() {
            problems.push(format!(
                "{what} : rien n'est attendu avant le premier « & »"
            ));
        }
        if this.kind != "ISO" {
            problems.push(format!("{what} : le type « {} » au lieu de ISO", this.kind));
        }
        if let Some(problem) = oid_problem(&this.root) {
            problems.push(format!("{what} : {problem}"));
        }
        Some(this)
    }
}

fn components(text: &str) -> Vec<&str> {
    text.split('^').collect()
}

fn component(parts: &[&str], rank: usize) -> String {
    parts.get(rank - 1).copied().unwrap_or_default().to_owned()
}

fn spaced(text: &str, problems: &mut Vec<String>) {
    if text.trim() != text {
        problems.push("des blancs au début ou à la fin".to_owned());
    }
}

fn filled(parts: &[&str], used: &[usize], problems: &mut Vec<String>) {
    for (at, part) in parts.iter().enumerate() {
        if !part.is_empty() && !used.contains(&(at + 1)) {
            problems.push(format!(
                "le composant {} (« {part} ») n'est pas attendu",
                at + 1
            ));
        }
    }
}

/// An identifier with its authority: `id^^^&root&ISO^type[^^date]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cx {
    /// CX.1.
    pub id: String,
    /// CX.4.
    pub authority: Authority,
    /// CX.5: `NH` for an INS, `PI` for a local id.
    pub kind: String,
    /// CX.7.
    pub date: Option<String>,
}

impl Cx {
    /// Reads a CX.
    pub fn parse(text: &str) -> (Option<Self>, Vec<String>) {
        let mut problems = Vec::new();
        spaced(text, &mut problems);
        let parts = components(text.trim());
        filled(&parts, &[1, 4, 5, 6, 7], &mut problems);
        let authority = Authority::parse(&component(&parts, 4), "l'autorité (CX.4)", &mut problems);
        if authority.is_none() {
            problems.push("l'autorité (CX.4) manque".to_owned());
        }
        let this = Self {
            id: component(&parts, 1),
            authority: authority.unwrap_or_default(),
            kind: component(&parts, 5),
            date: Some(component(&parts, 7)).filter(|d| !d.is_empty()),
        };
        if this.id.is_empty() {
            problems.push("l'identifiant (CX.1) manque".to_owned());
        }
        if this.kind.is_empty() {
            problems.push("le type d'identifiant (CX.5) manque".to_owned());
        }
        if let Some(date) = &this.date
            && Dtm::parse(date).0.is_none()
        {
            problems.push(format!("la date (CX.7) « {date} » n'en est pas une"));
        }
        let empty = this.id.is_empty() && this.authority.root.is_empty();
        ((!empty).then_some(this), problems)
    }

    /// The OID.
    pub fn root(&self) -> &str {
        &self.authority.root
    }
}

/// A person or a system: `id^NOM^PRENOM^^^^^^&root&ISO^D^^^type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xcn {
    /// XCN.1.
    pub id: String,
    /// XCN.2.
    pub family: String,
    /// XCN.3.
    pub given: String,
    /// XCN.9.
    pub authority: Authority,
    /// XCN.10: `D` (person), `U` (system).
    pub name_type: String,
    /// XCN.13: `IDNPS`, `EI`, `RI`, `NH`.
    pub kind: String,
}

impl Xcn {
    /// Reads an XCN.
    pub fn parse(text: &str) -> (Option<Self>, Vec<String>) {
        let mut problems = Vec::new();
        spaced(text, &mut problems);
        let parts = components(text.trim());
        filled(&parts, &[1, 2, 3, 4, 5, 6, 7, 9, 10, 13], &mut problems);
        let authority =
            Authority::parse(&component(&parts, 9), "l'autorité (XCN.9)", &mut problems);
        if authority.is_none() {
            problems.push("l'autorité (XCN.9) manque".to_owned());
        }
        let this = Self {
            id: component(&parts, 1),
            family: component(&parts, 2),
            given: component(&parts, 3),
            authority: authority.unwrap_or_default(),
            name_type: component(&parts, 10),
            kind: component(&parts, 13),
        };
        for (value, what) in [
            (&this.id, "l'identifiant (XCN.1)"),
            (&this.family, "le nom (XCN.2)"),
            (&this.name_type, "le type de nom (XCN.10)"),
            (&this.kind, "le type d'identifiant (XCN.13)"),
        ] {
            if value.is_empty() {
                problems.push(format!("{what} manque"));
            }
        }
        let empty = this.id.is_empty() && this.family.is_empty() && this.given.is_empty();
        ((!empty).then_some(this), problems)
    }
}

/// An organisation: `NOM^^^^^&root&ISO^type^^^id`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xon {
    /// XON.1.
    pub name: String,
    /// XON.6.
    pub authority: Authority,
    /// XON.7: `IDNST`, `SIREN`.
    pub kind: String,
    /// XON.10.
    pub id: String,
}

impl Xon {
    /// Reads an XON.
    pub fn parse(text: &str) -> (Option<Self>, Vec<String>) {
        let mut problems = Vec::new();
        spaced(text, &mut problems);
        let parts = components(text.trim());
        filled(&parts, &[1, 6, 7, 10], &mut problems);
        let authority =
            Authority::parse(&component(&parts, 6), "l'autorité (XON.6)", &mut problems);
        let this = Self {
            name: component(&parts, 1),
            kind: component(&parts, 7),
            id: component(&parts, 10),
            authority: authority.clone().unwrap_or_default(),
        };
        if this.name.is_empty() {
            problems.push("le nom (XON.1) manque".to_owned());
        }
        if authority.is_none() {
            problems.push("l'autorité (XON.6) manque".to_owned());
        }
        if this.kind.is_empty() {
            problems.push("le type d'identifiant (XON.7) manque".to_owned());
        }
        if this.id.is_empty() {
            problems.push("l'identifiant (XON.10) manque".to_owned());
        }
        let empty = this.name.is_empty() && this.id.is_empty();
        ((!empty).then_some(this), problems)
    }
}

/// How far an HL7 time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// Year.
    Year,
    /// Month.
    Month,
    /// Day.
    Day,
    /// Hour.
    Hour,
    /// Minute.
    Minute,
    /// Second.
    Second,
}

/// An HL7 date and time, `YYYY[MM[DD[hh[mm[ss]]]]][±hhmm]`; without offset it is in UTC (XDS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtm {
    /// The first instant it covers.
    at: OffsetDateTime,
    /// How far it goes.
    pub precision: Precision,
    /// The offset written, in minutes.
    pub offset: Option<i32>,
}

impl Dtm {
    /// Reads a date and time. A fraction of a second or an offset is read, and said: XDS has neither.
    pub fn parse(text: &str) -> (Option<Self>, Vec<String>) {
        let mut problems = Vec::new();
        spaced(text, &mut problems);
        let text = text.trim();
        let not_one = |mut problems: Vec<String>| {
            problems.push(format!("« {text} » n'est pas une date AAAAMMJJhhmmss"));
            (None, problems)
        };
        let zone_at = text.find(['+', '-', 'Z']).unwrap_or(text.len());
        let (digits, zone) = text.split_at(zone_at);
        let (digits, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() % 2 != 0 {
            return not_one(problems);
        }
        let precision = match digits.len() {
            4 => Precision::Year,
            6 => Precision::Month,
            8 => Precision::Day,
            10 => Precision::Hour,
            12 => Precision::Minute,
            14 => Precision::Second,
            _ => return not_one(problems),
        };
        if digits.len() + fraction.len() + 1 < text.len() - zone.len() || text.contains('.') {
            problems.push("une fraction de seconde n'est pas attendue".to_owned());
        }
        let offset = match zone {
            "" => None,
            "Z" => Some(0),
            zone => match offset_minutes(zone) {
                Some(minutes) => Some(minutes),
                None => return not_one(problems),
            },
        };
        if offset.is_some() {
            problems.push(format!("un décalage horaire (« {zone} ») n'est pas attendu : les dates des métadonnées sont en UTC"));
        }
        let two = |from: usize, default: u8| {
            digits
                .get(from..from + 2)
                .map_or(Some(default), |d| d.parse().ok())
        };
        let read = || {
            let year: i32 = digits[..4].parse().ok().filter(|y| *y > 0)?;
            let month = Month::try_from(two(4, 1)?).ok()?;
            let day = Date::from_calendar_date(year, month, two(6, 1)?).ok()?;
            let time = Time::from_hms(two(8, 0)?, two(10, 0)?, two(12, 0)?).ok()?;
            let zone = UtcOffset::from_whole_seconds(offset.unwrap_or(0) * 60).ok()?;
            OffsetDateTime::new_in_offset(day, time, zone).checked_to_offset(UtcOffset::UTC)
        };
        match read() {
            Some(at) => (
                Some(Self {
                    at,
                    precision,
                    offset,
                }),
                problems,
            ),
            None => not_one(problems),
        }
    }

    /// The instant, read as UTC when no offset is written; the first it covers.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::new(self.at)
    }

    /// The metadata form, in UTC, to the precision written.
    pub fn to_utc(&self) -> String {
        let at = self.at;
        let whole = format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        );
        let len = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second => 14,
        };
        whole[..len].to_owned()
    }
}

fn offset_minutes(zone: &str) -> Option<i32> {
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.get(1..)?;
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (h, m): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    (h <= 14 && m <= 59).then_some(sign * (h * 60 + m))
}

/// Longest OID of a uniqueId.
pub const LONGEST_OID: usize = 64;

/// What is wrong with an OID, in words; `None` when it is one.
pub fn oid_problem(text: &str) -> Option<String> {
    let shown: String = text.chars().take(80).collect();
    if text.is_empty() {
        return Some("l'OID manque".to_owned());
    }
    if text.contains('^') {
        return Some(format!(
            "« {shown} » porte une extension (« ^ ») : un OID seul est attendu"
        ));
    }
    if text.starts_with("urn:oid:") {
        return Some(format!("« {shown} » : l'OID est attendu sans « urn:oid: »"));
    }
    if text.len() > LONGEST_OID {
        return Some(format!(
            "l'OID compte {} caractères, plus de {LONGEST_OID}",
            text.len()
        ));
    }
    let arcs: Vec<&str> = text.split('.').collect();
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') || arcs.iter().any(|a| a.is_empty()) {
        return Some(format!(
            "« {shown} » n'est pas un OID : des nombres séparés par des points"
        ));
    }
    if arcs.len() < 2 {
        return Some(format!("« {shown} » n'est pas un OID : un seul nombre"));
    }
    if arcs.iter().any(|a| a.len() > 1 && a.starts_with('0')) {
        return Some(format!("« {shown} » : un nombre y commence par un zéro"));
    }
    if !matches!(arcs[0], "0" | "1" | "2") {
        return Some(format!(
            "« {shown} » : le premier nombre d'un OID est 0, 1 ou 2"
        ));
    }
    if arcs[0] != "2" && arcs[1].parse::<u32>().map_or(true, |n| n > 39) {
        return Some(format!("« {shown} » : le deuxième nombre dépasse 39"));
    }
    None
}

/// Is it a UUID, bare?
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// `urn:uuid:` and a UUID?
pub fn is_entry_uuid(text: &str) -> bool {
    text.strip_prefix("urn:uuid:").is_some_and(is_uuid)
}
