//! The lines of container runtimes: those of the CRI (containerd, CRI-O) and of Docker's `json-file`.

use serde::Deserialize;

use super::time;

/// A line of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// When the runtime got it, in nanoseconds since the Unix epoch.
    pub time_nanos: i64,
    /// Whether it came by standard error.
    pub error: bool,
    /// Whether the container's line goes on in the next one of the same stream.
    pub partial: bool,
    /// What the container wrote.
    pub text: String,
}

#[derive(Deserialize)]
struct Docker {
    log: String,
    stream: String,
    time: String,
}

/// A container's line, from `2026-11-26T10:00:00.1Z stdout F text` or `{"log":"text\n","stream":"stdout","time":"…"}`.
///
/// # Errors
/// What is wrong with it.
pub fn container(text: &str) -> Result<Container, String> {
    if text.starts_with('{') {
        return docker(text);
    }
    let mut words = text.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (stamp, stream, tags, text) = (word(), word(), word(), word());
    let partial = match tags.split(':').next() {
        Some("P") => true,
        Some("F") => false,
        _ => {
            return Err(
                "it is no line of a container: after time and stream there is no F or P".to_owned()
            );
        }
    };
    Ok(Container {
        time_nanos: moment(stamp)?,
        error: is_error(stream)?,
        partial,
        text: text.to_owned(),
    })
}

fn docker(text: &str) -> Result<Container, String> {
    let line: Docker =
        serde_json::from_str(text).map_err(|error| format!("it is no line of Docker: {error}"))?;
    let (time_nanos, error) = (moment(&line.time)?, is_error(&line.stream)?);
    let whole = line.log.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let (partial, text) = (whole.is_none(), whole.unwrap_or(&line.log).to_owned());
    Ok(Container { time_nanos, error, partial, text })
}

fn moment(text: &str) -> Result<i64, String> {
    let shown = || text.chars().take(40).collect::<String>();
    time::any(text).ok_or_else(|| format!("it is no line of a container: {:?} is no time", shown()))
}

fn is_error(stream: &str) -> Result<bool, String> {
    match stream {
        "stdout" => Ok(false),
        "stderr" => Ok(true),
        _ => {
            Err("it is no line of a container: its stream is neither stdout nor stderr".to_owned())
        }
    }
}
