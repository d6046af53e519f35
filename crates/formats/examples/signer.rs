//! Signs the samples of the DMP packs again, after they were edited. Test key of `tests/data/signature`.
//!
//! ```text
//! cargo run -p diapason-formats --example signer -- vihf FILE...
//! cargo run -p diapason-formats --example signer -- vihf-personne FILE...
//! cargo run -p diapason-formats --example signer -- lot OUT LOT_UNIQUE_ID SIGNING_TIME UNIQUE_ID=FILE...
//! ```
//! `vihf` replaces the signature of every assertion of the files (XML, raw HTTP or MTOM): each must declare the
//! namespaces it uses. `vihf-personne` does it as the card of a professional would. `lot` writes the signature document of a lot.

use std::error::Error;
use std::path::Path;

use diapason_formats::signature::{Digest, SignOptions, Signer, sign_enveloped};
use diapason_formats::xades;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [who @ ("vihf" | "vihf-personne"), files @ ..] if !files.is_empty() => {
            let name = if *who == "vihf" {
                "signature"
            } else {
                "personne"
            };
            let signer = signer(name)?;
            for file in files {
                let text = String::from_utf8(std::fs::read(file)?)?;
                std::fs::write(file, resigned(&text, &signer)?)?;
            }
            Ok(())
        }
        ["lot", out, unique_id, time, documents @ ..] => {
            let read = documents
                .iter()
                .map(|word| {
                    let (id, file) = word.split_once('=').ok_or("UNIQUE_ID=FILE expected")?;
                    Ok((id, std::fs::read(file)?))
                })
                .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
            let documents: Vec<(&str, &[u8])> = read
                .iter()
                .map(|(id, bytes)| (*id, bytes.as_slice()))
                .collect();
            let signed = xades::write(
                unique_id,
                &documents,
                &signer("signature")?,
                time,
                Digest::Sha256,
            )?;
            std::fs::write(out, signed)?;
            Ok(())
        }
        _ => Err("vihf FILE... or lot OUT LOT_UNIQUE_ID SIGNING_TIME UNIQUE_ID=FILE...".into()),
    }
}

fn signer(name: &str) -> Result<Signer, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signature");
    let read = |file: &str| std::fs::read(folder.join(file));
    Ok(Signer::from_pem(
        &read(&format!("{name}.pem"))?,
        &read(&format!("{name}.key"))?,
    )?)
}

/// The text with every assertion signed anew.
fn resigned(text: &str, signer: &Signer) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = next_assertion(rest) {
        let name_end = rest[start..]
            .find([' ', '\n', '>'])
            .ok_or("an assertion without an end")?;
        let end_tag = format!("</{}>", &rest[start + 1..start + name_end]);
        let end = rest[start..]
            .find(&end_tag)
            .ok_or("an assertion without an end")?
            + start
            + end_tag.len();
        out.push_str(&rest[..start]);
        let bare = unsigned(&rest[start..end]);
        let id = bare
            .split_once(" ID=\"")
            .and_then(|(_, after)| after.split('"').next())
            .ok_or("an assertion without ID")?
            .to_owned();
        out.push_str(&sign_enveloped(
            &bare,
            &id,
            signer,
            &SignOptions::default(),
        )?);
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}

fn next_assertion(text: &str) -> Option<usize> {
    ["<saml:Assertion", "<saml2:Assertion", "<Assertion"]
        .iter()
        .filter_map(|tag| text.find(tag))
        .min()
}

/// Without its `ds:Signature`.
fn unsigned(assertion: &str) -> String {
    let (open, close) = ("<ds:Signature ", "</ds:Signature>");
    match (assertion.find(open), assertion.find(close)) {
        (Some(start), Some(end)) => [&assertion[..start], &assertion[end + close.len()..]].concat(),
        _ => assertion.to_owned(),
    }
}
