//! Where each key of a configuration is, for what is found wrong after it was read.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Line and column, from 1.
type Place = (u64, u64);

/// Where each key is, by its path, such as `metrics.remote_write[0].name`.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Place>);

impl Places {
    /// Of a text that is a configuration as far as YAML is concerned; of others none is known.
    pub(super) fn of(text: &str, options: serde_saphyr::Options) -> Self {
        let mut places = Self::default();
        if let Ok(root) = serde_saphyr::from_str_with_options::<Node>(text, options) {
            places.collect("", &root);
        }
        places
    }

    fn collect(&mut self, path: &str, node: &Node) {
        let dot = if path.is_empty() { "" } else { "." };
        for (key, place, node) in &node.keys {
            let path = format!("{path}{dot}{key}");
            self.collect(&path, node);
            self.0.insert(path, *place);
        }
        for (number, (place, node)) in node.list.iter().enumerate() {
            let path = format!("{path}[{number}]");
            self.collect(&path, node);
            self.0.insert(path, *place);
        }
    }

    /// Of a path, or of the nearest part of the file that has it.
    pub(super) fn find(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(*place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// A part of the file: its keys, or its list, each with its place.
#[derive(Default)]
struct Node {
    keys: Vec<(String, Place, Node)>,
    list: Vec<(Place, Node)>,
}

fn placed<T>(spanned: Spanned<T>) -> (Place, T) {
    ((spanned.referenced.line(), spanned.referenced.column()), spanned.value)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// A value that has neither keys nor a list.
macro_rules! values {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E: serde::de::Error>(self, _value: $kind) -> Result<Node, E> {
            Ok(Node::default())
        })*
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("anything")
    }

    values!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut node = Node::default();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let (place, key) = placed(key);
            node.keys.push((key, place, map.next_value()?));
        }
        Ok(node)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut node = Node::default();
        while let Some(one) = list.next_element::<Spanned<Node>>()? {
            node.list.push(placed(one));
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_found_and_what_is_not_there_by_what_it_would_be_in() {
        let text = "a: 1\nb:\n  c: [x, {d: 1}]\nlist:\n- name: n\n  deep:\n    er: true\n- 2\n";
        let places = Places::of(text, serde_saphyr::Options::default());
        for (path, place) in [
            ("a", (1, 1)),
            ("b.c", (3, 3)),
            ("b.c[1].d", (3, 11)),
            ("list[0].deep.er", (7, 5)),
            ("list[1]", (8, 3)),
            ("list[0].absent", (5, 3)),
            ("list[7].x", (4, 1)),
        ] {
            assert_eq!(places.find(path), Some(place), "{path}");
        }
        assert_eq!(places.find("absent.x"), None);
    }
}
