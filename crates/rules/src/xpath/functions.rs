//! The functions of XPath 2.0 (F&O) and XSLT 2.0 that rules use.

use std::borrow::Cow;
use std::collections::HashSet;

use diapason_formats::xml::{NodeId, NodeKind};

use super::compare::kind;
use super::documents::resolve;
use super::eval::{Context, Session};
use super::plan::Expr;
use super::{Item, NodeRef, Value, XPathError};

macro_rules! functions {
    ($($variant:ident $name:literal $min:literal ..= $max:literal),* $(,)?) => {
        /// A function, by its name in XPath.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            /// The function of that name that takes so many arguments.
            pub(crate) fn find(name: &str, arguments: usize) -> Option<Self> {
                match name {
                    $($name if ($min..=$max).contains(&arguments) => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    Abs "abs" 1..=1,
    Boolean "boolean" 1..=1,
    Ceiling "ceiling" 1..=1,
    CodepointsToString "codepoints-to-string" 1..=1,
    Concat "concat" 2..=64,
    Contains "contains" 2..=2,
    Count "count" 1..=1,
    Current "current" 0..=0,
    DistinctValues "distinct-values" 1..=1,
    Doc "doc" 1..=1,
    DocAvailable "doc-available" 1..=1,
    Document "document" 1..=1,
    Empty "empty" 1..=1,
    EndsWith "ends-with" 2..=2,
    Exists "exists" 1..=1,
    False "false" 0..=0,
    Floor "floor" 1..=1,
    IndexOf "index-of" 2..=2,
    IriToUri "iri-to-uri" 1..=1,
    Last "last" 0..=0,
    LocalName "local-name" 0..=1,
    LocalNameFromQName "local-name-from-QName" 1..=1,
    LowerCase "lower-case" 1..=1,
    Matches "matches" 2..=3,
    Max "max" 1..=1,
    Min "min" 1..=1,
    Name "name" 0..=1,
    NamespaceUri "namespace-uri" 0..=1,
    NamespaceUriFromQName "namespace-uri-from-QName" 1..=1,
    NormalizeSpace "normalize-space" 0..=1,
    Not "not" 1..=1,
    Number "number" 0..=1,
    Position "position" 0..=0,
    QName "QName" 2..=2,
    Replace "replace" 3..=4,
    ResolveQName "resolve-QName" 2..=2,
    Reverse "reverse" 1..=1,
    Root "root" 0..=1,
    Round "round" 1..=1,
    StartsWith "starts-with" 2..=2,
    String "string" 0..=1,
    StringJoin "string-join" 2..=2,
    StringLength "string-length" 0..=1,
    StringToCodepoints "string-to-codepoints" 1..=1,
    Subsequence "subsequence" 2..=3,
    Substring "substring" 2..=3,
    SubstringAfter "substring-after" 2..=2,
    SubstringBefore "substring-before" 2..=2,
    Sum "sum" 1..=1,
    Tokenize "tokenize" 2..=3,
    Translate "translate" 3..=3,
    True "true" 0..=0,
    UpperCase "upper-case" 1..=1,
}

impl Function {
    /// Does it always give one string?
    pub(crate) fn gives_string(self) -> bool {
        matches!(
            self,
            Self::Concat
                | Self::LocalName
                | Self::LowerCase
                | Self::Name
                | Self::NormalizeSpace
                | Self::Replace
                | Self::String
                | Self::StringJoin
                | Self::Substring
                | Self::SubstringAfter
                | Self::SubstringBefore
                | Self::Translate
                | Self::UpperCase
        )
    }

    /// Is its value never a number?
    pub(crate) fn never_number(self) -> bool {
        self.gives_string()
            || matches!(
                self,
                Self::Boolean
                    | Self::Contains
                    | Self::Doc
                    | Self::DocAvailable
                    | Self::Document
                    | Self::Empty
                    | Self::EndsWith
                    | Self::Exists
                    | Self::False
                    | Self::Matches
                    | Self::Not
                    | Self::StartsWith
                    | Self::True
                    | Self::Tokenize
            )
    }
}

/// The arguments of a call, evaluated when asked for.
struct Arguments<'a, 's, 't> {
    session: &'s Session<'t>,
    args: &'a [Expr],
    context: &'a Context<'a, 't>,
}

impl<'t> Arguments<'_, '_, 't> {
    fn value(&self, rank: usize) -> Result<Value<'t>, XPathError> {
        self.session.eval(&self.args[rank], self.context)
    }

    /// The argument, or the context item when the call has none.
    fn value_or_context(&self) -> Result<Value<'t>, XPathError> {
        if self.args.is_empty() {
            self.session.eval(&Expr::Context, self.context)
        } else {
            self.value(0)
        }
    }

    /// A string argument: the empty sequence counts as the empty string, several items are an error.
    fn string(&self, rank: usize) -> Result<Cow<'t, str>, XPathError> {
        self.string_of(&self.value(rank)?)
    }

    /// The string argument, or the text of the context item when the call has none.
    fn string_or_context(&self) -> Result<Cow<'t, str>, XPathError> {
        let value = self.value_or_context()?;
        if !self.args.is_empty() {
            return self.string_of(&value);
        }
        let item = value.items().first();
        Ok(item.map_or(Cow::Borrowed(""), |i| self.session.text(i)))
    }

    fn string_of(&self, value: &Value<'t>) -> Result<Cow<'t, str>, XPathError> {
        match self.session.at_most_one(value)? {
            None => Ok(Cow::Borrowed("")),
            Some(Item::String(text) | Item::Untyped(text)) => Ok(text),
            Some(other) => Err(XPathError::kind("XPTY0004: a string", kind(&other))),
        }
    }

    /// An optional node argument, or the context node.
    fn node(&self) -> Result<Option<NodeRef>, XPathError> {
        if self.args.is_empty() {
            return self.session.context_node(self.context).map(Some);
        }
        match self.value(0)?.items() {
            [] => Ok(None),
            [Item::Node(node)] => Ok(Some(*node)),
            [other] => Err(XPathError::kind("XPTY0004: a node", kind(other))),
            _ => Err(XPathError::new("XPTY0004: at most one node expected")),
        }
    }

    fn number(&self, rank: usize) -> Result<f64, XPathError> {
        match self.session.at_most_one(&self.value(rank)?)? {
            None => Err(XPathError::new(
                "XPTY0004: a number expected, nothing found",
            )),
            Some(item) => self.session.operand(&item),
        }
    }

    fn numeric(&self, whole: fn(f64) -> f64) -> Result<Value<'t>, XPathError> {
        Ok(match self.session.at_most_one(&self.value(0)?)? {
            None => Value::Empty,
            Some(Item::Integer(value)) => {
                // Rounding leaves an integer alone; `abs` does not.
                let number = whole(value as f64);
                Value::One(Item::Integer(number as i64))
            }
            Some(other) => Value::One(Item::Double(whole(self.session.operand(&other)?))),
        })
    }
}

