//! End to end through the real binary. One test binary: each more is one more link.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod check;
mod check_dmp;
mod cli;
mod demo;
mod journal;
mod support;
mod vendor;
