//! Names in UTF-8 where only letters, digits and underscores pass: `U__` and then `_2e_` for a dot, `__` for an
//! underscore.

/// The name that is meant. What is not escaped, or not rightly, is the name itself.
pub(super) fn unescape(name: &str) -> String {
    name.strip_prefix("U__").and_then(decoded).unwrap_or_else(|| name.to_owned())
}

fn decoded(escaped: &str) -> Option<String> {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, code)) = rest.split_once('_') {
        out.push_str(plain);
        let (code, after) = code.split_once('_')?;
        out.push(match code {
            "" => '_',
            code if code.len() <= 6 && code.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?
            }
            _ => return None,
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read_and_others_left_alone() {
        for (name, expected) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U___68__69_", "hi"),
            ("U__caf_E9_", "café"),
            ("U__", ""),
            ("U__a_2e", "U__a_2e"),
            ("U__a_xyz_", "U__a_xyz_"),
            ("U__a_D800_", "U__a_D800_"),
            ("U__a_1234567_", "U__a_1234567_"),
            ("U__a_+2e_", "U__a_+2e_"),
        ] {
            assert_eq!(unescape(name), expected, "{name}");
        }
    }
}
