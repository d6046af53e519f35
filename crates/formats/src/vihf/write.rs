//! Writes an unsigned VIHF.

use std::fmt::Write as _;

use super::names::{
    CONFIDENTIALITY, HL7, HOMOLOGATION, LPS_ID, LPS_NOM, LPS_VERSION, MODE, PURPOSE, RESOURCE_ID,
    RESSOURCE_URN, ROLE, SAML, SECTEUR, STRUCTURE, SUBJECT_ID, VIHF_VERSION, XSI,
};
use super::{Coded, Vihf};

/// Text or attribute value, escaped; what XML 1.0 cannot hold, escaped or not, is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

/// Writing to a `String` cannot fail: results are dropped here and nowhere else.
struct Out(String);

impl Out {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn attribute(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            let _ = write!(self.0, " {name}=\"{}\"", escape(value));
        }
    }

    /// `<saml:name>value</saml:name>`.
    fn text(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, "<saml:{name}>{}</saml:{name}>", escape(value));
    }

    fn saml_attribute(&mut self, name: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        self.raw("<saml:Attribute");
        self.attribute("Name", Some(name));
        self.raw(">");
        for value in values {
            let _ = write!(self.0, "<saml:AttributeValue>{value}</saml:AttributeValue>");
        }
        self.raw("</saml:Attribute>");
    }

    fn plain(&mut self, name: &str, value: Option<&String>) {
        let values: Vec<String> = value.map(|v| escape(v)).into_iter().collect();
        self.saml_attribute(name, &values);
    }
}

fn coded(element: &str, value: &Coded) -> String {
    let mut out = Out(format!("<{element} xmlns=\"{HL7}\" xsi:type=\"CE\""));
    out.attribute("code", value.code.as_deref());
    out.attribute("codeSystem", value.code_system.as_deref());
    out.attribute("codeSystemName", value.code_system_name.as_deref());
    out.attribute("displayName", value.display_name.as_deref());
    out.raw("/>");
    out.0
}

impl Vihf {
    /// The assertion as XML, without a signature and without an XML declaration. What is `None` is not written.
    pub fn write(&self) -> String {
        let mut out = Out(format!(
            "<saml:Assertion xmlns:saml=\"{SAML}\" xmlns:xsi=\"{XSI}\""
        ));
        out.attribute("ID", self.id.as_deref());
        out.attribute("IssueInstant", self.issue_instant.as_deref());
        out.attribute("Version", self.version.as_deref());
        out.raw(">");
        if let Some(issuer) = &self.issuer {
            out.raw("<saml:Issuer");
            out.attribute("Format", self.issuer_format.as_deref());
            let _ = write!(out.0, ">{}</saml:Issuer>", escape(issuer));
        }
        if let Some(name_id) = &self.name_id {
            out.raw("<saml:Subject>");
            out.text("NameID", name_id);
            out.raw("</saml:Subject>");
        }
        self.write_conditions(&mut out);
        out.raw("<saml:AuthnStatement");
        out.attribute("AuthnInstant", self.authn_instant.as_deref());
        out.raw("><saml:AuthnContext>");
        if let Some(class) = &self.authn_class {
            out.text("AuthnContextClassRef", class);
        }
        if let Some(declaration) = &self.authn_decl {
            out.text("AuthnContextDecl", declaration);
        }
        out.raw("</saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>");
        self.write_attributes(&mut out);
        out.raw("</saml:AttributeStatement></saml:Assertion>");
        out.0
    }

    fn write_conditions(&self, out: &mut Out) {
        if !self.conditions && self.audiences.is_empty() {
            return;
        }
        out.raw("<saml:Conditions");
        out.attribute("NotBefore", self.not_before.as_deref());
        out.attribute("NotOnOrAfter", self.not_on_or_after.as_deref());
        out.raw(">");
        if !self.audiences.is_empty() {
            out.raw("<saml:AudienceRestriction>");
            for audience in &self.audiences {
                out.text("Audience", audience);
            }
            out.raw("</saml:AudienceRestriction>");
        }
        out.raw("</saml:Conditions>");
    }

    fn write_attributes(&self, out: &mut Out) {
        out.plain(VIHF_VERSION, self.vihf_version.as_ref());
        out.plain(MODE, self.mode.as_ref());
        out.plain(RESSOURCE_URN, self.ressource_urn.as_ref());
        out.plain(STRUCTURE, self.structure.as_ref());
        out.plain(SECTEUR, self.secteur.as_ref());
        out.plain(SUBJECT_ID, self.subject_id.as_ref());
        let roles: Vec<String> = self.roles.iter().map(|r| coded("Role", r)).collect();
        out.saml_attribute(ROLE, &roles);
        out.plain(RESOURCE_ID, self.resource_id.as_ref());
        let purpose: Vec<String> = self
            .purpose
            .iter()
            .map(|p| coded("PurposeOfUse", p))
            .collect();
        out.saml_attribute(PURPOSE, &purpose);
        let hidden: Vec<String> = self
            .confidentiality
            .iter()
            .map(|code| escape(code))
            .collect();
        out.saml_attribute(CONFIDENTIALITY, &hidden);
        out.plain(LPS_ID, self.lps_id.as_ref());
        out.plain(LPS_NOM, self.lps_nom.as_ref());
        out.plain(LPS_VERSION, self.lps_version.as_ref());
        out.plain(HOMOLOGATION, self.homologation.as_ref());
    }
}
