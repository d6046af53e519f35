//! Writes answers, in each of the ways of declaring namespaces that real answers show.

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::answer::{Answer, Erreur, Family, InsRendu, Message, SoapFault, Tiq};
use super::ns::{RECSANS, RECVIT, RESULTAT, SIRAM, SOAP11, SOAP12, VERIFICATION_ANSWER, WSA};

/// Which prefixes the answer uses. Same meaning, other bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// `soap:Envelope`, `env:Body` declared again on Body, RESULTAT in the default namespace. As recorded.
    #[default]
    Env,
    /// `soap:Envelope`, `S:Body`, `ns2:RESULTAT` with unused declarations. As recorded.
    S,
    /// `env:Envelope`, `env:Body`, `ns2:RESULTAT` with unused declarations.
    Ns2,
    /// `soap` everywhere, RESULTAT in the default namespace with unused declarations.
    Soap,
    /// No prefix at all: the default namespace changes on the way.
    Default,
}

impl Style {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Env, Self::S, Self::Ns2, Self::Soap, Self::Default];

    /// Its word in a scenario.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::S => "s",
            Self::Ns2 => "ns2",
            Self::Soap => "soap",
            Self::Default => "default",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    fn envelope(self) -> &'static str {
        match self {
            Self::Env | Self::S | Self::Soap => "soap",
            Self::Ns2 => "env",
            Self::Default => "",
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::Env | Self::Ns2 => "env",
            Self::S => "S",
            Self::Soap => "soap",
            Self::Default => "",
        }
    }

    fn payload(self) -> &'static str {
        match self {
            Self::S | Self::Ns2 => "ns2",
            Self::Env | Self::Soap | Self::Default => "",
        }
    }

    fn unused_declarations(self) -> bool {
        matches!(self, Self::S | Self::Ns2 | Self::Soap)
    }
}

/// SOAP header of the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Header {
    /// None, as recorded.
    #[default]
    None,
    /// Empty.
    Empty,
    /// WS-Addressing.
    Addressing {
        /// Action.
        action: String,
        /// MessageID.
        message_id: String,
        /// RelatesTo.
        relates_to: String,
    },
}

/// How an answer is wrapped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Prefixes.
    pub style: Style,
    /// Header.
    pub header: Header,
    /// Writes the dates before IdIndividu, which the contract forbids (seen in a public test file).
    pub dates_first: bool,
}

/// Writes `message` as a whole XML document.
pub fn write(message: &Message, envelope: &Envelope) -> Vec<u8> {
    let mut out = Out::new();
    match message {
        Message::Resultat(answer) => resultat(&mut out, answer, RESULTAT, envelope),
        Message::Verification(answer) => resultat(&mut out, answer, VERIFICATION_ANSWER, envelope),
        Message::Fault(fault) if fault.family == Family::Soap11 => soap11(&mut out, fault),
        Message::Fault(fault) => soap12(&mut out, fault, &envelope.header),
    }
    out.0.into_inner()
}

/// Writing to memory: no event can fail, so results are dropped here and nowhere else.
struct Out(Writer<Vec<u8>>);

impl Out {
    fn new() -> Self {
        let mut out = Self(Writer::new(Vec::with_capacity(2048)));
        out.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        out
    }

    fn event(&mut self, event: Event<'_>) {
        let _ = self.0.write_event(event);
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
        self.event(Event::Start(start));
    }

    fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.leaf_with(name, &[], text);
    }

    fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        // Only what must be escaped is, as real answers do: an apostrophe stays one.
        self.event(Event::Text(BytesText::from_escaped(partial_escape(text))));
        self.close(name);
    }

    fn maybe(&mut self, name: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }
}

fn prefixed(prefix: &str, local: &str) -> String {
    if prefix.is_empty() {
        local.to_owned()
    } else {
        format!("{prefix}:{local}")
    }
}

fn declaration(prefix: &str) -> String {
    if prefix.is_empty() {
        "xmlns".to_owned()
    } else {
        format!("xmlns:{prefix}")
    }
}

fn header(out: &mut Out, prefix: &str, header: &Header) {
    let name = prefixed(prefix, "Header");
    match header {
        Header::None => {}
        Header::Empty => {
            out.open(&name, &[]);
            out.close(&name);
        }
        Header::Addressing {
            action,
            message_id,
            relates_to,
        } => {
            out.open(&name, &[]);
            let wsa = [("xmlns:wsa", WSA)];
            out.leaf_with("wsa:Action", &wsa, action);
            out.leaf_with("wsa:MessageID", &wsa, message_id);
            out.leaf_with("wsa:RelatesTo", &wsa, relates_to);
            out.close(&name);
        }
    }
}

