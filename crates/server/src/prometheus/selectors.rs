//! `match[]`: which series are meant, as PromQL writes it: `up`, `up{job="api"}`, `{"http.requests", job!~'a|b'}`.

use vigie_model::METRIC_NAME;
use vigie_store::{MatchOp, Matcher};

use super::error::ApiError;
use super::params::Params;

/// Every `match[]`; each must name something, or all series would be meant by mistake.
pub(super) fn matcher_sets(params: &Params) -> Result<Vec<Vec<Matcher>>, String> {
    let mut sets = Vec::new();
    for given in params.all("match[]") {
        let set = selector(given)?;
        if set.iter().all(|matcher| matcher.matches("")) {
            return Err("match[] must contain at least one non-empty matcher".to_owned());
        }
        sets.push(set);
    }
    Ok(sets)
}

/// The same, as an error without the parameter's name, as labels and their values have it.
pub(super) fn matcher_sets_or_bad_data(params: &Params) -> Result<Vec<Vec<Matcher>>, ApiError> {
    matcher_sets(params).map_err(ApiError::bad_data)
}

/// Reads a selector of an instant vector, without offset and `@`, which have no meaning here.
fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    let mut reader = Reader { text, at: 0 };
    let mut set = Vec::new();
    reader.space();
    let name = reader.word(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(reader.error("a metric's name does not begin with a digit"));
    }
    if !name.is_empty() {
        set.push(named(name)?);
    }
    reader.space();
    if reader.eat("{") {
        let mut has_name = !name.is_empty();
        loop {
            reader.space();
            if reader.eat("}") {
                break;
            }
            let matcher = reader.matcher()?;
            // A quoted text alone is the metric's name; there may be one.
            if let Element::Name(name) = &matcher {
                if has_name {
                    return Err(reader.error("metric name must not be set twice"));
                }
                has_name = true;
                set.push(named(name)?);
            } else if let Element::Matcher(matcher) = matcher {
                set.push(matcher);
            }
            reader.space();
            if !reader.eat(",") && !reader.rest().starts_with('}') {
                return Err(reader.unexpected("\",\" or \"}\""));
            }
        }
        reader.space();
    } else if name.is_empty() {
        return Err(reader.unexpected("a metric's name or \"{\""));
    }
    if reader.rest().is_empty() { Ok(set) } else { Err(reader.unexpected("the end")) }
}

fn named(name: &str) -> Result<Matcher, String> {
    Matcher::new(METRIC_NAME, MatchOp::Equal, name).map_err(|error| error.to_string())
}

