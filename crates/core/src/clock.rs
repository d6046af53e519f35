//! One injected clock for mocks, tokens, certificates and scenarios.
//!
//! Code that needs the time takes a [`Clock`]; nothing else reads the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant in UTC, written as RFC 3339 with milliseconds (`2026-01-15T09:00:00.000Z`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// From a date-time of any offset; kept in UTC to the millisecond.
    pub fn new(at: OffsetDateTime) -> Self {
        let at = at.to_offset(time::UtcOffset::UTC);
        Self(at.replace_millisecond(at.millisecond()).unwrap_or(at))
    }

    /// From milliseconds since 1970-01-01T00:00:00Z; out of range becomes 1970.
    pub fn from_unix_millis(millis: i64) -> Self {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .map_or(Self(OffsetDateTime::UNIX_EPOCH), Self)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_millis(self) -> i64 {
        (self.0.unix_timestamp_nanos() / 1_000_000) as i64
    }

    /// The `time` value.
    pub fn date_time(self) -> OffsetDateTime {
        self.0
    }

    /// Signed milliseconds from `earlier` to `self`.
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.unix_millis() - earlier.unix_millis()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }
}

impl TryFrom<String> for Timestamp {
    type Error = crate::ParseIdError;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        OffsetDateTime::parse(&value, &Rfc3339)
            .map(Self::new)
            .map_err(|_| crate::ParseIdError {
                kind: "timestamp",
                value,
                expected: "an RFC 3339 date-time such as 2026-01-15T09:00:00.000Z",
            })
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> String {
        at.to_string()
    }
}

/// A shared clock. Clones are the same clock.
///
/// *Running* clocks follow the machine plus an offset that [`Clock::advance`] moves; *manual*
/// clocks stand still until moved.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Milliseconds since 1970 at `started` (running), or now (manual).
    base: AtomicI64,
    started: Option<Instant>,
}

impl Clock {
    /// Follows the machine's clock.
    pub fn system() -> Self {
        Self::running_from(Timestamp::new(OffsetDateTime::now_utc()))
    }

    /// Starts at `at` and runs at the machine's pace.
    pub fn running_from(at: Timestamp) -> Self {
        Self(Arc::new(Inner {
            base: AtomicI64::new(at.unix_millis()),
            started: Some(Instant::now()),
        }))
    }

    /// Stands at `at` until advanced.
    pub fn manual(at: Timestamp) -> Self {
        Self(Arc::new(Inner {
            base: AtomicI64::new(at.unix_millis()),
            started: None,
        }))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let run = self.0.started.map_or(0, |s| s.elapsed().as_millis() as i64);
        Timestamp::from_unix_millis(self.0.base.load(Ordering::SeqCst) + run)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0
            .base
            .fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    /// Sets the clock to `at`.
    pub fn set(&self, at: Timestamp) {
        let run = self.0.started.map_or(0, |s| s.elapsed().as_millis() as i64);
        self.0.base.store(at.unix_millis() - run, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let at = Timestamp::try_from("2026-01-15T10:00:00+01:00".to_owned()).unwrap();
        assert_eq!(at.to_string(), "2026-01-15T09:00:00.000Z");
        let clock = Clock::manual(at);
        let same = clock.clone();
        clock.advance(Duration::from_mins(2));
        assert_eq!(same.now().millis_since(at), 120_000);
        clock.set(at);
        assert_eq!(same.now(), at);
    }
}
