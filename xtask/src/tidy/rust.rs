//! What Rust code may do where: no panics outside tests, no clock in the pure crates, the environment only in `app`.

use proc_macro2::Span;
use regex_lite::Regex;
use std::sync::LazyLock;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, ExprMethodCall, Item, Lit, Macro, Path, UseTree};

use super::names::EMPTY;
use super::{Finding, Source};

/// Crates whose results depend on their arguments alone; tests run them in virtual time.
const WITHOUT_CLOCK: [&str; 5] = ["model", "board", "query", "diagnose", "alert"];

const CLOCK: &str = "this crate reads no clock: take the time as an argument";
const ENVIRONMENT: &str =
    "only crates/app reads the environment: take it as a value of the configuration";

/// Files in which everything is a test.
static TESTS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(^|/)(tests?|testing|benches)(/|\.rs$)|_tests?\.rs$").ok());

pub fn check(source: &Source, found: &mut Vec<Finding>) {
    let Some(place) = Place::of(source) else { return };
    let file = match syn::parse_file(&source.text) {
        Ok(file) => file,
        Err(problem) => {
            found.push(
                source.finding(problem.span().start().line, format!("this is not Rust: {problem}")),
            );
            return;
        }
    };
    if for_tests(&file.attrs) {
        return;
    }
    let mut reader = Reader { source, place, found };
    reader.visit_file(&file);
}

/// What holds in a file.
struct Place {
    clock: bool,
    environment: bool,
}

impl Place {
    /// None for a file in which these rules do not hold.
    fn of(source: &Source) -> Option<Self> {
        let tests = TESTS.as_ref().is_some_and(|tests| tests.is_match(&source.path));
        if source.extension() != "rs" || tests {
            return None;
        }
        let parts: Vec<&str> = source.parts().collect();
        match parts[..] {
            ["crates", name, "src", ..] => {
                Some(Self { clock: !WITHOUT_CLOCK.contains(&name), environment: name == "app" })
            }
            ["xtask", "src", ..] => Some(Self { clock: true, environment: true }),
            _ => None,
        }
    }
}

struct Reader<'a> {
    source: &'a Source,
    place: Place,
    found: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn report(&mut self, span: Span, says: &str) {
        self.found.push(self.source.finding(span.start().line, says));
    }

    /// A name with its last qualifier, as `Instant::now`.
    fn name(&mut self, span: Span, qualifier: &str, name: &str) {
        let typed = qualifier.starts_with(char::is_uppercase);
        if !self.place.clock && typed && matches!(name, "now" | "now_utc" | "now_local" | "elapsed")
        {
            self.report(span, CLOCK);
        }
        if !self.place.environment
            && qualifier == "env"
            && matches!(name, "var" | "var_os" | "vars" | "vars_os" | "*")
        {
            self.report(span, ENVIRONMENT);
        }
    }

    fn imports(&mut self, qualifier: &str, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.imports(&path.ident.to_string(), &path.tree),
            UseTree::Name(name) => self.name(name.ident.span(), qualifier, &name.ident.to_string()),
            UseTree::Rename(name) => {
                self.name(name.ident.span(), qualifier, &name.ident.to_string())
            }
            UseTree::Glob(glob) => self.name(glob.star_token.span, qualifier, "*"),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.imports(qualifier, tree))
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            _ => &[],
        };
        if for_tests(attributes) {
            return;
        }
        match item {
            Item::Use(item) => self.imports("", &item.tree),
            Item::Mod(item) if EMPTY.contains(&item.ident.to_string().as_str()) => {
                self.report(
                    item.ident.span(),
                    "this module's name says nothing: call it after the one thing it knows",
                );
            }
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let mut from_end = path.segments.iter().rev();
        if let (Some(name), Some(qualifier)) = (from_end.next(), from_end.next()) {
            self.name(name.ident.span(), &qualifier.ident.to_string(), &name.ident.to_string());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let name = call.method.to_string();
        let span = call.method.span();
        match name.as_str() {
            "unwrap" if call.args.is_empty() => {
                self.report(span, "a panic outside tests: return an error that says what to do, or `expect(\"why it holds\")`");
            }
            "expect" if call.args.len() == 1 && !call.args.first().is_some_and(reasoned) => {
                self.report(span, "`expect` says in words why it holds");
            }
            "elapsed" if call.args.is_empty() && !self.place.clock => self.report(span, CLOCK),
            _ => {}
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        if let Some(last) = called.path.segments.last() {
            let name = last.ident.to_string();
            if matches!(name.as_str(), "panic" | "todo" | "unimplemented" | "dbg") {
                let says = format!("`{name}!` outside tests: return an error that says what to do");
                self.report(last.ident.span(), &says);
            }
        }
        // What most macros are given are expressions with commas between them.
        if let Ok(inner) =
            called.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated)
        {
            inner.iter().for_each(|expression| self.visit_expr(expression));
        }
        visit::visit_macro(self, called);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        if !for_tests(&method.attrs) {
            visit::visit_impl_item_fn(self, method);
        }
    }
}

