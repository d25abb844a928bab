//! Strings in the three quotings of PromQL.

/// The string at the beginning of a text, and how many bytes it takes there; or what is wrong with it.
pub(crate) fn unquote(text: &str) -> Result<(String, usize), String> {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else {
        return Err("unterminated quoted string".to_owned());
    };
    let mut value = Vec::new();
    while let Some((place, one)) = chars.next() {
        match one {
            _ if one == quote => {
                let value =
                    String::from_utf8(value).map_err(|_| "invalid UTF-8 rune".to_owned())?;
                return Ok((value, place + quote.len_utf8()));
            }
            '\n' if quote != '`' => break,
            // Between backticks nothing is escaped; carriage returns fall away, as in Go.
            '\r' if quote == '`' => {}
            '\\' if quote != '`' => escape(&mut chars, quote, &mut value)?,
            _ => push(&mut value, one),
        }
    }
    Err(if quote == '`' { "unterminated raw string" } else { "unterminated quoted string" }
        .to_owned())
}

fn push(value: &mut Vec<u8>, one: char) {
    value.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escape(
    chars: &mut std::str::CharIndices<'_>,
    quote: char,
    value: &mut Vec<u8>,
) -> Result<(), String> {
    let Some((_, kind)) = chars.next() else {
        return Err("escape sequence not terminated".to_owned());
    };
    let plain = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        _ if kind == quote => quote,
        _ => return code(chars, kind, value),
    };
    push(value, plain);
    Ok(())
}

/// A character by its number.
fn code(
    chars: &mut std::str::CharIndices<'_>,
    kind: char,
    value: &mut Vec<u8>,
) -> Result<(), String> {
    let (digits, base, first) = match kind {
        'x' => (2, 16, 0),
        'u' => (4, 16, 0),
        'U' => (8, 16, 0),
        '0'..='7' => (2, 8, kind.to_digit(8).unwrap_or_default()),
        _ => return Err(format!("unknown escape sequence U+{:04X} {kind:?}", kind as u32)),
    };
    let mut code = first;
    for _ in 0..digits {
        let Some((_, one)) = chars.next() else {
            return Err("escape sequence not terminated".to_owned());
        };
        let digit = one.to_digit(base).ok_or_else(|| {
            format!("illegal character U+{:04X} {one:?} in escape sequence", one as u32)
        })?;
        code = code.wrapping_mul(base).wrapping_add(digit);
    }
    let invalid = || "escape sequence is an invalid Unicode code point".to_owned();
    if matches!(kind, 'u' | 'U') {
        push(value, char::from_u32(code).ok_or_else(invalid)?);
    } else {
        value.push(u8::try_from(code).map_err(|_| invalid())?);
    }
    Ok(())
}

/// A string between double quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => quoted.extend(['\\', one]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if one.is_control() => quoted.push_str(&format!("\\u{:04x}", one as u32)),
            _ => quoted.push(one),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quotings() {
        for (text, value) in [
            (r#""a\"b\n""#, "a\"b\n"),
            (r"'it\'s'", "it's"),
            (r"`back\d`", r"back\d"),
            (r#""\u00e9\x41\101\xc3\xa9""#, "éAAé"),
        ] {
            assert_eq!(unquote(text), Ok((value.to_owned(), text.len())), "{text}");
        }
        for text in [r#""a"#, r#""\'""#, "`a", r#""\q""#, r#""\xff""#, r#""\ud800""#, "'a\nb'"] {
            assert!(unquote(text).is_err(), "{text}");
        }
    }
}
