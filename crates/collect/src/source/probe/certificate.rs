//! When a certificate ends: as much of X.509 as it takes to find that. Pure.

use vigie_model::Time;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity, from its DER; `None` when it is no certificate.
#[must_use]
pub fn ends(der: &[u8]) -> Option<Time> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, rest)) = expect(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    match tag {
        UTC_TIME => {
            let year = two(text, 0)?;
            // RFC 5280: two digits are of this century until 2049.
            moment(if year < 50 { 2_000 + year } else { 1_900 + year }, &text[2..])
        }
        GENERALIZED_TIME => moment(two(text, 0)? * 100 + two(text, 2)?, &text[4..]),
        _ => None,
    }
}

fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and what follows of the element that `der` begins with.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, first) = (*der.first()?, *der.get(1)?);
    let (length, at) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x84 => {
            let bytes = der.get(2..2 + usize::from(first & 0x7f))?;
            let length = bytes.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
            (length, 2 + bytes.len())
        }
        // 0x80 is a length of its own kind, more than four bytes are no certificate.
        0x80 | 0x85.. => return None,
    };
    let rest = der.get(at..)?;
    (length <= rest.len()).then(|| (tag, &rest[..length], &rest[length..]))
}

fn two(text: &[u8], at: usize) -> Option<i64> {
    let digits = text.get(at..at + 2)?;
    let both = digits.iter().all(u8::is_ascii_digit);
    both.then(|| i64::from(digits[0] - b'0') * 10 + i64::from(digits[1] - b'0'))
}

/// `MMDDhhmmssZ` of a year.
fn moment(year: i64, text: &[u8]) -> Option<Time> {
    if text.len() != 11 || text[10] != b'Z' {
        return None;
    }
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| two(text, at));
    let (month, day) = (month?, day?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = hour? * 3_600 + minute? * 60 + second?;
    Some(Time::from_seconds(days(year, month, day) * 86_400 + seconds))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar: years begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (date, expected) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 11_016),
            ((2021, 1, 1), 18_628),
            ((2100, 3, 1), 47_541),
        ] {
            assert_eq!(days(date.0, date.1, date.2), expected, "{date:?}");
        }
    }

    #[test]
    fn the_end_of_a_real_certificate_is_found() {
        let files = vigie_testkit::Certificates::expired();
        let pem = std::fs::read(files.server().0).unwrap();
        let der = CertificateDer::from_pem_slice(&pem).unwrap();
        assert_eq!(ends(&der), Some(Time::from_seconds(18_628 * 86_400)));
        // Cut or damaged, it is none; and nothing else happens.
        for end in 0..der.len() {
            assert_eq!(ends(&der[..end]), None);
        }
        for place in 0..der.len() {
            let mut damaged = der.to_vec();
            damaged[place] ^= 0xff;
            let _ = ends(&damaged);
        }
    }
}
