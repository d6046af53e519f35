//! Identité Nationale de Santé: matricule, OID, strict traits, as types that cannot hold nonsense.
//!
//! Source: GIE SESAM-Vitale WSDL 1.5.0 (patterns), CNAM nir-validation (layout and key), FR Core 2.2.0 (OIDs).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ParseIdError;

macro_rules! string_serde {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = ParseIdError;
            fn try_from(value: String) -> Result<Self, Self::Error> {
                value.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

/// A dotted object identifier: `1.2.250.1.213.1.4.8`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Oid(String);

impl Oid {
    /// The dotted form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Oid {
    type Err = ParseIdError;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let arcs: Vec<&str> = value.split('.').collect();
        let well_formed = arcs.len() >= 2
            && value.len() <= 128
            && arcs.iter().all(|arc| {
                !arc.is_empty()
                    && arc.bytes().all(|b| b.is_ascii_digit())
                    && (*arc == "0" || !arc.starts_with('0'))
            })
            && matches!(arcs[0], "0" | "1" | "2");
        if well_formed {
            Ok(Self(value.to_owned()))
        } else {
            Err(ParseIdError {
                kind: "OID",
                value: value.to_owned(),
                expected: "digits joined by dots, first arc 0 to 2, such as 1.2.250.1.213.1.4.8",
            })
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
string_serde!(Oid);

/// What an OID says of the matricule it qualifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OidIns {
    /// INS-NIR, production (`…4.8`). The INSi qualification platform answers it for test people too.
    Nir,
    /// INS-NIA, production (`…4.9`).
    Nia,
    /// INS-NIR, test (`…4.10`).
    NirTest,
    /// INS-NIR, démonstration (`…4.11`).
    NirDemo,
    /// NSS (NIR) used for reimbursement, not an INS (`…4.13`).
    NssNir,
    /// NSS (NIA) used for reimbursement, not an INS (`…4.14`).
    NssNia,
}

impl OidIns {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Nir,
        Self::Nia,
        Self::NirTest,
        Self::NirDemo,
        Self::NssNir,
        Self::NssNia,
    ];

    /// Dotted form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nir => "1.2.250.1.213.1.4.8",
            Self::Nia => "1.2.250.1.213.1.4.9",
            Self::NirTest => "1.2.250.1.213.1.4.10",
            Self::NirDemo => "1.2.250.1.213.1.4.11",
            Self::NssNir => "1.2.250.1.213.1.4.13",
            Self::NssNia => "1.2.250.1.213.1.4.14",
        }
    }

    /// Recognises one.
    pub fn of(oid: &Oid) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == oid.as_str())
    }

    /// Is it the OID of an INS (and not of a reimbursement number)?
    pub fn is_ins(self) -> bool {
        !matches!(self, Self::NssNir | Self::NssNia)
    }
}

/// A matricule: 13 characters and the key that belongs to them.
///
/// The department may be `2A` or `2B`. The key is 97 − (N mod 97), with `2A`→19 and `2B`→18.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Matricule(String);

impl Matricule {
    /// From the 13 characters alone; the key is computed.
    pub fn from_number(number: &str) -> Result<Self, ParseIdError> {
        let upper = number.to_ascii_uppercase();
        match matricule_key(&upper) {
            Some(key) => format!("{upper}{key:02}").parse(),
            None => Err(Self::error(number)),
        }
    }

    /// The 13 characters.
    pub fn number(&self) -> &str {
        &self.0[..13]
    }

    /// The key, two digits.
    pub fn key(&self) -> &str {
        &self.0[13..]
    }

    /// All 15 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it one the bench may see: a public test identity, or a generated one (order number ≥ 900)?
    ///
    /// The qualification platform answers test people with production OIDs, so the range decides,
    /// not the OID. Public test people have an order number of 700 to 899 with the key-tested
    /// communes of the published sets; `is_test` holds their list.
    pub fn is_test(&self) -> bool {
        const PUBLISHED: [&str; 21] = [
            "2751263220749",
            "1810163220751",
            "297022A020778",
            "160012B020777",
            "1010663220754",
            "1090763220834",
            "2090763220834",
            "2090663220123",
            "1090763220888",
            "1140263220833",
            "2360663220836",
            "180032B020401",
            "1810363220456",
            "2810363220456",
            "1100863220830",
            "2770763220829",
            "2070585756270",
            "2790351215189",
            "1090763220889",
            "2990763220834",
            "1090663220123",
        ];
        PUBLISHED.contains(&self.number()) || &self.number()[10..13] >= "900"
    }

