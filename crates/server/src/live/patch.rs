//! RFC 7396 merge patches.

use serde_json::{Map, Value};

/// The merge patch that turns `old` into `new`; `None` when they are equal. A null that is new and a key that is
/// gone are the same to a merge patch, and the same to us: absent.
pub(crate) fn difference(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let patch = difference_of_maps(old, new);
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (old, new) if old == new => None,
        (_, new) => Some(new.clone()),
    }
}

fn difference_of_maps(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) => {
                if let Some(change) = difference(before, value) {
                    patch.insert(key.clone(), change);
                }
            }
            None if value.is_null() => {}
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, before) in old {
        if !before.is_null() && !new.contains_key(key) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As RFC 7396 describes applying one.
    fn apply(target: &mut Value, patch: &Value) {
        let Value::Object(changes) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let map = target.as_object_mut().unwrap();
        for (key, change) in changes {
            if change.is_null() {
                map.remove(key);
            } else {
                apply(map.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
    }

    #[test]
    fn applying_the_difference_gives_the_new_document() {
        let documents = [
            json!({"rows": {"1": {"waiting": 5, "oldest": "t"}, "2": {"waiting": 0}}}),
            json!({"rows": {"1": {"waiting": 6}, "3": {"waiting": 1, "types": [1, 2]}}}),
            json!({"rows": {"3": {"waiting": 1, "types": [1, 3]}}}),
            json!({"rows": {}}),
        ];
        for old in &documents {
            for new in &documents {
                let mut patched = old.clone();
                if let Some(patch) = difference(old, new) {
                    apply(&mut patched, &patch);
                }
                assert_eq!(&patched, new);
                assert_eq!(difference(old, new).is_none(), old == new);
            }
        }
    }

    #[test]
    fn only_what_changed_is_sent() {
        let old = json!({"a": 1, "b": {"c": 2, "d": 3}});
        let new = json!({"a": 1, "b": {"c": 2, "d": 4}});
        assert_eq!(difference(&old, &new), Some(json!({"b": {"d": 4}})));
    }
}
