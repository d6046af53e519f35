//! The reference DUI (DUI témoin) and its mutants.
