//! Reads a VIHF. Whatever is missing or odd, the rest is read.

use super::names::{
    ATTRIBUTES, CONFIDENTIALITY, HL7, HOMOLOGATION, LPS_ID, LPS_NOM, LPS_VERSION, MODE, PURPOSE,
    RESOURCE_ID, RESSOURCE_URN, ROLE, SAML, SECTEUR, STRUCTURE, SUBJECT_ID, URN_DMP, VIHF_VERSION,
    XSI,
};
use super::{Attribute, Coded, Problem, ProblemKind, Vihf};
use crate::insi::temps;
use crate::signature::DSIG;
use crate::xml::{NodeId, Tree};

/// Is this SAML assertion a VIHF? It bears `VIHF_Version` or `Ressource_URN`, or names the DMP as its audience. INSi's does none of these.
pub fn is_vihf(tree: &Tree, node: NodeId) -> bool {
    let named = |id: NodeId| {
        tree.attribute(id, "Name").is_some_and(|name| {
            name.eq_ignore_ascii_case(VIHF_VERSION) || name.eq_ignore_ascii_case(RESSOURCE_URN)
        })
    };
    tree.is_named(node, SAML, "Assertion")
        && (attribute_nodes(tree, node).any(named)
            || audiences(tree, node).any(|audience| {
                let audience = audience.to_ascii_lowercase();
                audience == URN_DMP || audience.contains("dmp.gouv.fr")
            }))
}

fn attribute_nodes(tree: &Tree, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    tree.children_named(node, SAML, "AttributeStatement")
        .flat_map(|statement| tree.children_named(statement, SAML, "Attribute"))
}

fn audiences(tree: &Tree, node: NodeId) -> impl Iterator<Item = String> + '_ {
    tree.children_named(node, SAML, "Conditions")
        .flat_map(|conditions| tree.children_named(conditions, SAML, "AudienceRestriction"))
        .flat_map(|restriction| tree.children_named(restriction, SAML, "Audience"))
        .map(|audience| trimmed(tree, audience))
}

fn trimmed(tree: &Tree, node: NodeId) -> String {
    tree.string_value(node).trim().to_owned()
}

fn owned(tree: &Tree, node: NodeId, name: &str) -> Option<String> {
    tree.attribute(node, name).map(str::to_owned)
}

/// A coded value, whatever element of HL7 V3 bears it.
fn coded(tree: &Tree, value: NodeId) -> Option<Coded> {
    let bearer = tree
        .child_elements(value)
        .find(|n| tree.namespace(*n) == HL7 || tree.attribute(*n, "code").is_some())?;
    Some(Coded {
        code: owned(tree, bearer, "code"),
        code_system: owned(tree, bearer, "codeSystem"),
        code_system_name: owned(tree, bearer, "codeSystemName"),
        display_name: owned(tree, bearer, "displayName"),
    })
}

impl Vihf {
    /// Reads the assertion `node`.
    pub fn read(tree: &Tree, node: NodeId) -> Self {
        let saml = |from: NodeId, path: &[&str]| tree.find(from, SAML, path);
        let issuer = saml(node, &["Issuer"]);
        let conditions = saml(node, &["Conditions"]);
        let statement = saml(node, &["AuthnStatement"]);
        let mut vihf = Self {
            version: owned(tree, node, "Version"),
            id: owned(tree, node, "ID"),
            issue_instant: owned(tree, node, "IssueInstant"),
            issuer: issuer.map(|n| trimmed(tree, n)),
            issuer_format: issuer.and_then(|n| owned(tree, n, "Format")),
            name_id: saml(node, &["Subject", "NameID"]).map(|n| trimmed(tree, n)),
            conditions: conditions.is_some(),
            not_before: conditions.and_then(|n| owned(tree, n, "NotBefore")),
            not_on_or_after: conditions.and_then(|n| owned(tree, n, "NotOnOrAfter")),
            audiences: audiences(tree, node).collect(),
            authn_instant: statement.and_then(|n| owned(tree, n, "AuthnInstant")),
            authn_class: saml(
                node,
                &["AuthnStatement", "AuthnContext", "AuthnContextClassRef"],
            )
            .map(|n| trimmed(tree, n)),
            authn_decl: saml(
                node,
                &["AuthnStatement", "AuthnContext", "AuthnContextDecl"],
            )
            .map(|n| trimmed(tree, n)),
            signature: tree.child(node, DSIG, "Signature"),
            node: Some(node),
            ..Self::default()
        };
        for attribute in attribute_nodes(tree, node) {
            vihf.take(tree, attribute);
        }
        vihf.look_at_instants(node);
        vihf.look_at_xsi(tree, node);
        vihf
    }

