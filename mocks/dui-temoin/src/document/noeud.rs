//! An XML element held as a value, so that a document can be built, looked at, and written at the end.
//!
//! Escaping and encoding belong to the writer; nothing else in the DUI pastes XML together. Characters that XML 1.0 cannot
//! hold (control characters pasted from elsewhere) are left out by the writer, in texts and in attributes.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An element: attributes, then text or children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noeud {
    /// Name, as written.
    pub nom: String,
    /// Attributes, in order.
    pub attributs: Vec<(String, String)>,
    /// Text, for an element without children.
    pub texte: Option<String>,
    /// Children, in order.
    pub enfants: Vec<Noeud>,
}

/// A text without the characters that XML 1.0 cannot hold.
fn lisible(texte: &str) -> Cow<'_, str> {
    let permis = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}')
    };
    if texte.chars().all(permis) {
        return Cow::Borrowed(texte);
    }
    Cow::Owned(texte.chars().filter(|c| permis(*c)).collect())
}

/// An element without anything in it.
pub fn noeud(nom: &str) -> Noeud {
    Noeud {
        nom: nom.to_owned(),
        ..Noeud::default()
    }
}

impl Noeud {
    /// Adds an attribute.
    #[must_use]
    pub fn a(mut self, nom: &str, valeur: impl Into<String>) -> Self {
        self.attributs.push((nom.to_owned(), valeur.into()));
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn dit(mut self, texte: impl Into<String>) -> Self {
        self.texte = Some(texte.into());
        self
    }

    /// Adds children.
    #[must_use]
    pub fn avec(mut self, enfants: impl IntoIterator<Item = Noeud>) -> Self {
        self.enfants.extend(enfants);
        self
    }

    /// Value of an attribute.
    pub fn attribut(&self, nom: &str) -> Option<&str> {
        self.attributs
            .iter()
            .find(|(n, _)| n == nom)
            .map(|(_, valeur)| valeur.as_str())
    }

    /// Sets or adds an attribute.
    pub fn poser(&mut self, nom: &str, valeur: impl Into<String>) {
        let valeur = valeur.into();
        match self.attributs.iter_mut().find(|(n, _)| n == nom) {
            Some((_, ancienne)) => *ancienne = valeur,
            None => self.attributs.push((nom.to_owned(), valeur)),
        }
    }

    /// Removes an attribute.
    pub fn oter(&mut self, nom: &str) {
        self.attributs.retain(|(n, _)| n != nom);
    }

    /// The first element along a path of names (`author/time`).
    pub fn premier(&mut self, chemin: &str) -> Option<&mut Noeud> {
        let mut ici = self;
        for nom in chemin.split('/') {
            ici = ici.enfants.iter_mut().find(|e| e.nom == nom)?;
        }
        Some(ici)
    }

    /// Runs `agir` on every element along a path of names.
    pub fn chaque(&mut self, chemin: &str, agir: &mut dyn FnMut(&mut Noeud)) {
        let (nom, reste) = chemin.split_once('/').unwrap_or((chemin, ""));
        for enfant in self.enfants.iter_mut().filter(|e| e.nom == nom) {
            if reste.is_empty() {
                agir(enfant);
            } else {
                enfant.chaque(reste, agir);
            }
        }
    }

    /// Runs `agir` on this element and on every one inside it.
    pub fn partout(&mut self, agir: &mut dyn FnMut(&mut Noeud)) {
        agir(self);
        for enfant in &mut self.enfants {
            enfant.partout(agir);
        }
    }

    /// Removes every element along a path of names.
    pub fn retirer(&mut self, chemin: &str) {
        match chemin.rsplit_once('/') {
            Some((parents, nom)) => {
                self.chaque(parents, &mut |parent| {
                    parent.enfants.retain(|e| e.nom != nom);
                });
            }
            None => self.enfants.retain(|e| e.nom != chemin),
        }
    }

    /// Puts an element just after the last child of that name.
    pub fn apres(&mut self, nom: &str, enfant: Noeud) {
        let place = self.enfants.iter().rposition(|e| e.nom == nom);
        let place = place.map_or(self.enfants.len(), |i| i + 1);
        self.enfants.insert(place, enfant);
    }

    /// The document, in UTF-8.
    pub fn ecrire(&self) -> std::io::Result<Vec<u8>> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.ecrire_dans(&mut writer)?;
        let mut octets = writer.into_inner();
        octets.push(b'\n');
        Ok(octets)
    }

    fn ecrire_dans(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.nom.as_str());
        for (nom, valeur) in &self.attributs {
            start.push_attribute((nom.as_str(), lisible(valeur).as_ref()));
        }
        if self.enfants.is_empty() && self.texte.is_none() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        if let Some(texte) = &self.texte {
            writer.write_event(Event::Text(BytesText::new(&lisible(texte))))?;
        }
        for enfant in &self.enfants {
            enfant.ecrire_dans(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.nom.as_str())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn essai() -> Noeud {
        noeud("a").a("x", "1 < 2 & \"3\"").avec([
            noeud("b").dit("D'ÉTÉ <&>"),
            noeud("c").avec([noeud("d").a("v", "1"), noeud("d").a("v", "2")]),
        ])
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let octets = essai().ecrire().unwrap();
        let texte = String::from_utf8(octets).unwrap();
        assert!(texte.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a "));
        let lu = roxmltree::Document::parse(&texte).unwrap();
        let racine = lu.root_element();
        assert_eq!(racine.attribute("x"), Some("1 < 2 & \"3\""));
        assert_eq!(
            racine.first_element_child().unwrap().text(),
            Some("D'ÉTÉ <&>")
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        let racine = noeud("a")
            .a("x", "1\u{0}2")
            .dit("L\u{1}É\u{FFFF}\u{8}A\t\u{1F600}");
        let texte = String::from_utf8(racine.ecrire().unwrap()).unwrap();
        let lu = roxmltree::Document::parse(&texte).unwrap();
        assert_eq!(lu.root_element().attribute("x"), Some("12"));
        assert_eq!(lu.root_element().text(), Some("LÉA\t\u{1F600}"));
    }

    #[test]
    fn elements_are_found_changed_and_removed_by_path() {
        let mut racine = essai();
        racine.chaque("c/d", &mut |d| d.poser("v", "9"));
        let seen: Vec<_> = racine
            .premier("c")
            .unwrap()
            .enfants
            .iter()
            .map(|d| d.attribut("v"))
            .collect();
        assert_eq!(seen, [Some("9"), Some("9")]);
        racine.retirer("c/d");
        assert!(racine.premier("c").unwrap().enfants.is_empty());
        racine.apres("b", noeud("e"));
        let noms: Vec<_> = racine.enfants.iter().map(|e| e.nom.as_str()).collect();
        assert_eq!(noms, ["b", "e", "c"]);
        assert!(racine.premier("c/d").is_none());
    }
}
