//! `ip("…")`: addresses within a text.

use std::net::IpAddr;

/// An address, a range of them or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    first: IpAddr,
    last: IpAddr,
}

impl Addresses {
    /// `10.0.0.1`, `10.0.0.1-10.0.0.9` or `10.0.0.0/8`, or of IPv6.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let wrong = || format!("ip: invalid pattern: {pattern:?}");
        if let Ok(one) = pattern.parse::<IpAddr>() {
            return Ok(Self { first: one, last: one });
        }
        if let Some((address, bits)) = pattern.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let bits: u32 = bits.parse().map_err(|_| wrong())?;
            return network(address, bits).ok_or_else(wrong);
        }
        let (first, last) = pattern.split_once('-').ok_or_else(wrong)?;
        let first: IpAddr = first.trim().parse().map_err(|_| wrong())?;
        let last: IpAddr = last.trim().parse().map_err(|_| wrong())?;
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return Err(wrong());
        }
        Ok(Self { first, last })
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// Whether one of them stands anywhere in a text.
    pub(crate) fn within(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if !(byte.is_ascii_hexdigit() || *byte == b':') {
                at += 1;
                continue;
            }
            let word = bytes[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            let end = at + word.count();
            let word = &text[at..end];
            let found = [word, word.trim_end_matches(['.', ':']), without_port(word)];
            if found.iter().any(|word| word.parse().is_ok_and(|address| self.contains(address))) {
                return true;
            }
            at = end;
        }
        false
    }
}

/// An address of IPv4 without the port behind it.
fn without_port(word: &str) -> &str {
    match word.split_once(':') {
        Some((address, _)) if address.contains('.') => address,
        _ => word,
    }
}

fn network(address: IpAddr, bits: u32) -> Option<Addresses> {
    Some(match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = address.to_bits() & !host;
            (bits <= 32).then(|| Addresses {
                first: IpAddr::V4(first.into()),
                last: IpAddr::V4((first | host).into()),
            })?
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = address.to_bits() & !host;
            (bits <= 128).then(|| Addresses {
                first: IpAddr::V6(first.into()),
                last: IpAddr::V6((first | host).into()),
            })?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_anywhere() {
        for (pattern, line, held) in [
            ("10.0.0.1", "from 10.0.0.1:443 to x", true),
            ("10.0.0.1", "from 10.0.0.11", false),
            ("10.0.0.0/8", "(10.9.8.7)", true),
            ("10.0.0.0/8", "11.0.0.1 and more.", false),
            ("10.0.0.1-10.0.0.9", "a=10.0.0.5.", true),
            ("::1", "bound to [::1]:80", true),
            ("2001:db8::/32", "2001:db8:1::7 said", true),
            ("0.0.0.0/0", "feed face", false),
        ] {
            assert_eq!(Addresses::new(pattern).unwrap().within(line), held, "{pattern} in {line}");
        }
        for pattern in ["", "x", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "1.2.3.4-::1", "1.2.3/8"] {
            assert!(Addresses::new(pattern).is_err(), "{pattern}");
        }
    }
}
