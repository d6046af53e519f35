//! Packages as the standards write them, as careless senders write them, and damaged.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/related; type=\"application/xop+xml\"; boundary=b0; start=\"<root@x>\"; start-info=\"application/soap+xml\"";

fn attachment<'a>(content_id: &'a str, bytes: &'a [u8]) -> Attachment<'a> {
    Attachment {
        content_id,
        content_type: "text/xml; charset=Cp1252",
        bytes,
    }
}

fn texts(package: &Package, body: &[u8]) -> Vec<String> {
    package
        .parts
        .iter()
        .map(|p| String::from_utf8_lossy(package.content(p, body)).into_owned())
        .collect()
}

#[test]
fn what_is_written_is_read_back_byte_for_byte() {
    let binary: Vec<u8> = (0..=255).chain([b'\r', b'\n', b'-', b'-']).collect();
    let documents = [
        attachment("a@x", &binary),
        attachment("d:1@urn:ihe:iti:xds-b:2007", b"<a/>\r\n"),
        attachment("empty@x", b""),
    ];
    for root_last in [false, true] {
        let how = Layout {
            action: Some("urn:x".to_owned()),
            root_last,
            ..Layout::default()
        };
        let written = write("<root/>", &documents, &how);
        let package = read(&written.content_type, &written.body).unwrap();
        assert!(package.problems.is_empty(), "{:?}", package.problems);
        assert_eq!(package.root, if root_last { 3 } else { 0 });
        assert_eq!(package.kind.as_deref(), Some("application/xop+xml"));
        assert_eq!(package.start_info.as_deref(), Some("application/soap+xml"));
        assert_eq!(package.action.as_deref(), Some("urn:x"));
        let root = package.root_part().unwrap();
        assert_eq!(package.content(root, &written.body), b"<root/>");
        assert_eq!(root.media_type().as_deref(), Some("application/xop+xml"));
        for document in &documents {
            let part = package.resolve(&document.href()).unwrap();
            assert_eq!(package.content(part, &written.body), document.bytes);
            assert_eq!(part.transfer_encoding().as_deref(), Some("binary"));
        }
        let (_, pieces, len) = layout("<root/>", &documents, &how);
        assert_eq!(len, written.body.len());
        assert_eq!(pieces.len(), 7);
    }
}

#[test]
fn an_address_is_compared_once_decoded() {
    let documents = [
        attachment("1-2@urn:ihe:iti:xds-b:2007", b"x"),
        attachment("50%@x", b"y"),
    ];
    assert_eq!(
        documents[0].href(),
        "cid:1-2@urn%3Aihe%3Aiti%3Axds-b%3A2007"
    );
    let written = write("<r/>", &documents, &Layout::default());
    let package = read(&written.content_type, &written.body).unwrap();
    for href in [
        "cid:1-2@urn:ihe:iti:xds-b:2007",
        "cid:1-2%40urn%3Aihe%3Aiti%3Axds-b%3A2007",
        " CID:1-2@urn%3aihe:iti:xds-b:2007\n",
    ] {
        assert_eq!(package.rank(href), Some(1), "{href}");
    }
    assert_eq!(package.rank("cid:50%25@x"), Some(2));
    // Not encoded as it should be, and yet the only part that can be meant.
    assert_eq!(package.rank("cid:50%@x"), Some(2));
    for href in ["1-2@urn:ihe:iti:xds-b:2007", "cid:", "cid:%FF", "", "cié:x"] {
        assert_eq!(package.rank(href), None, "{href}");
    }
}