pub(super) fn call<'t>(
    session: &Session<'t>,
    function: Function,
    args: &[Expr],
    context: &Context<'_, 't>,
) -> Result<Value<'t>, XPathError> {
    let a = Arguments {
        session,
        args,
        context,
    };
    Ok(match function {
        Function::True => Value::boolean(true),
        Function::False => Value::boolean(false),
        Function::Not => Value::boolean(!session.holds(&args[0], context)?),
        Function::Boolean => Value::boolean(session.holds(&args[0], context)?),
        Function::Count => Value::One(Item::Integer(a.value(0)?.items().len() as i64)),
        Function::Empty => Value::boolean(matches!(a.value(0)?, Value::Empty)),
        Function::Exists => Value::boolean(!matches!(a.value(0)?, Value::Empty)),
        Function::Position => Value::One(Item::Integer(context.position as i64)),
        Function::Last => Value::One(Item::Integer(context.size as i64)),
        Function::Current => Value::One(Item::Node(context.current)),
        Function::String => {
            let value = a.value_or_context()?;
            match value.items() {
                [] => Value::string(""),
                [one] => Value::string(session.text(one)),
                _ => return Err(XPathError::new("XPTY0004: string() of several items")),
            }
        }
        Function::Number => {
            let value = a.value_or_context()?;
            Value::One(Item::Double(match value.items() {
                [] => f64::NAN,
                [one] => session.number(one),
                _ => return Err(XPathError::new("XPTY0004: number() of several items")),
            }))
        }
        Function::StringLength => {
            let length = a.string_or_context()?.chars().count();
            Value::One(Item::Integer(length as i64))
        }
        Function::NormalizeSpace => {
            let text = a.string_or_context()?;
            let words: Vec<&str> = text
                .split([' ', '\t', '\n', '\r'])
                .filter(|w| !w.is_empty())
                .collect();
            Value::string(words.join(" "))
        }
        Function::Concat => {
            let mut all = String::new();
            for rank in 0..args.len() {
                if let Some(item) = session.at_most_one(&a.value(rank)?)? {
                    all.push_str(&session.text(&item));
                }
            }
            Value::string(all)
        }
        Function::StringJoin => {
            let separator = a.string(1)?;
            let value = a.value(0)?;
            let texts: Vec<Cow<'t, str>> = value.items().iter().map(|i| session.text(i)).collect();
            Value::string(texts.join(&separator))
        }
        Function::Contains => Value::boolean(a.string(0)?.contains(&*a.string(1)?)),
        Function::StartsWith => Value::boolean(a.string(0)?.starts_with(&*a.string(1)?)),
        Function::EndsWith => Value::boolean(a.string(0)?.ends_with(&*a.string(1)?)),
        Function::SubstringBefore => {
            let (text, mark) = (a.string(0)?, a.string(1)?);
            Value::string(
                text.split_once(&*mark)
                    .map_or_else(String::new, |(before, _)| before.to_owned()),
            )
        }
        Function::SubstringAfter => {
            let (text, mark) = (a.string(0)?, a.string(1)?);
            Value::string(
                text.split_once(&*mark)
                    .map_or_else(String::new, |(_, after)| after.to_owned()),
            )
        }
        Function::Substring => substring(&a)?,
        Function::UpperCase => Value::string(a.string(0)?.to_uppercase()),
        Function::LowerCase => Value::string(a.string(0)?.to_lowercase()),
        Function::Translate => {
            let (text, from, to) = (a.string(0)?, a.string(1)?, a.string(2)?);
            let to: Vec<char> = to.chars().collect();
            Value::string(
                text.chars()
                    .filter_map(|c| match from.chars().position(|f| f == c) {
                        None => Some(c),
                        Some(at) => to.get(at).copied(),
                    })
                    .collect::<String>(),
            )
        }
        Function::Matches => {
            let text = a.string(0)?;
            let pattern = a.string(1)?;
            let flags = if args.len() > 2 {
                a.string(2)?
            } else {
                Cow::Borrowed("")
            };
            Value::boolean(session.regexes.get(&pattern, &flags)?.is_match(&text))
        }
        Function::Replace => {
            let (text, pattern, with) = (a.string(0)?, a.string(1)?, a.string(2)?);
            let flags = if args.len() > 3 {
                a.string(3)?
            } else {
                Cow::Borrowed("")
            };
            let regex = session.regexes.get(&pattern, &flags)?;
            if regex.is_match("") {
                return Err(XPathError(format!(
                    "FORX0003: {pattern:?} matches the empty string"
                )));
            }
            let with = super::regex::replacement(&with)?;
            Value::string(regex.replace_all(&text, with.as_str()).into_owned())
        }
        Function::Tokenize => {
            let (text, pattern) = (a.string(0)?, a.string(1)?);
            let flags = if args.len() > 2 {
                a.string(2)?
            } else {
                Cow::Borrowed("")
            };
            let regex = session.regexes.get(&pattern, &flags)?;
            if regex.is_match("") {
                return Err(XPathError(format!(
                    "FORX0003: {pattern:?} matches the empty string"
                )));
            }
            if text.is_empty() {
                Value::Empty
            } else {
                Value::from_vec(
                    regex
                        .split(&text)
                        .map(|part| Item::String(Cow::Owned(part.to_owned())))
                        .collect(),
                )
            }
        }
        Function::StringToCodepoints => Value::from_vec(
            a.string(0)?
                .chars()
                .map(|c| Item::Integer(i64::from(u32::from(c))))
                .collect(),
        ),
        Function::CodepointsToString => {
            let mut text = String::new();
            for item in a.value(0)?.items() {
                let code = session.whole(&session.atomize(item))?;
                let c = u32::try_from(code)
                    .ok()
                    .and_then(char::from_u32)
                    .ok_or_else(|| XPathError::new("FOCH0001: not a character"))?;
                text.push(c);
            }
            Value::string(text)
        }
        Function::IriToUri => {
            let mut out = String::new();
            for byte in a.string(0)?.bytes() {
                if byte <= 0x20 || byte >= 0x7F || b"<>\"{}|\\^`".contains(&byte) {
                    out.push_str(&format!("%{byte:02X}"));
                } else {
                    out.push(char::from(byte));
                }
            }
            Value::string(out)
        }
        Function::Name | Function::LocalName | Function::NamespaceUri => {
            let Some(node) = a.node()? else {
                return Ok(Value::string(""));
            };
            let tree = session.tree_of(node.document);
            Value::string(match function {
                Function::Name => tree.name(node.node),
                Function::LocalName => tree.local(node.node),
                _ => tree.namespace(node.node),
            })
        }
        Function::Root => match a.node()? {
            None => Value::Empty,
            Some(node) => Value::One(Item::Node(NodeRef {
                document: node.document,
                node: NodeId::ROOT,
            })),
        },
        Function::QName => {
            let (namespace, name) = (a.string(0)?, a.string(1)?);
            let local = name
                .split_once(':')
                .map_or(&*name, |(_, local)| local)
                .to_owned();
            if local.is_empty() || local.contains([' ', ':']) {
                return Err(XPathError(format!("FOCA0002: {name:?} is not a QName")));
            }
            Value::One(Item::QName {
                namespace,
                local: Cow::Owned(local),
            })
        }
        Function::ResolveQName => resolve_qname(&a)?,
        Function::LocalNameFromQName | Function::NamespaceUriFromQName => {
            match session.at_most_one(&a.value(0)?)? {
                None => Value::Empty,
                Some(Item::QName { namespace, local }) => {
                    Value::string(if function == Function::LocalNameFromQName {
                        local
                    } else {
                        namespace
                    })
                }
                Some(other) => return Err(XPathError::kind("XPTY0004: a QName", kind(&other))),
            }
        }
        Function::Doc | Function::Document => document(&a, function)?,
        Function::DocAvailable => {
            Value::boolean(matches!(document(&a, Function::Doc), Ok(Value::One(_))))
        }
        Function::DistinctValues => {
            let mut seen = HashSet::new();
            let mut kept = Vec::new();
            for item in a.value(0)?.items() {
                let item = session.atomize(item);
                // Text and numbers never compare equal.
                let class = match &item {
                    Item::Integer(_) | Item::Double(_) => 0,
                    Item::Boolean(_) => 1,
                    Item::QName { .. } => 2,
                    Item::Node(_) | Item::String(_) | Item::Untyped(_) => 3,
                };
                if seen.insert((class, session.text(&item).into_owned())) {
                    kept.push(item);
                }
            }
            Value::from_vec(kept)
        }
        Function::IndexOf => {
            let search = a.value(1)?;
            let Some(search) = session.at_most_one(&search)? else {
                return Err(XPathError::new(
                    "XPTY0004: index-of() needs one value to look for",
                ));
            };
            let mut ranks = Vec::new();
            for (rank, item) in a.value(0)?.items().iter().enumerate() {
                let item = session.atomize(item);
                if session
                    .value_pair(super::plan::Comparison::Eq, &item, &search)
                    .unwrap_or(false)
                {
                    ranks.push(Item::Integer(rank as i64 + 1));
                }
            }
            Value::from_vec(ranks)
        }
        Function::Reverse => {
            let mut items = a.value(0)?.into_vec();
            items.reverse();
            Value::from_vec(items)
        }
        Function::Subsequence => {
            let from = round_half_up(a.number(1)?);
            let length = if args.len() > 2 {
                round_half_up(a.number(2)?)
            } else {
                f64::INFINITY
            };
            let items = a.value(0)?.into_vec();
            Value::from_vec(
                items
                    .into_iter()
                    .enumerate()
                    .filter(|(rank, _)| {
                        let rank = *rank as f64 + 1.0;
                        rank >= from && rank < from + length
                    })
                    .map(|(_, item)| item)
                    .collect(),
            )
        }
        Function::Abs => a.numeric(f64::abs)?,
        Function::Ceiling => a.numeric(f64::ceil)?,
        Function::Floor => a.numeric(f64::floor)?,
        Function::Round => a.numeric(round_half_up)?,
        Function::Sum => {
            let mut whole = Some(0_i64);
            let mut sum = 0.0;
            for item in a.value(0)?.items() {
                let item = session.atomize(item);
                sum += session.operand(&item)?;
                whole = match (whole, &item) {
                    (Some(total), Item::Integer(value)) => total.checked_add(*value),
                    _ => None,
                };
            }
            Value::One(whole.map_or(Item::Double(sum), Item::Integer))
        }
        Function::Max | Function::Min => extreme(&a, function == Function::Max)?,
    })
}

