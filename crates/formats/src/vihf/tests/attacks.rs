//! Attacks on a signed assertion: each must be seen, and none may cost much.

use std::time::{Duration, Instant};

use super::{assertion, example, signed, tree};
use crate::signature::{DSIG, Problem, Verification, verify};
use crate::vihf::{SAML, Vihf};
use crate::xml::{Limits, NodeId, Tree};

fn seen(tree: &Tree, node: NodeId) -> Verification {
    verify(tree, tree.child(node, DSIG, "Signature").unwrap())
}

/// What makes an assertion believed: its own signature holds and covers it.
fn believed(tree: &Tree, node: NodeId) -> bool {
    Vihf::read(tree, node)
        .signature
        .map(|s| verify(tree, s))
        .is_some_and(|v| v.holds() && v.covers(node))
}

fn assertions(tree: &Tree) -> Vec<NodeId> {
    tree.descendant_elements(NodeId::ROOT)
        .filter(|n| tree.is_named(*n, SAML, "Assertion"))
        .collect()
}

#[test]
fn the_untouched_assertion_is_believed() {
    let tree = tree(&signed(&example()));
    assert!(believed(&tree, assertion(&tree)));
}

#[test]
fn a_wrapped_assertion_is_not_believed() {
    let original = signed(&example());
    let forged = example()
        .write()
        .replace("_7f0e", "_forged")
        .replace("INDIRECTE", "DIRECTE");
    let signature = {
        let start = original.find("<ds:Signature ").unwrap();
        let end = original.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        &original[start..end]
    };
    let unsigned = original.replace(signature, "");
    let hidden = format!("<ds:Object xmlns:ds=\"{DSIG}\">{original}</ds:Object>");
    let hidden_unsigned = format!("<ds:Object xmlns:ds=\"{DSIG}\">{unsigned}</ds:Object>");
    let issuer_end = "</saml:Issuer>";
    let wraps = [
        // The forged one carries the genuine signature, whose reference leads elsewhere in the document.
        forged.replace(issuer_end, &format!("{issuer_end}{signature}{unsigned}")),
        forged.replace(
            issuer_end,
            &format!(
                "{issuer_end}{}",
                signature.replace("</ds:KeyInfo>", &format!("</ds:KeyInfo>{hidden_unsigned}"))
            ),
        ),
        // The genuine one hidden beside, whole.
        forged.replace(
            "</saml:AttributeStatement>",
            &format!("</saml:AttributeStatement><saml:Advice>{original}</saml:Advice>"),
        ),
        forged.replace(issuer_end, &format!("{issuer_end}{signature}{hidden}")),
    ];
    for text in &wraps {
        let tree = tree(text);
        let outer = tree.document_element().unwrap();
        assert_eq!(Vihf::read(&tree, outer).mode.as_deref(), Some("DIRECTE"));
        assert!(!believed(&tree, outer), "{text}");
    }
}

#[test]
fn an_id_borne_twice_designates_nothing() {
    let original = signed(&example());
    let twin = example().write().replace("INDIRECTE", "DIRECTE");
    let text = format!("<wrap>{twin}{original}</wrap>");
    let tree = tree(&text);
    let all = assertions(&tree);
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|a| !believed(&tree, *a)));
    let problems = seen(&tree, all[1]).problems;
    assert!(matches!(problems[0], Problem::Ambiguous(_)), "{problems:?}");
}

#[test]
fn an_external_reference_is_reported_and_not_followed() {
    for uri in [
        "file:///etc/passwd",
        "http://127.0.0.1:9/x",
        "cid:part",
        "autre.xml#_7f0e",
    ] {
        let text = signed(&example()).replace("URI=\"#_7f0e\"", &format!("URI=\"{uri}\""));
        let tree = tree(&text);
        let seen = seen(&tree, assertion(&tree));
        assert!(!seen.holds());
        assert!(
            seen.problems
                .iter()
                .any(|p| matches!(p, Problem::External(u) if u == uri)),
            "{:?}",
            seen.problems
        );
        assert_eq!(seen.references[0].digest_ok, None);
    }
}

#[test]
fn transforms_outside_the_profile_are_never_run() {
    let exclusive = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
    for evil in [
        "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"><xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"/></ds:Transform>",
        "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>ancestor-or-self::*</ds:XPath></ds:Transform>",
        "<ds:Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"/>",
    ] {
        let text = signed(&example()).replace(exclusive, &format!("{evil}{exclusive}"));
        assert!(text.contains(evil));
        let tree = tree(&text);
        let seen = seen(&tree, assertion(&tree));
        assert!(
            seen.problems.iter().any(|p| matches!(
                p,
                Problem::Algorithm {
                    place: "Transform",
                    ..
                }
            )),
            "{:?}",
            seen.problems
        );
        assert!(!seen.covers(assertion(&tree)));
    }
}

#[test]
fn a_transform_bomb_is_counted_not_run() {
    let enveloped =
        "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    let many = enveloped.repeat(50_000);
    let text = signed(&example()).replacen(enveloped, &many, 1);
    let tree = tree(&text);
    let start = Instant::now();
    let seen = seen(&tree, assertion(&tree));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(
        seen.problems
            .iter()
            .any(|p| matches!(p, Problem::TooMany(_)))
    );
    assert!(!seen.holds());
}

#[test]
fn a_reference_bomb_is_counted_not_followed() {
    let text = signed(&example());
    let start = text.find("<ds:Reference ").unwrap();
    let end = text.find("</ds:Reference>").unwrap() + "</ds:Reference>".len();
    let bomb = text.replace(&text[start..end], &text[start..end].repeat(2_000));
    let tree = tree(&bomb);
    let start = Instant::now();
    let seen = seen(&tree, assertion(&tree));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert!(
        seen.problems
            .iter()
            .any(|p| matches!(p, Problem::TooMany(_)))
    );
    assert!(seen.references.len() <= 64);
}

#[test]
fn entities_are_refused_before_anything_is_read() {
    let bomb = format!(
        "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>{}",
        signed(&example())
    );
    let external = bomb.replace(
        "<!ENTITY a \"aaaaaaaaaa\">",
        "<!ENTITY a SYSTEM \"file:///etc/passwd\">",
    );
    for text in [bomb, external] {
        assert!(Tree::read(text.as_bytes(), &Limits::default()).is_err());
    }
}

#[test]
fn a_comment_in_a_value_does_not_cut_it() {
    // The canonical form leaves comments out, so the signature still holds: the value read must be what was signed.
    let text = signed(&example())
        .replace(">899709900023<", ">8997099<!-- -->00023<")
        .replace(">10B0990001<", ">10B0<!--x-->990001<");
    let tree = tree(&text);
    let node = assertion(&tree);
    assert!(believed(&tree, node));
    let vihf = Vihf::read(&tree, node);
    assert_eq!(vihf.name_id.as_deref(), Some("899709900023"));
    assert_eq!(vihf.structure.as_deref(), Some("10B0990001"));
}

#[test]
fn a_signature_of_another_key_or_none_is_not_believed() {
    let text = signed(&example());
    let stripped = example().write();
    for text in [
        stripped,
        text.replace("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),
        text.replace("<ds:SignatureMethod", "<ds:SignatureMethode"),
        text.replace("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
        text.replace("<ds:X509Data>", "<ds:KeyValue>")
            .replace("</ds:X509Data>", "</ds:KeyValue>"),
    ] {
        let Ok(tree) = Tree::read(text.as_bytes(), &Limits::default()) else {
            continue;
        };
        assert!(!believed(&tree, assertion(&tree)), "{text}");
    }
}
