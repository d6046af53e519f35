//! Validates CDA documents with the schema of an unpacked kit, for `tests/parity/xsd.py`.
//!
//! `xsd KIT` then one path per line on standard input; one line of tab-separated answer for each: `valid`, `invalid`,
//! `unread` (not XML) or `unjudged`, milliseconds, and the first finding. The first line says how long loading took.

use std::borrow::Cow;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use diapason_formats::xml::{Limits, Tree};
use diapason_rules::files::MemoryFiles;
use diapason_rules::xsd::CdaSchema;

fn main() -> Result<(), Box<dyn Error>> {
    let kit = std::env::args().nth(1).ok_or("usage: xsd KIT < paths")?;
    let start = Instant::now();
    let mut found = Vec::new();
    gather(Path::new(&kit), "", &mut found)?;
    let schema = CdaSchema::from_kit(&MemoryFiles::new(found))?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "loaded\t{:.1}\t{}",
        start.elapsed().as_secs_f64() * 1000.0,
        schema.missing().join(" ")
    )?;
    for path in std::io::stdin().lock().lines() {
        let bytes = std::fs::read(path?)?;
        let start = Instant::now();
        let (verdict, said) = judge(&schema, &bytes);
        let took = start.elapsed().as_secs_f64() * 1000.0;
        writeln!(out, "{verdict}\t{took:.1}\t{said}")?;
        out.flush()?;
    }
    Ok(())
}

fn judge(schema: &CdaSchema, bytes: &[u8]) -> (&'static str, String) {
    let tree = match Tree::read(bytes, &Limits::default()) {
        Ok(tree) => tree,
        Err(error) => return ("unread", error.to_string()),
    };
    let Some(validation) = schema.validate(&tree) else {
        return ("unjudged", "no ClinicalDocument".to_owned());
    };
    match validation.result {
        Err(unjudged) => ("unjudged", unjudged.to_string()),
        Ok(findings) => match findings.first() {
            None => ("valid", String::new()),
            Some(first) => {
                let said = format!(
                    "{} in all; {}:{} {} [{}] attendu {} ; vu {} ({})",
                    findings.len() + validation.more,
                    first.place.line.unwrap_or_default(),
                    first.place.column.unwrap_or_default(),
                    first.place.path.as_deref().unwrap_or_default(),
                    first.code,
                    first.expected,
                    first.observed,
                    first.message
                );
                ("invalid", said.replace(['\t', '\n'], " "))
            }
        },
    }
}

fn gather(
    folder: &Path,
    name: &str,
    found: &mut Vec<(String, Cow<'static, [u8]>)>,
) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let below = format!("{name}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{below}/"), found)?;
        } else if below.to_lowercase().ends_with(".xsd") {
            found.push((below, Cow::Owned(std::fs::read(entry.path())?)));
        }
    }
    Ok(())
}