fn resultat(out: &mut Out, answer: &Answer, namespace: &str, envelope: &Envelope) {
    let style = envelope.style;
    let (outer, inner) = (style.envelope(), style.body());
    let (envelope_name, body_name) = (prefixed(outer, "Envelope"), prefixed(inner, "Body"));
    out.open(&envelope_name, &[(&declaration(outer), SOAP12)]);
    header(out, outer, &envelope.header);
    if inner == outer {
        out.open(&body_name, &[]);
    } else {
        out.open(&body_name, &[(&declaration(inner), SOAP12)]);
    }
    let prefix = style.payload();
    let root = prefixed(prefix, "RESULTAT");
    let declared = declaration(prefix);
    let mut attributes = vec![(declared.as_str(), namespace)];
    if style.unused_declarations() {
        attributes.push(("xmlns:ns3", RECVIT));
        attributes.push(("xmlns:ns4", RECSANS));
    }
    out.open(&root, &attributes);
    let name = |local: &str| prefixed(prefix, local);
    if let Some(code) = &answer.code {
        out.open(&name("CR"), &[]);
        out.leaf(&name("CodeCR"), code);
        out.leaf(&name("LibelleCR"), &answer.libelle);
        out.close(&name("CR"));
    }
    if let Some(individu) = &answer.individu {
        out.open(&name("INDIVIDU"), &[]);
        ins(
            out,
            &name,
            "INSACTIF",
            &individu.actif,
            envelope.dates_first,
        );
        for former in &individu.historique {
            ins(out, &name, "INSHISTO", former, envelope.dates_first);
        }
        tiq(out, &name, &individu.tiq);
        out.close(&name("INDIVIDU"));
    }
    out.close(&root);
    out.close(&body_name);
    out.close(&envelope_name);
}

fn ins(
    out: &mut Out,
    name: &dyn Fn(&str) -> String,
    element: &str,
    ins: &InsRendu,
    dates_first: bool,
) {
    let dates = |out: &mut Out| {
        out.maybe(&name("DateDeb"), ins.date_deb.as_ref());
        out.maybe(&name("DateFin"), ins.date_fin.as_ref());
    };
    out.open(&name(element), &[]);
    if dates_first {
        dates(out);
    }
    out.open(&name("IdIndividu"), &[]);
    out.leaf(&name("NumIdentifiant"), &ins.numero);
    out.maybe(&name("Cle"), ins.cle.as_ref());
    out.maybe(&name("TypeMatricule"), ins.type_matricule.as_ref());
    out.close(&name("IdIndividu"));
    out.leaf(&name("OID"), &ins.oid);
    if !dates_first {
        dates(out);
    }
    out.close(&name(element));
}

fn tiq(out: &mut Out, name: &dyn Fn(&str) -> String, tiq: &Tiq) {
    out.open(&name("TIQ"), &[]);
    out.maybe(&name("NomNaissance"), tiq.nom_naissance.as_ref());
    out.maybe(&name("Prenom"), tiq.prenom.as_ref());
    out.maybe(&name("ListePrenom"), tiq.liste_prenom.as_ref());
    out.maybe(&name("Sexe"), tiq.sexe.as_ref());
    out.maybe(&name("DateNaissance"), tiq.date_naissance.as_ref());
    out.maybe(&name("LieuNaissance"), tiq.lieu_naissance.as_ref());
    out.close(&name("TIQ"));
}

fn soap12(out: &mut Out, fault: &SoapFault, with_header: &Header) {
    // Family B re-declares its own prefix on Body, as the front end does.
    let (p, body) = match fault.family {
        Family::A | Family::Soap11 => ("S", "S"),
        Family::B => ("soap", "env"),
    };
    let name = |local: &str| prefixed(p, local);
    out.open(&name("Envelope"), &[(&declaration(p), SOAP12)]);
    header(out, p, with_header);
    let body_name = prefixed(body, "Body");
    if body == p {
        out.open(&body_name, &[]);
    } else {
        out.open(&body_name, &[(&declaration(body), SOAP12)]);
    }
    out.open(&name("Fault"), &[]);
    out.open(&name("Code"), &[]);
    out.leaf(&name("Value"), &name(&fault.code));
    if let Some(subcode) = &fault.subcode {
        out.open(&name("Subcode"), &[]);
        out.leaf(&name("Value"), &name(subcode));
        out.close(&name("Subcode"));
    }
    out.close(&name("Code"));
    out.open(&name("Reason"), &[]);
    out.leaf_with(&name("Text"), &[("xml:lang", &fault.lang)], &fault.reason);
    out.close(&name("Reason"));
    if let Some(detail) = &fault.erreur {
        out.open(&name("Detail"), &[]);
        erreur(out, detail);
        out.close(&name("Detail"));
    }
    out.close(&name("Fault"));
    out.close(&body_name);
    out.close(&name("Envelope"));
}

fn erreur(out: &mut Out, erreur: &Erreur) {
    let mut attributes = vec![("xmlns:siram", SIRAM), ("code", erreur.code.as_str())];
    if let Some(id) = &erreur.message_id {
        attributes.push(("messageID", id));
    }
    attributes.push(("severite", &erreur.severite));
    out.leaf_with("siram:Erreur", &attributes, &erreur.text);
}

fn soap11(out: &mut Out, fault: &SoapFault) {
    out.open("soapenv:Envelope", &[("xmlns:soapenv", SOAP11)]);
    out.open("soapenv:Body", &[]);
    out.open("soapenv:Fault", &[]);
    out.leaf("faultcode", &format!("soapenv:{}", fault.code));
    out.leaf("faultstring", &fault.reason);
    if let Some(detail) = &fault.erreur {
        out.open("detail", &[]);
        erreur(out, detail);
        out.close("detail");
    }
    out.close("soapenv:Fault");
    out.close("soapenv:Body");
    out.close("soapenv:Envelope");
}
