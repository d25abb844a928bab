//! Rooms that can be known: no file over 600 lines, no Go function over 70.

use super::{Finding, Source};

const FILE: usize = 600;
const FUNCTION: usize = 70;

pub fn check(source: &Source, found: &mut Vec<Finding>) {
    if source.generated()
        || !matches!(source.extension(), "rs" | "ts" | "tsx" | "go" | "js" | "mjs")
    {
        return;
    }
    let count = source.text.lines().count();
    if count > FILE {
        found.push(source.finding(
            FILE + 1,
            format!(
                "the file has {count} lines, more than {FILE}: split it by what its parts know"
            ),
        ));
    }
    if source.extension() == "go" {
        go_functions(source, found);
    }
}

/// After gofmt, a function begins with `func` and ends with `}`, both at the very left.
fn go_functions(source: &Source, found: &mut Vec<Finding>) {
    let mut start = None;
    for (number, line) in source.lines() {
        if line.starts_with("func ") && !line.ends_with('}') {
            start = Some(number);
        } else if line == "}"
            && let Some(first) = start.take()
        {
            let count = number - first + 1;
            if count > FUNCTION {
                found.push(source.finding(
                    first,
                    format!("the function has {count} lines, more than {FUNCTION}: name its steps"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::said;

    #[test]
    fn a_long_file_is_named() {
        let said = said(check, "web/src/a.tsx", &"x\n".repeat(601));
        assert_eq!(
            said,
            ["601: the file has 601 lines, more than 600: split it by what its parts know"]
        );
    }

    #[test]
    fn a_generated_file_and_a_text_may_be_long() {
        assert!(said(check, "web/src/api/generated/schema.ts", &"x\n".repeat(900)).is_empty());
        assert!(said(check, "docs/long.md", &"x\n".repeat(900)).is_empty());
    }

    #[test]
    fn a_long_go_function_is_named_and_a_struct_is_not_one() {
        let long = format!(
            "type a struct {{\n{}}}\n\nfunc f() {{\n{}}}\n",
            "\tb int\n".repeat(80),
            "\tg()\n".repeat(69)
        );
        assert_eq!(
            said(check, "sdk/go/a.go", &long),
            ["84: the function has 71 lines, more than 70: name its steps"]
        );
        let short = format!("func f() {{\n{}}}\n", "\tg()\n".repeat(68));
        assert!(said(check, "sdk/go/a.go", &short).is_empty());
    }
}