    fn error(value: &str) -> ParseIdError {
        ParseIdError {
            kind: "matricule INS",
            value: value.to_owned(),
            expected: "13 characters (sex 1 or 2, year, month, department, commune, order) and the key 97 - (N mod 97), such as 275126322074974",
        }
    }
}

/// Key of 13 characters, or `None` when they do not have the layout of a matricule.
pub fn matricule_key(number: &str) -> Option<u8> {
    let bytes = number.as_bytes();
    if bytes.len() != 13 || !matches!(bytes[0], b'1' | b'2') {
        return None;
    }
    let month: u8 = number.get(3..5)?.parse().ok()?;
    if month == 0 || (13..20).contains(&month) {
        return None;
    }
    let mut digits = number.to_ascii_uppercase();
    match digits.get(5..7)? {
        "2A" => digits.replace_range(5..7, "19"),
        "2B" => digits.replace_range(5..7, "18"),
        _ => {}
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some((97 - value % 97) as u8)
}

impl FromStr for Matricule {
    type Err = ParseIdError;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let upper = value.to_ascii_uppercase();
        if upper.len() != 15 || !upper.is_ascii() {
            return Err(Self::error(value));
        }
        match matricule_key(&upper[..13]) {
            Some(key) if upper[13..] == format!("{key:02}") => Ok(Self(upper)),
            _ => Err(Self::error(value)),
        }
    }
}

impl fmt::Display for Matricule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
string_serde!(Matricule);

/// Sex as the teleservice knows it. `I` exists locally only and is never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Sexe {
    /// Masculin.
    M,
    /// Féminin.
    F,
    /// Indéterminé, local only.
    I,
}

impl Sexe {
    /// `M`, `F` or `I`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::M => "M",
            Self::F => "F",
            Self::I => "I",
        }
    }
}

/// A birth date `AAAA-MM-JJ`; "lunar" when day or month is 00, as a Vitale card or INSi may say.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DateNaissance(String);

impl DateNaissance {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is the day or the month 00?
    pub fn is_lunar(&self) -> bool {
        &self.0[5..7] == "00" || &self.0[8..10] == "00"
    }
}

impl FromStr for DateNaissance {
    type Err = ParseIdError;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let error = || ParseIdError {
            kind: "birth date",
            value: value.to_owned(),
            expected: "AAAA-MM-JJ, a day of the calendar (or 00 for an unknown day or month)",
        };
        let bytes = value.as_bytes();
        let shape = bytes.len() == 10
            && bytes.iter().enumerate().all(|(i, b)| match i {
                4 | 7 => *b == b'-',
                _ => b.is_ascii_digit(),
            });
        if !shape {
            return Err(error());
        }
        let year: i32 = value[..4].parse().map_err(|_| error())?;
        let month: u8 = value[5..7].parse().map_err(|_| error())?;
        let day: u8 = value[8..].parse().map_err(|_| error())?;
        let possible = match (month, day) {
            (0, 0..=31) | (1..=12, 0) => true,
            (1..=12, _) => time::Month::try_from(month)
                .is_ok_and(|m| time::Date::from_calendar_date(year, m, day).is_ok()),
            _ => false,
        };
        if possible {
            Ok(Self(value.to_owned()))
        } else {
            Err(error())
        }
    }
}

impl fmt::Display for DateNaissance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
string_serde!(DateNaissance);

/// Birthplace in the Code officiel géographique: commune, `2A…`/`2B…`, overseas `97…`/`98…`,
/// abroad `99` + country, `99999` unknown.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct CodeLieu(String);

