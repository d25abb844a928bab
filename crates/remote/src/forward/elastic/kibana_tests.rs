//! `deploy/kibana/vigie.ndjson`: it imports as a whole, and asks for fields that are sent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Flavour, Target, template};

const FILE: &str = include_str!("../../../../../deploy/kibana/vigie.ndjson");

fn objects() -> Vec<Value> {
    assert!(FILE.ends_with('\n'));
    FILE.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// JSON within JSON.
fn inner(value: &Value) -> Value {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

fn name(object: &Value) -> (String, String) {
    let text = |key: &str| object[key].as_str().unwrap().to_owned();
    (text("type"), text("id"))
}

fn references(object: &Value) -> BTreeSet<String> {
    let all = object["references"].as_array().unwrap();
    all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// The type of a field in the index template; none where it is not there.
fn mapped(field: &str) -> Option<String> {
    let target = Target::Stream("logs-vigie-default".into());
    let template = template(&target, Flavour::Elasticsearch);
    let mut at = &template["template"]["mappings"];
    for part in field.split('.') {
        at = &at["properties"][part];
    }
    at["type"].as_str().map(str::to_owned)
}

/// The names before a colon in a query of Kibana's language.
fn fields_of_query(query: &str) -> Vec<String> {
    let before = query.split(" : ").collect::<Vec<_>>();
    let last = |part: &&str| part.rsplit([' ', '(']).next().unwrap_or_default().to_owned();
    before.iter().take(before.len() - 1).map(last).collect()
}

#[test]
fn every_reference_is_to_an_object_of_the_file() {
    let objects = objects();
    let names: BTreeSet<_> = objects.iter().map(name).collect();
    assert_eq!(names.len(), objects.len(), "an object is there twice");
    let kinds: BTreeSet<&str> = objects.iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["dashboard", "index-pattern", "search", "visualization"]));
    for object in &objects {
        for reference in object["references"].as_array().unwrap() {
            assert!(names.contains(&name(reference)), "{reference} of {}", object["id"]);
        }
        assert!(object["attributes"]["title"].is_string());
        assert_eq!(object["migrationVersion"].as_object().unwrap().len(), 1);
        let used: BTreeSet<String> = match object["type"].as_str().unwrap() {
            "index-pattern" => BTreeSet::new(),
            "dashboard" => {
                let panels = inner(&object["attributes"]["panelsJSON"]);
                let panels = panels.as_array().unwrap();
                panels.iter().map(|one| one["panelRefName"].as_str().unwrap().to_owned()).collect()
            }
            _ => {
                let source =
                    inner(&object["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]);
                assert_eq!(source["query"]["language"], "kuery");
                BTreeSet::from([source["indexRefName"].as_str().unwrap().to_owned()])
            }
        };
        assert_eq!(references(object), used, "{}", object["id"]);
    }
}

#[test]
fn the_panels_of_the_dashboard_do_not_lie_on_each_other() {
    let objects = objects();
    let dashboard = objects.iter().find(|one| one["type"] == "dashboard").unwrap();
    let panels = inner(&dashboard["attributes"]["panelsJSON"]);
    let mut taken = BTreeSet::new();
    for panel in panels.as_array().unwrap() {
        let of = |key: &str| panel["gridData"][key].as_u64().unwrap();
        assert!(of("x") + of("w") <= 48, "Kibana's grid has 48 columns");
        for x in of("x")..of("x") + of("w") {
            for y in of("y")..of("y") + of("h") {
                assert!(taken.insert((x, y)), "{panel}");
            }
        }
    }
}

#[test]
fn every_field_that_is_asked_for_is_sent_and_fit_for_it() {
    let mut seen = 0;
    for object in objects() {
        let attributes = &object["attributes"];
        if object["type"] == "index-pattern" {
            assert_eq!(
                mapped(attributes["timeFieldName"].as_str().unwrap()).as_deref(),
                Some("date_nanos")
            );
            assert_eq!(
                attributes["title"], "logs-vigie-*",
                "the default data stream is one of these"
            );
        }
        for column in attributes["columns"].as_array().unwrap_or(&vec![]) {
            assert!(mapped(column.as_str().unwrap()).is_some(), "{column}");
            seen += 1;
        }
        if attributes["kibanaSavedObjectMeta"].is_object() {
            let source = inner(&attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]);
            for field in fields_of_query(source["query"]["query"].as_str().unwrap()) {
                assert_eq!(mapped(&field).as_deref(), Some("keyword"), "{field}");
                seen += 1;
            }
        }
        if attributes["visState"].is_string() {
            let state = inner(&attributes["visState"]);
            assert_eq!(state["title"], attributes["title"]);
            for one in state["aggs"].as_array().unwrap() {
                let Some(field) = one["params"]["field"].as_str() else { continue };
                let wanted = if one["type"] == "terms" { "keyword" } else { "date_nanos" };
                assert_eq!(mapped(field).as_deref(), Some(wanted), "{field}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert_eq!(fields_of_query("a.b : \"x\" and (c : 1 or d : 2)"), ["a.b", "c", "d"]);
    assert_eq!(json!(mapped("no.such")), Value::Null);
}
