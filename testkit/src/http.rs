//! A very small HTTP client for servers on this machine: one request a connection, answers in one piece.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status, such as 200.
    pub status: u16,
    /// The body as text; what is not UTF-8 is replaced.
    pub body: String,
}

/// Asks for a path of 127.0.0.1.
///
/// # Errors
/// When nobody listens or the answer is cut short.
pub fn http_get(port: u16, path: &str) -> std::io::Result<HttpAnswer> {
    exchange(port, &format!("GET {path}"), &[], &[])
}

/// Sends a body with these headers to a path of 127.0.0.1.
///
/// # Errors
/// When nobody listens or the answer is cut short.
pub fn http_post(
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<HttpAnswer> {
    exchange(port, &format!("POST {path}"), headers, body)
}

/// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
fn exchange(
    port: u16,
    what: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<HttpAnswer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{what} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let short =
        || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "an answer without a head");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(short)?;
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Ok(HttpAnswer { status: status.ok_or_else(short)?, body: body.to_owned() })
}

/// Text as a value of a query string or form.
#[must_use]
pub fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Whether a server answers 200 there.
pub(crate) fn ready(port: u16, path: &str) -> Result<(), String> {
    match http_get(port, path) {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{path} answers {answer:?}")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_form_is_encoded() {
        assert_eq!(form_encoded("a{b=\"é\"} + 1"), "a%7Bb%3D%22%C3%A9%22%7D%20%2B%201");
    }
}