/// What stands between commas.
enum Element {
    Name(String),
    Matcher(Matcher),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.word(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    fn word(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(|c| !of(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn error(&self, what: &str) -> String {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{line}:{column}: parse error: {what}")
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found = self.rest().chars().next();
        let found = found.map_or("end of input".to_owned(), |c| format!("character {c:?}"));
        self.error(&format!("unexpected {found} in a selector, expected {wanted}"))
    }

    fn matcher(&mut self) -> Result<Element, String> {
        let quoted = self.rest().starts_with(['"', '\'', '`']);
        let name = if quoted {
            self.string()?
        } else {
            let word = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
            if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(self.unexpected("a label's name"));
            }
            word.to_owned()
        };
        self.space();
        if quoted && self.rest().starts_with([',', '}']) {
            return Ok(Element::Name(name));
        }
        // The longer ones first: `=` begins one of them.
        let ops = [MatchOp::Regex, MatchOp::NotRegex, MatchOp::NotEqual, MatchOp::Equal];
        let op = ops.into_iter().find(|op| self.eat(op.as_str()));
        let op = op.ok_or_else(|| self.unexpected("one of = != =~ !~"))?;
        self.space();
        let value = self.string()?;
        let matcher = Matcher::new(name, op, value).map_err(|error| error.to_string())?;
        Ok(Element::Matcher(matcher))
    }

    /// A text in quotes of one of three kinds; within backticks nothing is escaped.
    fn string(&mut self) -> Result<String, String> {
        let Some(quote) =
            ['"', '\'', '`'].into_iter().find(|quote| self.rest().starts_with(*quote))
        else {
            return Err(self.unexpected("a string"));
        };
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err(self.error("unterminated quoted string"));
            };
            self.at += c.len_utf8();
            match c {
                c if c == quote => break,
                '\\' if quote != '`' => self.escape(quote, &mut out)?,
                '\n' if quote != '`' => return Err(self.error("unterminated quoted string")),
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        String::from_utf8(out).map_err(|_| self.error("the escaped bytes are not UTF-8"))
    }

    /// What follows a backslash, as in Go.
    fn escape(&mut self, quote: char, out: &mut Vec<u8>) -> Result<(), String> {
        let wrong = |reader: &Self| reader.error("unknown escape sequence");
        let c = self.rest().chars().next().ok_or_else(|| wrong(self))?;
        let (radix, digits, skip) = match c {
            'x' => (16, 2, 1),
            'u' => (16, 4, 1),
            'U' => (16, 8, 1),
            '0'..='7' => (8, 3, 0),
            _ => {
                out.push(match c {
                    'a' => 7,
                    'b' => 8,
                    't' => b'\t',
                    'n' => b'\n',
                    'v' => 11,
                    'f' => 12,
                    'r' => b'\r',
                    '\\' => b'\\',
                    c if c == quote => c as u8,
                    _ => return Err(wrong(self)),
                });
                self.at += 1;
                return Ok(());
            }
        };
        let code = self.rest().get(skip..skip + digits).filter(|code| !code.starts_with('+'));
        let code = code.and_then(|code| u32::from_str_radix(code, radix).ok());
        let code = code.ok_or_else(|| wrong(self))?;
        self.at += skip + digits;
        if matches!(c, 'u' | 'U') {
            let c = char::from_u32(code).ok_or_else(|| wrong(self))?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(u8::try_from(code).map_err(|_| wrong(self))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        Ok(selector(text)?.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn selectors_are_read_as_promql_writes_them() {
        for (text, expected) in [
            ("up", r#"__name__="up""#),
            (" job:rate_5m ", r#"__name__="job:rate_5m""#),
            ("up{}", r#"__name__="up""#),
            ("{}", ""),
            (r#"up{job="api",instance!~"a|b",}"#, r#"__name__="up" job="api" instance!~"a|b""#),
            (r#"{ "http.requests" , "le.x" =~ '.+' }"#, r#"__name__="http.requests" le.x=~".+""#),
            (r#"{a="\"\\\n\x41\u00e9\101"}"#, r#"a="\"\\\nAéA""#),
            (r"{a=`\d+{,}`}", r#"a="\\d+{,}""#),
            (r#"{__name__="up", a!=""}"#, r#"__name__="up" a!="""#),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_place() {
        for (text, start) in [
            ("", "1:1: parse error: unexpected end of input"),
            ("up{", "1:4: parse error: unexpected end of input"),
            ("up{job}", "1:7: parse error: unexpected character '}'"),
            ("up{job=api}", "1:8: parse error: unexpected character 'a'"),
            ("up{job=\"a\" b=\"c\"}", "1:12: parse error: unexpected character 'b'"),
            ("up{job=\"a}", "1:11: parse error: unterminated"),
            ("up[5m]", "1:3: parse error: unexpected character '['"),
            ("up + 1", "1:4: parse error: unexpected character '+'"),
            ("3up", "1:4: parse error: a metric's name"),
            ("up{\"down\"}", "1:10: parse error: metric name must not be set twice"),
            ("{a=\"\\q\"}", "1:6: parse error: unknown escape"),
            ("{a=\"\\xff\"}", "1:10: parse error: the escaped bytes"),
            ("{a=~\"(\"}", "error parsing regexp \"(\""),
            ("{a=~\n1}", "2:1: parse error: unexpected character '1'"),
        ] {
            let why = selector(text).expect_err(text);
            assert!(why.starts_with(start), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), inner in r#"[{}",'`\\=~!a-z0-9é ]{0,20}"#) {
            let _ = (selector(&text), selector(&inner), selector(&format!("{{{inner}")));
        }

        #[test]
        fn any_value_can_be_asked_for(value in any::<String>()) {
            let quoted: String = value.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
            let set = selector(&format!("{{a=\"{quoted}\"}}")).unwrap();
            prop_assert_eq!(set[0].value(), value);
        }
    }
}
