//! What the source of an n8n is configured with.

use std::path::PathBuf;

use vigie_model::SourceName;

use super::link::N8nLink;
use super::routes;
use crate::http::{
    Access, HttpConfigError, HttpLogin, HttpUrl, raw_http, secret as checked_secret, source_name,
};
use crate::source::redis::RedisConfig;
use crate::tail::{PathFault, PathPatterns};
use vigie_tls::Secret;

/// n8n's own, where nothing is said.
const DEFAULT_TIMEZONE: &str = "America/New_York";
/// Processes of one role that may be listed.
const MAX_PROCESSES: usize = 200;

raw_http! {
    /// An n8n as a configuration file says it.
    RawN8nConfig {
        /// Its main process, such as `http://127.0.0.1:5678`.
        url: Option<String>,
        /// More main processes, where there are several.
        #[serde(default)]
        urls: Vec<String>,
        /// The health servers of its workers, each as `url`; they need QUEUE_HEALTH_CHECK_ACTIVE=true.
        #[serde(default)]
        workers: Vec<String>,
        /// Its webhook processors, each as `url`.
        #[serde(default)]
        webhooks: Vec<String>,
        /// A key of the public API, for workflow names, executions and schedules.
        api_key: Option<Secret>,
        /// A file that holds the key, instead of `api_key`.
        api_key_file: Option<PathBuf>,
        /// The source of kind `redis` in which n8n's queue is.
        redis: Option<String>,
        /// The queue's key prefix, n8n's QUEUE_BULL_PREFIX; `bull` by default.
        prefix: Option<String>,
        /// n8n's GENERIC_TIMEZONE, for workflows that have none of their own; America/New_York by default, as in n8n.
        timezone: Option<String>,
        /// Where figures are looked for before `/metrics`, such as `/rest/metrics`.
        metrics_path: Option<String>,
        /// Where log lines are looked for, such as `/rest/logs`.
        logs_path: Option<String>,
        /// Its JSON log and its logs of events, where Vigie runs on the same machine: paths with `*`.
        #[serde(default)]
        log_files: Vec<String>,
    }
}

/// The queue of an n8n in queue mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct N8nQueue {
    /// The source of the Redis in which it is.
    pub redis: SourceName,
    /// What its keys begin with, without a colon at its end: `bull:jobs`.
    pub base: String,
    /// The way to the reader of that queue.
    pub link: N8nLink,
}

/// An n8n, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct N8nConfig {
    /// The source's name.
    pub name: SourceName,
    /// Its main processes, without a path: at least one.
    pub mains: Vec<HttpUrl>,
    /// The health servers of its workers.
    pub workers: Vec<HttpUrl>,
    /// Its webhook processors.
    pub webhooks: Vec<HttpUrl>,
    /// How they are reached.
    pub access: Access,
    /// How the public API is reached, where there is a key.
    pub api: Option<Access>,
    /// Its queue, where it is in a Redis that Vigie watches.
    pub queue: Option<N8nQueue>,
    /// The time zone of workflows without one.
    pub timezone: String,
    /// Where figures are looked for first.
    pub metrics_path: Option<String>,
    /// Where log lines are looked for.
    pub logs_path: Option<String>,
    /// The Redis of its queue, in which its processes register; whoever joins the sources sets it.
    pub registry: Option<Box<RedisConfig>>,
    /// Its files with log lines, if they are followed.
    pub log_files: Option<PathPatterns>,
}

impl N8nConfig {
    /// The n8n for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        let first = self.mains.first().map(ToString::to_string).unwrap_or_default();
        match self.mains.len() + self.workers.len() + self.webhooks.len() {
            0 | 1 => first,
            more => format!("{first} and {} more", more - 1),
        }
    }
}

impl TryFrom<RawN8nConfig> for N8nConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawN8nConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let mut mains = processes("url", raw.url.as_slice())?;
        mains.extend(processes("urls", &raw.urls)?);
        if mains.is_empty() {
            return Err(HttpConfigError::Missing(
                "an address is missing: set url to n8n's main process, for example http://127.0.0.1:5678",
            ));
        }
        let key =
            checked_secret("api_key", raw.api_key.take(), "api_key_file", raw.api_key_file.take())?;
        let api = key.map(|key| Access {
            login: HttpLogin::Key { header: routes::KEY_HEADER, key },
            ..access.clone()
        });
        let queue = match (&raw.redis, &raw.prefix) {
            (Some(redis), prefix) => {
                let prefix = prefix.as_deref().unwrap_or("bull").trim_end_matches(':');
                let (redis, base) = (source_name(redis)?, format!("{prefix}:jobs"));
                Some(N8nQueue { redis, base, link: N8nLink::default() })
            }
            (None, Some(_)) => {
                return Err(HttpConfigError::Missing(
                    "redis is missing beside prefix: name the source of kind redis in which n8n's queue is",
                ));
            }
            (None, None) => None,
        };
        Ok(Self {
            name: source_name(&raw.name)?,
            workers: processes("workers", &raw.workers)?,
            webhooks: processes("webhooks", &raw.webhooks)?,
            mains,
            access,
            api,
            queue,
            timezone: timezone(raw.timezone)?,
            metrics_path: path("metrics_path", raw.metrics_path)?,
            logs_path: path("logs_path", raw.logs_path)?,
            registry: None,
            log_files: match raw.log_files.is_empty() {
                true => None,
                false => {
                    let wrong =
                        |fault: PathFault| HttpConfigError::Wrong("log_files", fault.to_string());
                    Some(PathPatterns::new(&raw.log_files, &[]).map_err(wrong)?)
                }
            },
        })
    }
}

/// A name that this machine knows. Where it knows none at all (no tzdata), the check of schedules says so.
fn timezone(given: Option<String>) -> Result<String, HttpConfigError> {
    let knows = |name: &str| jiff::tz::TimeZone::get(name).is_ok();
    match given {
        Some(name) if !knows(&name) && knows(DEFAULT_TIMEZONE) => {
            let shown: String = name.chars().take(60).collect();
            let says = format!("there is no time zone {shown:?}; names are such as Europe/Paris");
            Err(HttpConfigError::Wrong("timezone", says))
        }
        given => Ok(given.unwrap_or_else(|| DEFAULT_TIMEZONE.to_owned())),
    }
}

/// Addresses without a path; that they lead to n8n's root is what the routes build on.
fn processes(key: &'static str, texts: &[String]) -> Result<Vec<HttpUrl>, HttpConfigError> {
    if texts.len() > MAX_PROCESSES {
        let says = format!("there are {}, more than {MAX_PROCESSES}", texts.len());
        return Err(HttpConfigError::Wrong(key, says));
    }
    let one = |text: &String| {
        let url = HttpUrl::parse(text).map_err(|fault| HttpConfigError::Url(key, fault))?;
        if url.has_path() {
            let says = format!("leave the path out of {url}: Vigie knows n8n's endpoints");
            return Err(HttpConfigError::Wrong(key, says));
        }
        Ok(url)
    };
    texts.iter().map(one).collect()
}

fn path(key: &'static str, text: Option<String>) -> Result<Option<String>, HttpConfigError> {
    let Some(text) = text else { return Ok(None) };
    let fits = text.starts_with('/')
        && HttpUrl::parse(&format!("http://n8n{text}")).is_ok_and(|url| url.host() == "n8n");
    if fits {
        return Ok(Some(text));
    }
    let shown: String = text.chars().take(60).collect();
    Err(HttpConfigError::Wrong(key, format!("{shown:?} is no path, such as /rest/metrics")))
}