fn round_half_up(value: f64) -> f64 {
    (value + 0.5).floor()
}

fn substring<'t>(a: &Arguments<'_, '_, 't>) -> Result<Value<'t>, XPathError> {
    let text = a.string(0)?;
    let from = round_half_up(a.number(1)?);
    let length = if a.args.len() > 2 {
        round_half_up(a.number(2)?)
    } else {
        f64::INFINITY
    };
    Ok(Value::string(
        text.chars()
            .enumerate()
            .filter(|(rank, _)| {
                let rank = *rank as f64 + 1.0;
                rank >= from && rank < from + length
            })
            .map(|(_, c)| c)
            .collect::<String>(),
    ))
}

fn extreme<'t>(a: &Arguments<'_, '_, 't>, max: bool) -> Result<Value<'t>, XPathError> {
    let value = a.value(0)?;
    let items: Vec<Item<'t>> = value.items().iter().map(|i| a.session.atomize(i)).collect();
    if items.is_empty() {
        return Ok(Value::Empty);
    }
    // Untyped values count as numbers, strings as strings.
    if items.iter().all(|i| matches!(i, Item::String(_))) {
        let texts = items.iter().map(|i| a.session.text(i));
        let best = if max { texts.max() } else { texts.min() };
        return Ok(best.map_or(Value::Empty, Value::string));
    }
    let integers = items.iter().all(|i| matches!(i, Item::Integer(_)));
    let mut best: Option<f64> = None;
    for item in &items {
        let number = a.session.operand(item)?;
        best = Some(match best {
            None => number,
            Some(best) if best.is_nan() || number.is_nan() => f64::NAN,
            Some(best) if max => best.max(number),
            Some(best) => best.min(number),
        });
    }
    Ok(best.map_or(Value::Empty, |number| {
        Value::One(if integers {
            Item::Integer(number as i64)
        } else {
            Item::Double(number)
        })
    }))
}

