//! What a target is, before and after relabelling.

use vigie_model::{Label, Labels};

use super::relabel::{Relabeling, relabel};

/// The address of a target.
const ADDRESS: &str = "__address__";
/// `http` or `https`.
const SCHEME: &str = "__scheme__";
/// The path that is asked.
const PATH: &str = "__metrics_path__";
/// What the names of parameters of the URL begin with.
const PARAMETER: &str = "__param_";

/// How the targets of one source are asked, before relabelling.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// The value of the label `job`.
    pub job: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The path, which begins with `/`.
    pub path: String,
    /// Parameters of the URL. Relabelling sees and changes the first value of each.
    pub parameters: Vec<(String, Vec<String>)>,
    /// What is done with the labels of targets.
    pub relabeling: Vec<Relabeling>,
}

/// A target: where it is asked, and what its series are labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Scheme, host, port, path and query.
    pub url: String,
    /// `instance`, `job` and what else it has; no name begins with two underscores.
    pub labels: Labels,
}

/// Why a target cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Its address is no address.
    #[error("the target {0:?} is no address: write host:port, without scheme and path")]
    Address(String),
    /// There is another scheme than two.
    #[error("the scheme {0:?} is neither http nor https")]
    Scheme(String),
}

impl Target {
    /// Its address for people: without the query, in which there may be a token.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}

impl TargetSettings {
    /// The target at an address with labels of its own; `None`: relabelling drops it.
    ///
    /// # Errors
    /// When what relabelling leaves is no address, or another scheme.
    pub fn target(&self, address: &str, own: &Labels) -> Result<Option<Target>, TargetError> {
        let mut labels: Vec<Label> = vec![
            Label::new("job", self.job.as_str()),
            Label::new(ADDRESS, address),
            Label::new(SCHEME, self.scheme.as_str()),
            Label::new(PATH, self.path.as_str()),
        ];
        for (name, values) in &self.parameters {
            let first = values.first().map_or("", String::as_str);
            labels.push(Label::new(format!("{PARAMETER}{name}"), first));
        }
        labels.extend(own.iter().cloned());
        let Some(labels) = relabel(&Labels::new(labels), &self.relabeling) else {
            return Ok(None);
        };
        let address = labels.get(ADDRESS).unwrap_or_default();
        let scheme = labels.get(SCHEME).unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(TargetError::Scheme(scheme.to_owned()));
        }
        if address.is_empty() || address.contains(['/', '?', '#', '@', ' ']) {
            return Err(TargetError::Address(address.to_owned()));
        }
        let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && (host.ends_with(']') || !host.contains(':'))
        });
        let port = match (has_port, scheme) {
            (true, _) => "",
            (false, "https") => ":443",
            (false, _) => ":80",
        };
        let path = labels.get(PATH).unwrap_or("/");
        let query = self.query(&labels);
        let url = format!("{scheme}://{address}{port}{path}{query}");
        let instance = labels.get("instance").unwrap_or(address).to_owned();
        let kept = labels.iter().filter(|label| !label.name.starts_with("__")).cloned();
        let labels = Labels::new(kept.chain([Label::new("instance", instance)]).collect());
        Ok(Some(Target { url, labels }))
    }

    fn query(&self, labels: &Labels) -> String {
        let mut pairs = Vec::new();
        for label in labels.iter() {
            if let Some(name) = label.name.strip_prefix(PARAMETER) {
                pairs.push(format!("{}={}", encoded(name), encoded(&label.value)));
                let more = self.parameters.iter().find(|(other, _)| other == name);
                let more = more.into_iter().flat_map(|(_, values)| values.iter().skip(1));
                pairs.extend(more.map(|value| format!("{}={}", encoded(name), encoded(value))));
            }
        }
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

/// As a value of a URL's query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
