//! Judging one document by one schema.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use diapason_formats::xml::{NodeId, Position, Tree};

use super::compile::{Check, Pattern, Rule, Said, Schema};
use crate::xpath::{Context, Expression, Frame, Item, NodeRef, Session, XPathError};

/// An assertion that did not hold, or a report whose condition did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Rank of the assertion in [`Schema::checks`].
    pub check: usize,
    /// Node on which its rule fired.
    pub node: NodeId,
    /// XPath of that node, with positions.
    pub path: String,
    /// Where it begins.
    pub position: Position,
    /// Message, white space collapsed.
    pub message: String,
    /// Diagnostics: id and text.
    pub diagnostics: Vec<(String, String)>,
}

/// An assertion that could not be decided: never a pass, never a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Rank of the assertion in [`Schema::checks`].
    pub check: usize,
    /// Why, the first time.
    pub reason: String,
    /// How many times.
    pub times: u32,
}

/// A rule that fired, for SVRL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Rank of its pattern.
    pub pattern: usize,
    /// Its context, as written.
    pub context: Arc<str>,
    /// Its id and role.
    pub id: String,
    /// Role.
    pub role: String,
    /// Rank in [`Outcome::failures`] of the first failure after it.
    pub failures_from: usize,
}

/// What a schema says of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Failures, by pattern, then in document order.
    pub failures: Vec<Failure>,
    /// What could not be decided, by assertion.
    pub undecided: Vec<Undecided>,
    /// How many times each assertion was evaluated, by rank.
    pub evaluated: Vec<u32>,
    /// Rules fired, in order.
    pub fired: Vec<Fired>,
}

struct Run<'s, 't> {
    session: &'s Session<'t>,
    globals: &'s Frame<'s, 't>,
    outcome: Outcome,
    undecided: BTreeMap<usize, (String, u32)>,
}

impl Schema {
    /// Judges a document.
    pub fn run(&self, tree: &Tree) -> Outcome {
        let session = Session::new(
            tree,
            &self.engine.documents,
            &self.path,
            &self.engine.regexes,
            &self.names,
        );
        let globals = Frame::new(
            &self.globals,
            NodeRef {
                document: 0,
                node: NodeId::ROOT,
            },
        );
        let mut run = Run {
            session: &session,
            globals: &globals,
            outcome: Outcome {
                evaluated: vec![0; self.checks.len()],
                ..Outcome::default()
            },
            undecided: BTreeMap::new(),
        };
        for (rank, pattern) in self.patterns.iter().enumerate() {
            run.pattern(rank, pattern);
        }
        let mut outcome = run.outcome;
        outcome.undecided = run
            .undecided
            .into_iter()
            .map(|(check, (reason, times))| Undecided {
                check,
                reason,
                times,
            })
            .collect();
        outcome
    }
}

impl<'s, 't> Run<'s, 't> {
    fn pattern(&mut self, rank: usize, pattern: &'s Pattern) {
        // Which rule each node belongs to: the first that matches it.
        let mut firing: Vec<(NodeId, usize)> = Vec::new();
        let mut claimed: HashSet<NodeId> = HashSet::new();
        for (rule_rank, rule) in pattern.rules.iter().enumerate() {
            let matcher = match &rule.matcher {
                Ok(matcher) => matcher,
                Err(error) => {
                    self.undecide_rule(rule, error);
                    continue;
                }
            };
            for node in matcher.candidates(self.session) {
                if pattern.rules.len() > 1 && claimed.contains(&node) {
                    continue;
                }
                self.session.refill();
                let at = self.context(NodeRef { document: 0, node }, None, self.globals);
                match matcher.matches(self.session, node, &at) {
                    Ok(true) => {
                        claimed.insert(node);
                        firing.push((node, rule_rank));
                    }
                    Ok(false) => {}
                    Err(error) => self.undecide_rule(rule, &error),
                }
            }
        }
        firing.sort_unstable();
        for (node, rule_rank) in firing {
            self.fire(rank, &pattern.rules[rule_rank], node);
        }
    }

    fn context<'a>(
        &'a self,
        node: NodeRef,
        item: Option<&'a Item<'t>>,
        locals: &'a Frame<'a, 't>,
    ) -> Context<'a, 't> {
        Context {
            item,
            position: 1,
            size: 1,
            globals: self.globals,
            locals,
            bound: None,
            current: node,
        }
    }

    fn fire(&mut self, pattern: usize, rule: &'s Rule, node: NodeId) {
        self.outcome.fired.push(Fired {
            pattern,
            context: rule.context.clone(),
            id: rule.id.clone(),
            role: rule.role.clone(),
            failures_from: self.outcome.failures.len(),
        });
        let at = NodeRef { document: 0, node };
        let item = Item::Node(at);
        let locals = Frame::new(&rule.lets, at);
        for check in &rule.checks {
            self.session.refill();
            self.outcome.evaluated[check.rank] += 1;
            let context = self.context(at, Some(&item), &locals);
            let holds = match &check.test {
                Ok(test) => self.session.run_truth(test, &context),
                Err(error) => Err(error.clone()),
            };
            match holds {
                Ok(holds) if holds == check.report => {
                    let failure = self.failure(check, node, &context);
                    self.outcome.failures.push(failure);
                }
                Ok(_) => {}
                Err(error) => self.undecide(check, &error),
            }
        }
    }

    fn failure(&self, check: &Check, node: NodeId, context: &Context<'_, 't>) -> Failure {
        let tree = self.session.tree;
        Failure {
            check: check.rank,
            node,
            path: tree.path(node),
            position: tree.position(node),
            message: self.say(&check.message, context),
            diagnostics: check
                .diagnostics
                .iter()
                .map(|(id, text)| (id.clone(), self.say(text, context)))
                .collect(),
        }
    }

    fn say(&self, parts: &[Said], context: &Context<'_, 't>) -> String {
        let mut out = String::new();
        for part in parts {
            match part {
                Said::Text(text) => out.push_str(text),
                Said::Value(value) => out.push_str(&self.value(value, context)),
                Said::Name(None) => out.push_str(self.name(context.item)),
                Said::Name(Some(path)) => {
                    let value = path
                        .as_ref()
                        .ok()
                        .and_then(|p| self.session.run(p, context).ok())
                        .unwrap_or_default();
                    out.push_str(self.name(value.items().first()));
                }
            }
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn name(&self, item: Option<&Item<'t>>) -> &str {
        match item {
            Some(Item::Node(node)) => self.session.tree_of(node.document).name(node.node),
            _ => "",
        }
    }

    /// What `value-of` writes: the items, separated by a space. A value that fails leaves a mark, not a failure.
    fn value(
        &self,
        value: &Result<Arc<Expression>, XPathError>,
        context: &Context<'_, 't>,
    ) -> String {
        self.session.refill();
        match value
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|v| self.session.run(v, context))
        {
            Ok(value) => value
                .items()
                .iter()
                .map(|item| self.session.text(item).into_owned())
                .collect::<Vec<_>>()
                .join(" "),
            Err(_) => "(?)".to_owned(),
        }
    }

    fn undecide_rule(&mut self, rule: &Rule, error: &XPathError) {
        for check in &rule.checks {
            self.undecide(check, error);
        }
    }

    fn undecide(&mut self, check: &Check, error: &XPathError) {
        self.undecided
            .entry(check.rank)
            .or_insert_with(|| (error.to_string(), 0))
            .1 += 1;
    }
}
