//! Log entries: one shape for every line, wherever it came from.

mod event;
mod object;

pub use event::{EVENT_KIND, event_from_object};
pub use object::{log_entry_from_object, log_time};

use std::sync::Arc;

use crate::{Labels, Time};

/// One line of a log, after its door has parsed it and before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When it was written, by its writer's clock: nanoseconds since the Unix epoch.
    pub time_nanos: i64,
    /// How bad it is.
    pub level: Level,
    /// The writer's own word for the level, where it is another than [`Level::as_str`]; empty otherwise.
    pub level_text: Arc<str>,
    /// What sort of line it is, such as `access`, `job` or `workflow`; empty when nobody said.
    pub kind: Arc<str>,
    /// The source it came by, by the name of the configuration, or the door's (`loki`, `otlp`, …) where it was pushed.
    pub source: Arc<str>,
    /// The process that wrote it; empty when unknown.
    pub instance: Arc<str>,
    /// The queue it is about; empty when about none.
    pub queue: Arc<str>,
    /// The id of the job it is about, within `queue`; empty when about none.
    pub job: Arc<str>,
    /// The trace it belongs to, in the writer's notation; empty when none.
    pub trace: Arc<str>,
    /// Labels of the stream beyond the fields above, such as those of a Loki push.
    pub labels: Labels,
    /// What it says. May hold any text, newlines included.
    pub message: String,
    /// Everything else: the text of one JSON object, as the writer gave it after redaction; empty when there is none.
    pub fields: String,
}

impl LogEntry {
    /// An entry with nothing but its time and its source.
    #[must_use]
    pub fn blank(source: &str, now: Time) -> Self {
        let none: Arc<str> = "".into();
        Self {
            time_nanos: now.micros().saturating_mul(1_000),
            level: Level::Unknown,
            level_text: none.clone(),
            kind: none.clone(),
            source: source.into(),
            instance: none.clone(),
            queue: none.clone(),
            job: none.clone(),
            trace: none,
            labels: Labels::default(),
            message: String::new(),
            fields: String::new(),
        }
    }

    /// Sets the level by a logger's word, which is kept where it is another than ours.
    pub fn set_level(&mut self, word: &str) {
        self.level = Level::from_word(word);
        if word != self.level.as_str() {
            let end = word.char_indices().nth(32).map_or(word.len(), |(place, _)| place);
            self.level_text = word.get(..end).unwrap_or_default().into();
        }
    }
}

/// How bad a log entry is. Ordered: "at least this level" is `>=`. [`Level::Unknown`] is below all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Level {
    /// Nobody said, or in a word that nobody knows.
    #[default]
    Unknown = 0,
    /// Each step.
    Trace = 1,
    /// For developers.
    Debug = 2,
    /// Good to know.
    Info = 3,
    /// Somebody should look.
    Warn = 4,
    /// Something failed.
    Error = 5,
    /// The process cannot go on.
    Fatal = 6,
}

impl Level {
    /// Every level, mildest first.
    pub const ALL: [Self; 7] =
        [Self::Unknown, Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// From any logger's word in any case: those of slog, zap, winston, pino's and bunyan's numbers, syslog, Java and
    /// OTLP's severity texts. [`Level::Unknown`] for all others.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let word = word.trim();
        if word.len() > 16 {
            return Self::Unknown;
        }
        // `ERROR+2` of slog, `INFO4` of OTLP: the word counts.
        let end = word.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(word.len());
        let letters = word.get(..end).unwrap_or_default().to_ascii_lowercase();
        match letters.as_str() {
            "" => Self::from_number(word),
            "trace" | "trc" | "finest" | "silly" | "t" => Self::Trace,
            "debug" | "dbg" | "fine" | "finer" | "verbose" | "d" => Self::Debug,
            "info" | "inf" | "information" | "informational" | "notice" | "i" | "config"
            | "log" => Self::Info,
            "warn" | "warning" | "wrn" | "w" => Self::Warn,
            "error" | "err" | "severe" | "e" => Self::Error,
            "fatal" | "ftl" | "panic" | "dpanic" | "critical" | "crit" | "alert" | "emerg"
            | "emergency" | "f" => Self::Fatal,
            _ => Self::Unknown,
        }
    }

    /// From the numbers of pino and bunyan: 10 (trace) to 60 (fatal).
    fn from_number(word: &str) -> Self {
        match word {
            "10" => Self::Trace,
            "20" => Self::Debug,
            "30" => Self::Info,
            "40" => Self::Warn,
            "50" => Self::Error,
            "60" => Self::Fatal,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_logger_has_its_words() {
        for (word, level) in [
            ("WARNING", Level::Warn),
            ("ERROR+2", Level::Error),
            ("INFO4", Level::Info),
            (" notice ", Level::Info),
            ("50", Level::Error),
            ("7", Level::Unknown),
            ("", Level::Unknown),
            ("banana", Level::Unknown),
            ("éclair", Level::Unknown),
            ("a-very-long-word-that-nobody-says", Level::Unknown),
        ] {
            assert_eq!(Level::from_word(word), level, "{word:?}");
        }
        for level in Level::ALL {
            assert_eq!(Level::from_word(level.as_str()), level);
        }
        assert!(Level::Error > Level::Warn && Level::Trace > Level::Unknown);
    }
}
