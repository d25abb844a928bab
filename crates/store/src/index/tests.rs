use proptest::prelude::*;

use super::*;
use crate::matcher::MatchOp;

fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher::new(name, op, value).unwrap()
}

fn any_labels() -> impl Strategy<Value = Labels> {
    prop::collection::vec(("[abc]", "[xyz]{0,2}"), 0..4).prop_map(Labels::from_pairs)
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Regex),
        Just(MatchOp::NotRegex)
    ];
    let value = prop_oneof![
        "[xyz]{0,2}",
        Just(".*".into()),
        Just(".+".into()),
        Just("x.?".into()),
        Just("x|yz|".into()),
        Just("x|y".into())
    ];
    ("[abcd]", op, value).prop_map(|(name, op, value): (_, _, String)| matcher(&name, op, &value))
}

proptest! {
    #[test]
    fn selecting_is_asking_each_series(
        all in prop::collection::vec(any_labels(), 0..30),
        matchers in prop::collection::vec(any_matcher(), 0..4),
    ) {
        let mut index = Index::default();
        for labels in &all {
            if index.find(labels).is_none() {
                index.add(labels);
            }
        }
        let found = index.select(&matchers);
        for id in index.all() {
            let labels = index.labels(id).unwrap();
            prop_assert_eq!(index.find(&labels), Some(id));
            let wanted = matchers.iter().all(|one| one.matches(labels.get(one.name()).unwrap_or("")));
            prop_assert_eq!(found.contains(id), wanted, "{} {:?}", labels, &matchers);
        }
        let names: std::collections::BTreeSet<String> = found.iter().flat_map(|id| {
            let labels = index.labels(id).unwrap();
            labels.iter().map(|label| label.name.to_string()).collect::<Vec<_>>()
        }).collect();
        let mut listed = index.names(&found);
        listed.sort();
        prop_assert_eq!(listed, names.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_is_retained_keeps_its_number() {
    let mut index = Index::default();
    let labels = ["x", "y", "z"].map(|value| Labels::from_pairs([("a", value)]));
    let ids = labels.clone().map(|labels| index.add(&labels));
    let kept = index.retained(&[ids[0], ids[2]].into_iter().collect());
    assert_eq!(labels.clone().map(|labels| kept.find(&labels)), [Some(ids[0]), None, Some(ids[2])]);
    assert_eq!((kept.next(), kept.len()), (3, 2));
    let all = kept.all().clone();
    assert_eq!(kept.values("a", &all).len(), 2);
}
