//! Rule engines and the judge: facts and records in, findings out.
