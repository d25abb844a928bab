//! Generated queries as trees, so that a failing one can be made smaller.

use std::fmt;

/// What a part of a query evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Scalar,
    Vector,
    Matrix,
    Text,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Child(Expr),
}

/// A query, or a part of one that is a query too.
#[derive(Debug, Clone)]
pub struct Expr {
    pub kind: Kind,
    parts: Vec<Part>,
}

impl Expr {
    /// From its text alone.
    pub fn leaf(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, parts: vec![Part::Text(text.into())] }
    }

    /// From a pattern whose `§`s stand for the children.
    pub fn of(kind: Kind, pattern: &str, children: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        let mut texts = pattern.split('§');
        parts.push(Part::Text(texts.next().unwrap_or_default().to_owned()));
        let mut children = children.into_iter();
        for text in texts {
            parts.push(Part::Child(children.next().expect("a child for each §")));
            parts.push(Part::Text(text.to_owned()));
        }
        assert!(children.next().is_none(), "too few § in {pattern}");
        Self { kind, parts }
    }

    /// A call of a function.
    pub fn call(kind: Kind, name: &str, arguments: Vec<Self>) -> Self {
        let marks = vec!["§"; arguments.len()].join(", ");
        Self::of(kind, &format!("{name}({marks})"), arguments)
    }

    /// Smaller queries that may show the same, the smallest first.
    pub fn smaller(&self) -> Vec<Self> {
        let mut all: Vec<Self> = self.descendants().into_iter().cloned().collect();
        for (place, part) in self.parts.iter().enumerate() {
            let Part::Child(child) = part else { continue };
            let instead = child.smaller().into_iter().filter(|one| one.kind == child.kind);
            let simple = (child.kind == Kind::Scalar).then(|| Self::leaf(Kind::Scalar, "1"));
            for one in instead.chain(simple) {
                let mut copy = self.clone();
                copy.parts[place] = Part::Child(one);
                all.push(copy);
            }
        }
        all.sort_by_key(|one| one.to_string().len());
        all.retain(|one| one.to_string().len() < self.to_string().len());
        all
    }

    fn descendants(&self) -> Vec<&Self> {
        let children = self.parts.iter().filter_map(|part| match part {
            Part::Child(child) => Some(child),
            Part::Text(_) => None,
        });
        children.flat_map(|child| [vec![child], child.descendants()].concat()).collect()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.write_str(text)?,
                Part::Child(child) => fmt::Display::fmt(child, out)?,
            }
        }
        Ok(())
    }
}