/// An argument that is words, or something made elsewhere; but not a literal of one word.
fn reasoned(argument: &Expr) -> bool {
    match argument {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value().trim().contains(' '),
        _ => true,
    }
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            let condition = attribute
                .meta
                .require_list()
                .map(|list| list.tokens.to_string())
                .unwrap_or_default();
            return condition.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
                && !condition.contains("not");
        }
        path.segments.last().is_some_and(|last| last.ident == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::said;

    fn lines(path: &str, text: &str) -> Vec<String> {
        said(check, path, text).iter().map(|one| one.chars().take(30).collect()).collect()
    }

    #[test]
    fn panics_are_found_and_a_reason_is_asked_for() {
        let text = r#"
fn f() {
    a.unwrap();
    b.expect("");
    c.expect("the list was filled two lines above");
    panic!("no");
    let d = vec![e.unwrap()];
}
"#;
        let said = said(check, "crates/store/src/lib.rs", text);
        let numbers: Vec<_> = said.iter().map(|one| &one[..1]).collect();
        assert_eq!(numbers, ["3", "4", "6", "7"], "{said:?}");
    }

    #[test]
    fn tests_may_panic_wherever_they_are() {
        let text = "#[cfg(test)]\nmod tests { fn f() { a.unwrap(); panic!(); } }\n#[test]\nfn g() { a.unwrap() }";
        assert!(lines("crates/store/src/lib.rs", text).is_empty());
        assert!(lines("crates/store/src/wal/tests.rs", "fn f() { a.unwrap() }").is_empty());
        assert!(lines("testkit/src/lib.rs", "fn f() { a.unwrap() }").is_empty());
        assert_eq!(
            lines("crates/a/src/lib.rs", "#[cfg(not(test))]\nfn f() { a.unwrap() }").len(),
            1
        );
    }

    #[test]
    fn the_pure_crates_read_no_clock() {
        let text = "use std::time::Instant;\nfn f(t: Instant) {\n    let n = Instant::now();\n    t.elapsed();\n    info!(at = 1, \"{}\", Utc::now());\n    clock.now();\n}";
        assert_eq!(
            said(check, "crates/alert/src/lib.rs", text).len(),
            3,
            "the method `now` of a clock that is handed in is none of them"
        );
        assert!(lines("crates/collect/src/lib.rs", text).is_empty());
        let plain = "fn f() { println!(\"{}\", SystemTime::now()) }";
        assert_eq!(lines("crates/board/src/rate.rs", plain), ["1: this crate reads no clock: "]);
    }

    #[test]
    fn only_app_reads_the_environment() {
        let text = "use std::env::{self, var};\nfn f() { env::var_os(\"A\"); std::env::args(); env!(\"B\"); }";
        assert_eq!(said(check, "crates/server/src/lib.rs", text).len(), 2);
        assert!(lines("crates/app/src/main.rs", text).is_empty());
        assert!(lines("crates/server/build.rs", text).is_empty());
    }

    #[test]
    fn a_module_is_not_called_utils() {
        assert_eq!(lines("crates/app/src/main.rs", "mod utils;\nmod wal;").len(), 1);
    }

    #[test]
    fn what_does_not_parse_is_said() {
        assert!(
            lines("crates/app/src/main.rs", "fn (")
                .first()
                .unwrap()
                .starts_with("1: this is not Rust")
        );
    }
}
