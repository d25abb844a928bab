//! A lock file of npm locks what its `package.json` asks for.

use serde_json::Value;

use super::{Finding, Source};

const ASKED: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

pub fn check(sources: &[Source], found: &mut Vec<Finding>) {
    for lock in sources.iter().filter(|source| source.path.ends_with("package-lock.json")) {
        let beside = lock.path.replace("package-lock.json", "package.json");
        let asked =
            sources.iter().find(|source| source.path == beside).map(|source| json(&source.text));
        let locked = json(&lock.text);
        let root = &locked["packages"][""];
        let fits = asked.is_some_and(|asked| ASKED.iter().all(|key| asked[*key] == root[*key]));
        if !fits {
            let says =
                format!("it does not lock what {beside} asks for: `npm install` in that folder");
            found.push(lock.finding(1, says));
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::source;

    fn said(asked: &str, locked: &str) -> Vec<String> {
        let sources = [source("web/package.json", asked), source("web/package-lock.json", locked)];
        let mut found = Vec::new();
        check(&sources, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_version_that_was_raised_on_one_side_only_is_named() {
        let locked = r#"{"packages": {"": {"dependencies": {"uplot": "1.6.31"}}}}"#;
        let says = said(r#"{"dependencies": {"uplot": "1.6.32"}}"#, locked);
        let wanted = "web/package-lock.json:1: it does not lock what web/package.json asks for: `npm install` in that folder";
        assert_eq!(says, [wanted]);
        assert!(said(r#"{"name": "a", "dependencies": {"uplot": "1.6.31"}}"#, locked).is_empty());
    }
}