#[test]
fn careless_writing_is_read_and_said() {
    let body = b"hello\n--b0  \nCONTENT-ID: <d@x>\nContent-Type: text/xml;\n charset=x\n\n<d/>\n\n--b0\ncontent-id:<root@x>\n\n<r/>\n--b0--\nbye";
    let package = read(TYPE, body).unwrap();
    assert_eq!(texts(&package, body), ["<d/>\n", "<r/>"]);
    assert_eq!(package.root, 1);
    assert_eq!(
        package.parts[0].header("content-type"),
        Some("text/xml; charset=x")
    );
    let said = package.problems.join("; ");
    for expected in [
        "avant la première partie",
        "après le délimiteur final",
        "LF au lieu",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn parameters_are_read_in_any_dress() {
    let body = b"--a \"b\r\n\r\nx\r\n--a \"b--\r\n";
    let package = read(
        "Multipart/Related;; START-INFO = text/xml ; boundary=\"a \\\"b\" junk; flag; type=\"t;u\"",
        body,
    )
    .unwrap();
    assert_eq!(package.boundary, "a \"b");
    assert_eq!(package.kind.as_deref(), Some("t;u"));
    assert_eq!(package.start_info.as_deref(), Some("text/xml"));
    assert_eq!(texts(&package, body), ["x"]);
    let package = read(
        "multipart/mixed; boundary=b0; boundary=c",
        b"--b0\n\n\n--b0--",
    )
    .unwrap();
    assert_eq!(package.problems.len(), 3, "{:?}", package.problems);
}

#[test]
fn a_longer_word_is_not_the_delimiter() {
    let body = b"--b0\r\nContent-ID: root@x\r\n\r\n--b01\r\n --b0\r\nx--b0\r\n--b0x--\r\n--b0--";
    let package = read(TYPE, body).unwrap();
    assert_eq!(
        texts(&package, body),
        ["--b01\r\n --b0\r\nx--b0\r\n--b0x--"]
    );
}

#[test]
fn what_cannot_be_read_whole_is_refused() {
    let part = "--b0\r\nContent-ID: <root@x>\r\n\r\nx\r\n";
    let refused = |content_type: &str, body: &str| read(content_type, body.as_bytes()).unwrap_err();
    assert!(matches!(
        refused("application/soap+xml", part),
        PackageError::NotMultipart(_)
    ));
    for content_type in ["multipart/related", "multipart/related; boundary=\"\""] {
        assert_eq!(refused(content_type, part), PackageError::NoBoundary);
    }
    let long = format!("multipart/related; boundary={}", "b".repeat(300));
    assert!(matches!(refused(&long, part), PackageError::Boundary(_)));
    for body in ["", "<soap/>", "--b\r\n\r\n"] {
        assert!(
            matches!(refused(TYPE, body), PackageError::NoPart(_)),
            "{body}"
        );
    }
    assert_eq!(refused(TYPE, part), PackageError::Truncated { part: 1 });
    let two = format!("{part}--b0\r\nContent-ID: <d@x>\r\n\r\nyyyy");
    assert_eq!(refused(TYPE, &two), PackageError::Truncated { part: 2 });
    assert!(matches!(
        refused(TYPE, "--b0\r\nno colon\r\n\r\nx\r\n--b0--"),
        PackageError::Head { part: 1, .. }
    ));
    assert!(matches!(
        refused(TYPE, "--b0\r\nA: b\r\n--b0--"),
        PackageError::NoRoot(_) | PackageError::Head { .. }
    ));
    assert_eq!(
        refused(TYPE, &format!("{part}{part}--b0--")),
        PackageError::DuplicateContentId("root@x".to_owned())
    );
    assert_eq!(
        refused(TYPE, "--b0\r\nContent-ID: <other@x>\r\n\r\nx\r\n--b0--"),
        PackageError::NoRoot("root@x".to_owned())
    );
    let mut many = part.to_owned();
    for n in 0..MOST_PARTS {
        let _ = write!(many, "--b0\r\nContent-ID: <{n}@x>\r\n\r\nx\r\n");
    }
    many.push_str("--b0--");
    assert_eq!(refused(TYPE, &many), PackageError::TooManyParts);
}

#[test]
fn a_package_cut_anywhere_is_never_taken_for_whole() {
    let documents = [attachment("a@x", b"<a>1</a>"), attachment("b@x", b"<b/>")];
    let how = Layout {
        boundary: "b0".to_owned(),
        ..Layout::default()
    };
    let written = write("<r/>", &documents, &how);
    let whole = written.body.len() - 2;
    for len in 0..whole {
        assert!(
            read(&written.content_type, &written.body[..len]).is_err(),
            "{len}"
        );
    }
    assert!(read(&written.content_type, &written.body[..whole]).is_ok());
}

#[test]
fn a_capture_without_head_is_read() {
    let documents = [attachment("a@x", b"<a/>")];
    let how = Layout {
        root_last: true,
        ..Layout::default()
    };
    let written = write("<r/>", &documents, &how);
    let package = read_bare(&written.body).unwrap().unwrap();
    assert!(package.guessed);
    assert_eq!(package.root, 1);
    let headed = [
        format!(
            "MIME-Version: 1.0\r\nContent-Type: {}\r\n\r\n",
            written.content_type
        )
        .as_bytes(),
        &written.body,
    ]
    .concat();
    let package = read_bare(&headed).unwrap().unwrap();
    assert_eq!(texts(&package, &headed), ["<a/>", "<r/>"]);
    assert!(read_bare(&written.body[..200]).unwrap().is_err());
    for other in [
        &b"<r/>"[..],
        b"",
        b"--",
        b"hello",
        b"Subject: x\r\nContent-Type: text/plain\r\n\r\nx",
    ] {
        assert!(
            read_bare(other).is_none(),
            "{}",
            String::from_utf8_lossy(other)
        );
    }
}

#[test]
fn reading_costs_its_length() {
    let started = std::time::Instant::now();
    let mut body = b"--b0\r\nContent-ID: <root@x>\r\n\r\n".to_vec();
    body.extend(b"\n--b".repeat(4_000_000));
    body.extend(b"\r\n--b0--");
    let package = read(TYPE, &body).unwrap();
    assert_eq!(package.parts[0].range.len(), 16_000_000);
    let _ = read(TYPE, &b"--b0\n".repeat(3_000_000)).unwrap_err();
    let heads = [&b"--b0\n"[..], &b"A: b\n".repeat(3_000_000), b"\n--b0--"].concat();
    assert!(matches!(read(TYPE, &heads), Err(PackageError::Head { .. })));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), content_type in "\\PC{0,80}") {
        let _ = read(TYPE, &bytes);
        let _ = read(&content_type, &bytes);
        let _ = read_bare(&bytes);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(--b0|--|\r\n|\n|Content-ID: <a>|:| |root@x|<|>){0,60}", parameters in "(;|=|\"|boundary|start|b0|é|\\\\| ){0,20}") {
        let _ = read(TYPE, text.as_bytes());
        let _ = read(&format!("multipart/related{parameters}"), text.as_bytes());
        let _ = read_bare(text.as_bytes());
        if let Ok(package) = read(TYPE, text.as_bytes()) {
            for part in &package.parts {
                prop_assert!(part.range.end <= text.len() && part.range.start <= part.range.end);
            }
            let _ = package.rank(&text);
        }
    }

    #[test]
    fn any_document_survives(document in proptest::collection::vec(any::<u8>(), 0..300), id in "[a-zA-Z0-9@:.%é-]{1,20}") {
        let how = Layout { boundary: "jamais-vu-0123456789".to_owned(), ..Layout::default() };
        let attachments = [attachment(&id, &document)];
        let written = write("<r/>", &attachments, &how);
        let package = read(&written.content_type, &written.body).unwrap();
        let part = package.resolve(&attachments[0].href()).unwrap();
        prop_assert_eq!(package.content(part, &written.body), &document[..]);
    }
}