    fn take(&mut self, tree: &Tree, node: NodeId) {
        let name = owned(tree, node, "Name").unwrap_or_default();
        let values: Vec<NodeId> = tree.children_named(node, SAML, "AttributeValue").collect();
        let texts: Vec<String> = values.iter().map(|v| trimmed(tree, *v)).collect();
        let known = ATTRIBUTES
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(&name));
        let again = self.attribute(&name).is_some();
        let mut problem = |kind| self.problems.push(Problem { node, kind });
        if again {
            problem(ProblemKind::AttributeTwice(name.clone()));
        }
        if let Some(known) = known
            && known != name
        {
            problem(ProblemKind::AttributeCase {
                written: name.clone(),
                known,
            });
        }
        if !again && let Some(known) = known {
            let text = || texts.first().cloned();
            match known {
                VIHF_VERSION => self.vihf_version = text(),
                MODE => self.mode = text(),
                STRUCTURE => self.structure = text(),
                SECTEUR => self.secteur = text(),
                SUBJECT_ID => self.subject_id = text(),
                RESOURCE_ID => self.resource_id = text(),
                RESSOURCE_URN => self.ressource_urn = text(),
                LPS_ID => self.lps_id = text(),
                LPS_NOM => self.lps_nom = text(),
                LPS_VERSION => self.lps_version = text(),
                HOMOLOGATION => self.homologation = text(),
                ROLE => self.roles = values.iter().filter_map(|v| coded(tree, *v)).collect(),
                PURPOSE => self.purpose = values.first().and_then(|v| coded(tree, *v)),
                CONFIDENTIALITY => {
                    self.confidentiality = values
                        .iter()
                        .zip(&texts)
                        .map(|(value, text)| {
                            coded(tree, *value)
                                .and_then(|c| c.code)
                                .unwrap_or_else(|| text.clone())
                        })
                        .collect();
                }
                _ => {}
            }
        }
        self.attributes.push(Attribute {
            name,
            values: texts,
            node,
        });
    }

    fn look_at_instants(&mut self, node: NodeId) {
        let bad: Vec<String> = [
            &self.issue_instant,
            &self.not_before,
            &self.not_on_or_after,
            &self.authn_instant,
        ]
        .into_iter()
        .flatten()
        .filter(|text| temps::date_time(text).is_none())
        .cloned()
        .collect();
        self.problems.extend(bad.into_iter().map(|text| Problem {
            node,
            kind: ProblemKind::Instant(text),
        }));
    }

    /// A `type` attribute in a namespace that is nearly XSI.
    fn look_at_xsi(&mut self, tree: &Tree, node: NodeId) {
        for element in tree.descendant_elements(node) {
            for attribute in tree.attributes(element) {
                let namespace = tree.namespace(attribute);
                if namespace != XSI
                    && namespace
                        .to_ascii_lowercase()
                        .ends_with("xmlschema-instance")
                {
                    self.problems.push(Problem {
                        node: element,
                        kind: ProblemKind::XsiNamespace(namespace.to_owned()),
                    });
                }
            }
        }
    }
}
