//! Text to tokens.

use super::parser::ParseError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Ident(String),
    /// A number, or a duration in seconds.
    Number(f64),
    Text(String),
    /// An operator or punctuation.
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: [&str; 27] = [
    "==", "!=", "=~", "!~", ">=", "<=", "</", ">/", ">", "<", "=", "+", "-", "*", "/", "%", "^",
    "(", ")", "{", "}", "[", "]", ",", ":", "@", "~",
];

/// Tokens with the byte at which each starts.
pub(super) fn lex(text: &str) -> Result<Vec<(Token, usize)>, ParseError> {
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut brackets) = (0, Vec::new(), 0_usize);
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let token = match byte {
            b'#' => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'"' | b'\'' | b'`' => quoted(text, &mut at)?,
            b'0'..=b'9' => number(text, &mut at)?,
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => number(text, &mut at)?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => ident(text, &mut at, brackets == 0),
            b':' if brackets == 0 => ident(text, &mut at, true),
            _ => {
                let Some(sign) = SIGNS.iter().find(|sign| text[at..].starts_with(**sign)) else {
                    let found = text[at..].chars().next().unwrap_or_default();
                    return Err(ParseError::at(
                        text,
                        at,
                        format!("unexpected character: {found:?}"),
                    ));
                };
                at += sign.len();
                match *sign {
                    "[" => brackets += 1,
                    "]" => brackets = brackets.saturating_sub(1),
                    _ => {}
                }
                Token::Sign(sign)
            }
        };
        tokens.push((token, start));
    }
    tokens.push((Token::End, text.len()));
    Ok(tokens)
}

fn ident(text: &str, at: &mut usize, colons: bool) -> Token {
    let start = *at;
    let length = text[start..]
        .bytes()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || *byte == b'_' || (colons && *byte == b':')
        })
        .count();
    *at += length;
    Token::Ident(text[start..*at].to_owned())
}

fn number(text: &str, at: &mut usize) -> Result<Token, ParseError> {
    let start = *at;
    let bytes = text.as_bytes();
    let hex = text[start..].starts_with("0x") || text[start..].starts_with("0X");
    while *at < bytes.len() {
        let byte = bytes[*at];
        let sign = matches!(byte, b'+' | b'-')
            && !hex
            && matches!(bytes[*at - 1], b'e' | b'E')
            && bytes.get(*at + 1).is_some_and(u8::is_ascii_digit)
            && *at > start;
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || sign) {
            break;
        }
        *at += 1;
    }
    let word = &text[start..*at];
    duration(word).or_else(|| plain(word)).map(Token::Number).ok_or_else(|| {
        ParseError::at(text, start, format!("bad number or duration syntax: {word:?}"))
    })
}

/// Seconds of `1h30m`; each unit once, from large to small.
pub(super) fn duration(word: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("y", 31_536_000e3),
        ("w", 604_800e3),
        ("d", 86_400e3),
        ("h", 3_600e3),
        ("ms", 1.0),
        ("m", 60e3),
        ("s", 1e3),
    ];
    let (mut rest, mut millis, mut last) = (word, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: f64 = rest.get(..digits).filter(|text| !text.is_empty())?.parse().ok()?;
        rest = &rest[digits..];
        let (unit, size) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        if *size >= last {
            return None;
        }
        last = *size;
        millis += count * size;
        rest = &rest[unit.len()..];
    }
    (millis <= 9.2e15).then_some(millis / 1e3)
}

fn plain(word: &str) -> Option<f64> {
    let bytes = word.as_bytes();
    // A separator stands between two digits.
    let separated = bytes.iter().enumerate().all(|(place, byte)| {
        let digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
        *byte != b'_' || (place > 0 && (digit(place - 1) || place == 2) && digit(place + 1))
    });
    if !separated {
        return None;
    }
    let word = word.replace('_', "").to_ascii_lowercase();
    if let Some(hex) = word.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    if word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit()) {
        let octal = i64::from_str_radix(&word, 8).ok().map(|value| value as f64);
        return octal.or_else(|| word.parse().ok());
    }
    word.parse().ok()
}

fn quoted(text: &str, at: &mut usize) -> Result<Token, ParseError> {
    let start = *at;
    let quote = text.as_bytes()[start] as char;
    let mut out = Vec::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((place, found)) = chars.next() {
        if found == quote {
            *at = start + 1 + place + 1;
            let text = String::from_utf8_lossy(&out).into_owned();
            return Ok(Token::Text(text));
        }
        match found {
            '\n' if quote != '`' => break,
            '\\' if quote != '`' => escape(quote, &mut chars, &mut out).ok_or_else(|| {
                ParseError::at(text, start + 1 + place, "unknown escape sequence".to_owned())
            })?,
            _ => out.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err(ParseError::at(text, start, "unterminated quoted string".to_owned()))
}

fn escape(quote: char, chars: &mut std::str::CharIndices<'_>, out: &mut Vec<u8>) -> Option<()> {
    let (_, found) = chars.next()?;
    let mut digits = |first: Option<char>, count: usize, radix: u32| {
        let mut value = first.map_or(Some(0), |first| first.to_digit(radix))?;
        for _ in 0..count {
            value = value.checked_mul(radix)?.checked_add(chars.next()?.1.to_digit(radix)?)?;
        }
        Some(value)
    };
    let byte = match found {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        _ if found == quote => quote as u8,
        'x' => digits(None, 2, 16)? as u8,
        '0'..='7' => u8::try_from(digits(Some(found), 2, 8)?).ok()?,
        'u' | 'U' => {
            let value = char::from_u32(digits(None, if found == 'u' { 4 } else { 8 }, 16)?)?;
            out.extend_from_slice(value.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(());
        }
        _ => return None,
    };
    out.push(byte);
    Some(())
}
