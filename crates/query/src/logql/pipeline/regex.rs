//! Regular expressions of queries.

use regex::{Regex, RegexBuilder};
use vigie_store::matcher::with_plain_braces;

/// A regular expression may take this much memory when compiled.
const REGEX_BYTES: usize = 1 << 20;

/// A regular expression in Go's notation; or what is wrong with it.
pub(crate) fn compile(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(&with_plain_braces(text))
        .size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| format!("error parsing regexp: {error}"))
}
