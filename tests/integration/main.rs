//! End to end through the real binary.