fn resolve_qname<'t>(a: &Arguments<'_, '_, 't>) -> Result<Value<'t>, XPathError> {
    let Some(name) = a.session.at_most_one(&a.value(0)?)? else {
        return Ok(Value::Empty);
    };
    let name = a.session.text(&name);
    let name = name.trim();
    let value = a.value(1)?;
    let [Item::Node(element)] = value.items() else {
        return Err(XPathError::new(
            "XPTY0004: resolve-QName() needs one element",
        ));
    };
    let tree = a.session.tree_of(element.document);
    if tree.kind(element.node) != NodeKind::Element {
        return Err(XPathError::new(
            "XPTY0004: resolve-QName() needs an element",
        ));
    }
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    if local.is_empty() || local.contains([' ', ':']) {
        return Err(XPathError(format!("FOCA0002: {name:?} is not a QName")));
    }
    let namespace = if prefix == "xml" {
        Some("http://www.w3.org/XML/1998/namespace")
    } else {
        tree.scope(element.node)
            .find(|(p, _)| *p == prefix)
            .map(|(_, uri)| uri)
    };
    match namespace {
        Some(namespace) => Ok(Value::One(Item::QName {
            namespace: Cow::Borrowed(namespace),
            local: Cow::Owned(local.to_owned()),
        })),
        None if prefix.is_empty() => Ok(Value::One(Item::QName {
            namespace: Cow::Borrowed(""),
            local: Cow::Owned(local.to_owned()),
        })),
        None => Err(XPathError(format!(
            "FONS0004: no namespace for the prefix {prefix:?}"
        ))),
    }
}

/// `doc()` and `document()`: within the pack's folder only.
fn document<'t>(a: &Arguments<'_, '_, 't>, function: Function) -> Result<Value<'t>, XPathError> {
    let session = a.session;
    let value = a.value(0)?;
    let mut found = Vec::new();
    for item in value.items() {
        let reference = session.text(item);
        let path = resolve(session.base, &reference).ok_or_else(|| {
            XPathError(format!(
                "FODC0005: {reference:?} is outside the pack and is not read"
            ))
        })?;
        let rank = session.documents.find(&path).ok_or_else(|| {
            XPathError(format!(
                "FODC0002: the value set {path:?} is missing from the pack"
            ))
        })?;
        session
            .documents
            .get(rank)
            .map_err(|error| XPathError(format!("FODC0002: {error}")))?;
        found.push(Item::Node(NodeRef {
            document: rank + 1,
            node: NodeId::ROOT,
        }));
    }
    if function == Function::Doc && found.len() > 1 {
        return Err(XPathError::new("XPTY0004: doc() takes one address"));
    }
    Ok(Value::from_vec(found))
}
