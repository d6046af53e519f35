//! What our verifier says of every XML signature of files, one JSON line a file, for comparison with other
//! implementations (`tests/interop/dmp`).
//!
//!     cargo run -p diapason-formats --example verify -- FILE...

use std::io::Write as _;
use std::process::ExitCode;

use diapason_formats::signature::{DSIG, Problem, verify};
use diapason_formats::xml::{Limits, NodeId, Tree};
use serde_json::{Value, json};

/// Kinds of problems that say "outside our profile", not "wrong".
fn outside(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Algorithm { .. } | Problem::External(_) | Problem::TooMany(_)
    )
}

fn signature(tree: &Tree, node: NodeId) -> Value {
    let seen = verify(tree, node);
    json!({
        "holds": seen.holds(),
        "value": seen.value_ok,
        "method": seen.method,
        "references": seen.references.iter().map(|r| json!({"uri": r.uri, "digest": r.digest_ok})).collect::<Vec<_>>(),
        "certificate": seen.certificate.is_some(),
        "outside": seen.problems.iter().any(outside),
        "problems": seen.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn file(path: &str) -> Value {
    let read = std::fs::read(path).map_err(|e| e.to_string());
    match read.and_then(|b| Tree::read(&b, &Limits::default()).map_err(|e| e.to_string())) {
        Err(why) => json!({"file": path, "error": why}),
        Ok(tree) => {
            let all = tree
                .descendant_elements(NodeId::ROOT)
                .filter(|n| tree.is_named(*n, DSIG, "Signature"));
            json!({"file": path, "signatures": all.map(|n| signature(&tree, n)).collect::<Vec<_>>()})
        }
    }
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    for path in std::env::args().skip(1) {
        if writeln!(out, "{}", file(&path)).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