impl CodeLieu {
    /// Five characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CodeLieu {
    type Err = ParseIdError;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let bytes = value.as_bytes();
        let ok = bytes.len() == 5
            && bytes[0].is_ascii_digit()
            && (bytes[1].is_ascii_digit() || (bytes[0] == b'2' && matches!(bytes[1], b'A' | b'B')))
            && bytes[2..].iter().all(u8::is_ascii_digit);
        if ok {
            Ok(Self(value.to_owned()))
        } else {
            Err(ParseIdError {
                kind: "code lieu de naissance (COG)",
                value: value.to_owned(),
                expected: "five characters: digits, or 2A / 2B and three digits, such as 63220 or 2A020",
            })
        }
    }
}

impl fmt::Display for CodeLieu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
string_serde!(CodeLieu);

/// The strict traits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traits {
    /// Nom de naissance.
    pub nom_naissance: String,
    /// Prénoms de naissance, in the order of the civil registry; the first may be composite.
    pub prenoms: Vec<String>,
    /// Sexe.
    pub sexe: Sexe,
    /// Date de naissance.
    pub date_naissance: DateNaissance,
    /// Lieu de naissance (COG), when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lieu_naissance: Option<CodeLieu>,
}

/// Status of an identity. Mutually exclusive. Source: Guide d'implémentation INS, règle 20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Statut {
    /// Neither fetched from INSi nor checked on a document.
    Provisoire,
    /// Fetched from INSi and accepted.
    Recuperee,
    /// Checked on a high-confidence document.
    Validee,
    /// Both. The only status under which the matricule may leave the system.
    Qualifiee,
}

/// Attribute beside the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Attribut {
    /// Homonym alert.
    Homonyme,
    /// Forces provisoire, forbids INSi.
    Douteux,
    /// Forces provisoire, forbids INSi.
    Fictif,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_published_test_people() {
        for (number, key) in [
            ("2751263220749", "74"),
            ("1810163220751", "40"),
            ("297022A020778", "78"),
            ("160012B020777", "13"),
            ("1010663220754", "60"),
            ("2090663220123", "55"),
            ("180032B020401", "23"),
            ("2810363220456", "26"),
            ("2070585756270", "97"),
            ("2790351215189", "89"),
        ] {
            let m = Matricule::from_number(number).unwrap();
            assert_eq!(m.key(), key, "{number}");
            assert!(m.is_test(), "{number}");
        }
    }

    #[test]
    fn a_matricule_cannot_be_wrong() {
        assert!("275126322074974".parse::<Matricule>().is_ok());
        assert!("275126322074975".parse::<Matricule>().is_err());
        assert!("297022a02077878".parse::<Matricule>().is_ok());
        assert!("775126322074974".parse::<Matricule>().is_err());
        assert!("275136322074974".parse::<Matricule>().is_err());
        assert!("27512632207é974".parse::<Matricule>().is_err());
        assert!(!Matricule::from_number("1800175001123").unwrap().is_test());
    }

    #[test]
    fn dates_oids_and_places() {
        assert!("2024-02-29".parse::<DateNaissance>().is_ok());
        assert!("2023-02-30".parse::<DateNaissance>().is_err());
        assert!("1975-00-00".parse::<DateNaissance>().unwrap().is_lunar());
        assert!("1.2.250.1.213.1.4.8".parse::<Oid>().is_ok());
        assert!("1.2..3".parse::<Oid>().is_err());
        assert!("3.1".parse::<Oid>().is_err());
        assert!("2A020".parse::<CodeLieu>().is_ok());
        assert!("2C020".parse::<CodeLieu>().is_err());
        assert_eq!(
            OidIns::of(&"1.2.250.1.213.1.4.13".parse().unwrap()).map(OidIns::is_ins),
            Some(false)
        );
    }

    proptest::proptest! {
        #[test]
        fn the_key_always_verifies(sex in 1u8..=2, year in 0u8..100, month in 1u8..=12, dept in 1u8..96, commune in 1u16..1000, order in 1u16..1000) {
            let m = Matricule::from_number(&format!("{sex}{year:02}{month:02}{dept:02}{commune:03}{order:03}")).unwrap();
            proptest::prop_assert!(m.as_str().parse::<Matricule>().is_ok());
            let key: u8 = m.key().parse().unwrap();
            proptest::prop_assert!((1..=97).contains(&key));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = text.parse::<Matricule>();
            let _ = text.parse::<Oid>();
            let _ = text.parse::<DateNaissance>();
            let _ = text.parse::<CodeLieu>();
        }
    }
}
