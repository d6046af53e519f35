//! Atomization, casts, effective boolean value and comparisons of XPath 2.0.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::eval::Session;
use super::plan::{Arithmetic, AtomicType, Comparison};
use super::{Item, Value, XPathError, number_to_string};

/// Name of an item's kind, for messages.
pub(super) fn kind(item: &Item<'_>) -> &'static str {
    match item {
        Item::Node(_) => "a node",
        Item::String(_) => "a string",
        Item::Untyped(_) => "an untyped value",
        Item::Boolean(_) => "a boolean",
        Item::Integer(_) => "an integer",
        Item::Double(_) => "a number",
        Item::QName { .. } => "a QName",
    }
}

impl<'t> Session<'t> {
    /// The atomic value of an item.
    pub(super) fn atomize(&self, item: &Item<'t>) -> Item<'t> {
        match item {
            Item::Node(node) => Item::Untyped(self.string_of(*node)),
            other => other.clone(),
        }
    }

    /// The text of an item.
    pub(crate) fn text(&self, item: &Item<'t>) -> Cow<'t, str> {
        match item {
            Item::Node(node) => self.string_of(*node),
            Item::String(text) | Item::Untyped(text) => text.clone(),
            Item::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Item::Integer(value) => Cow::Owned(value.to_string()),
            Item::Double(value) => Cow::Owned(number_to_string(*value)),
            Item::QName { local, .. } => local.clone(),
        }
    }

    /// `fn:number` of an item.
    pub(super) fn number(&self, item: &Item<'t>) -> f64 {
        match item {
            Item::Integer(value) => *value as f64,
            Item::Double(value) => *value,
            Item::Boolean(value) => f64::from(u8::from(*value)),
            Item::QName { .. } => f64::NAN,
            Item::Node(_) | Item::String(_) | Item::Untyped(_) => {
                parse_double(&self.text(item)).unwrap_or(f64::NAN)
            }
        }
    }

    /// Effective boolean value.
    pub(super) fn truth(&self, value: &Value<'t>) -> Result<bool, XPathError> {
        match value.items() {
            [] => Ok(false),
            [Item::Node(_), ..] => Ok(true),
            [only] => match only {
                Item::Boolean(value) => Ok(*value),
                Item::String(text) | Item::Untyped(text) => Ok(!text.is_empty()),
                Item::Integer(value) => Ok(*value != 0),
                Item::Double(value) => Ok(*value != 0.0 && !value.is_nan()),
                Item::Node(_) => Ok(true),
                Item::QName { .. } => Err(XPathError::new(
                    "FORG0006: a QName has no effective boolean value",
                )),
            },
            items => Err(XPathError(format!(
                "FORG0006: a sequence of {} values has no effective boolean value",
                items.len()
            ))),
        }
    }

    /// `=`, `<`... between sequences: true when one pair satisfies it.
    pub(super) fn general(
        &self,
        comparison: Comparison,
        left: &Value<'t>,
        right: &Value<'t>,
    ) -> Result<bool, XPathError> {
        for a in left.items() {
            let a = self.atomize(a);
            for b in right.items() {
                let b = self.atomize(b);
                if self.general_pair(comparison, &a, &b)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn general_pair(
        &self,
        comparison: Comparison,
        a: &Item<'t>,
        b: &Item<'t>,
    ) -> Result<bool, XPathError> {
        match (a, b) {
            (Item::Untyped(text), Item::Integer(_) | Item::Double(_)) => {
                let number = cast_double(text)?;
                Ok(ordered(comparison, number.partial_cmp(&self.number(b))))
            }
            (Item::Integer(_) | Item::Double(_), Item::Untyped(text)) => {
                let number = cast_double(text)?;
                Ok(ordered(comparison, self.number(a).partial_cmp(&number)))
            }
            (Item::Untyped(text), Item::Boolean(value)) => {
                Ok(ordered(comparison, Some(cast_boolean(text)?.cmp(value))))
            }
            (Item::Boolean(value), Item::Untyped(text)) => {
                Ok(ordered(comparison, Some(value.cmp(&cast_boolean(text)?))))
            }
            _ => self.value_pair(comparison, a, b),
        }
    }

    /// `eq`, `lt`... between single atomic values.
    pub(super) fn value_pair(
        &self,
        comparison: Comparison,
        a: &Item<'t>,
        b: &Item<'t>,
    ) -> Result<bool, XPathError> {
        match (a, b) {
            (Item::String(a) | Item::Untyped(a), Item::String(b) | Item::Untyped(b)) => {
                Ok(ordered(comparison, Some(a.as_ref().cmp(b.as_ref()))))
            }
            (Item::Integer(a), Item::Integer(b)) => Ok(ordered(comparison, Some(a.cmp(b)))),
            (Item::Integer(_) | Item::Double(_), Item::Integer(_) | Item::Double(_)) => Ok(
                ordered(comparison, self.number(a).partial_cmp(&self.number(b))),
            ),
            (Item::Boolean(a), Item::Boolean(b)) => Ok(ordered(comparison, Some(a.cmp(b)))),
            (
                Item::QName {
                    namespace: an,
                    local: al,
                },
                Item::QName {
                    namespace: bn,
                    local: bl,
                },
            ) => match comparison {
                Comparison::Eq => Ok(an == bn && al == bl),
                Comparison::Ne => Ok(an != bn || al != bl),
                _ => Err(XPathError::new("XPTY0004: QNames have no order")),
            },
            _ => Err(XPathError(format!(
                "XPTY0004: {} cannot be compared with {}",
                kind(a),
                kind(b)
            ))),
        }
    }

    /// At most one atomic value.
    pub(super) fn at_most_one(&self, value: &Value<'t>) -> Result<Option<Item<'t>>, XPathError> {
        match value.items() {
            [] => Ok(None),
            [one] => Ok(Some(self.atomize(one))),
            many => Err(XPathError(format!(
                "XPTY0004: at most one value expected, {} found",
                many.len()
            ))),
        }
    }

    pub(super) fn arithmetic(
        &self,
        operation: Arithmetic,
        left: &Value<'t>,
        right: &Value<'t>,
    ) -> Result<Value<'t>, XPathError> {
        let (Some(a), Some(b)) = (self.at_most_one(left)?, self.at_most_one(right)?) else {
            return Ok(Value::Empty);
        };
        let overflow = || XPathError::new("FOAR0002: the number is too large");
        if let (Item::Integer(a), Item::Integer(b)) = (&a, &b) {
            let zero = || XPathError::new("FOAR0001: division by zero");
            let result = match operation {
                Arithmetic::Add => a.checked_add(*b),
                Arithmetic::Sub => a.checked_sub(*b),
                Arithmetic::Mul => a.checked_mul(*b),
                Arithmetic::Div if *b == 0 => return Err(zero()),
                Arithmetic::Div if a % b != 0 => {
                    return Ok(Value::One(Item::Double(*a as f64 / *b as f64)));
                }
                Arithmetic::Div | Arithmetic::IDiv if *b != 0 => a.checked_div(*b),
                Arithmetic::Mod if *b != 0 => a.checked_rem(*b),
                _ => return Err(zero()),
            };
            return result
                .map(|n| Value::One(Item::Integer(n)))
                .ok_or_else(overflow);
        }
        let (a, b) = (self.operand(&a)?, self.operand(&b)?);
        let result = match operation {
            Arithmetic::Add => a + b,
            Arithmetic::Sub => a - b,
            Arithmetic::Mul => a * b,
            Arithmetic::Div => a / b,
            Arithmetic::Mod => a % b,
            Arithmetic::IDiv => {
                let whole = (a / b).trunc();
                if !whole.is_finite() || whole.abs() > 9e18 {
                    return Err(overflow());
                }
                return Ok(Value::One(Item::Integer(whole as i64)));
            }
        };
        Ok(Value::One(Item::Double(result)))
    }

    /// A number, from a number or untyped text.
    pub(super) fn operand(&self, item: &Item<'t>) -> Result<f64, XPathError> {
        match item {
            Item::Integer(_) | Item::Double(_) => Ok(self.number(item)),
            Item::Untyped(text) => cast_double(text),
            other => Err(XPathError::kind("XPTY0004: a number", kind(other))),
        }
    }

    pub(super) fn cast(&self, item: &Item<'t>, to: AtomicType) -> Result<Item<'t>, XPathError> {
        let item = self.atomize(item);
        let fail = |text: &str, what: &str| XPathError(format!("FORG0001: {text:?} is not {what}"));
        Ok(match (to, &item) {
            (AtomicType::String, _) => Item::String(self.text(&item)),
            (AtomicType::Boolean, Item::Boolean(value)) => Item::Boolean(*value),
            (AtomicType::Boolean, Item::Integer(_) | Item::Double(_)) => {
                let number = self.number(&item);
                Item::Boolean(number != 0.0 && !number.is_nan())
            }
            (AtomicType::Boolean, Item::String(text) | Item::Untyped(text)) => {
                Item::Boolean(cast_boolean(text)?)
            }
            (AtomicType::Integer, Item::Integer(value)) => Item::Integer(*value),
            (AtomicType::Integer, Item::Boolean(value)) => Item::Integer(i64::from(*value)),
            (AtomicType::Integer, Item::Double(value)) => {
                if !value.is_finite() || value.abs() > 9e18 {
                    return Err(XPathError::new("FOCA0002: not an integer"));
                }
                Item::Integer(value.trunc() as i64)
            }
            (AtomicType::Integer, Item::String(text) | Item::Untyped(text)) => {
                let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
                let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(fail(text, "an integer"));
                }
                // Larger than 64 bits is still an integer; its value is only ever compared here.
                match trimmed.parse::<i64>() {
                    Ok(value) => Item::Integer(value),
                    Err(_) => Item::Double(trimmed.parse().unwrap_or(f64::NAN)),
                }
            }
            (AtomicType::Double, Item::String(text) | Item::Untyped(text)) => {
                Item::Double(cast_double(text)?)
            }
            (AtomicType::Double, Item::Boolean(_) | Item::Integer(_) | Item::Double(_)) => {
                Item::Double(self.number(&item))
            }
            (_, other) => {
                return Err(XPathError(format!(
                    "XPTY0004: {} cannot be cast",
                    kind(other)
                )));
            }
        })
    }
}

fn ordered(comparison: Comparison, order: Option<Ordering>) -> bool {
    match (comparison, order) {
        (Comparison::Ne, order) => order != Some(Ordering::Equal),
        (_, None) => false,
        (Comparison::Eq, Some(order)) => order.is_eq(),
        (Comparison::Lt, Some(order)) => order.is_lt(),
        (Comparison::Le, Some(order)) => order.is_le(),
        (Comparison::Gt, Some(order)) => order.is_gt(),
        (Comparison::Ge, Some(order)) => order.is_ge(),
    }
}

/// The lexical space of `xs:double`.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    match text {
        "INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) =>
        {
            text.parse().ok()
        }
        _ => None,
    }
}

fn cast_double(text: &str) -> Result<f64, XPathError> {
    parse_double(text).ok_or_else(|| XPathError(format!("FORG0001: {text:?} is not a number")))
}

fn cast_boolean(text: &str) -> Result<bool, XPathError> {
    match text.trim_matches([' ', '\t', '\n', '\r']) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(XPathError(format!("FORG0001: {text:?} is not a boolean"))),
    }
}
