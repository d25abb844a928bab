//! Follows the files, and tells how that stands.

use std::sync::Arc;
use std::time::Duration;

use vigie_model::{Check, CheckState, SourceFault, Time};

use super::config::FileConfig;
use crate::LineKeeper;
use crate::source::RunContext;
use crate::source::poller::{self, Look, Poll, check, counted};
use crate::tail::{TailStatus, TailWatch, follow};

/// Between two looks at whether the first look at the files has ended.
const GLANCE: Duration = Duration::from_millis(20);
/// Troubles that are told one by one.
const SHOWN: usize = 3;

/// Follows files until told to stop; their lines are kept by `lines`.
pub async fn run(config: FileConfig, lines: Arc<dyn LineKeeper>, context: RunContext) {
    let (watch, options) = (TailWatch::default(), config.tail.clone());
    let clock = Arc::clone(&context.clock);
    let following =
        follow(options, config.parsers(), lines, clock, watch.clone(), context.stop.clone());
    let (name, interval) = (config.name.clone(), config.report);
    let telling = poller::run(name, interval, Teller { config, watch, told: 0 }, context);
    tokio::join!(following, telling);
}

struct Teller {
    config: FileConfig,
    watch: TailWatch,
    /// Bytes that were told of.
    told: u64,
}

impl Poll for Teller {
    async fn look(&mut self, _now: Time) -> Result<Look, SourceFault> {
        let status = loop {
            match self.watch.status() {
                Some(status) => break status,
                None => tokio::time::sleep(GLANCE).await,
            }
        };
        let bytes = status.bytes.saturating_sub(self.told);
        self.told = status.bytes;
        let checks = checks(&status, &self.config.display_url());
        Ok(Look { checks, requests: 1, bytes, ..Look::default() })
    }
}

/// How a tail stands, as lines of the checklist.
pub(super) fn checks(status: &TailStatus, paths: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    if status.files == 0 && status.troubles.is_empty() {
        let fix = "are the paths right, and may Vigie's user read the folders?".to_owned();
        checks.push(check(
            "files",
            CheckState::Missing,
            format!("no file matches {paths}"),
            Some(fix),
        ));
    } else {
        let TailStatus { files, lines, behind_bytes, .. } = status;
        let behind = match behind_bytes {
            0 => String::new(),
            bytes => format!(", {bytes} bytes to go"),
        };
        let detail =
            format!("{}, {} read{behind}", counted(*files as u64, "file"), counted(*lines, "line"));
        checks.push(check("files", CheckState::Ok, detail, None));
    }
    if !status.troubles.is_empty() {
        let mut shown: Vec<String> = status
            .troubles
            .iter()
            .take(SHOWN)
            .map(|(path, why)| format!("{path}: {why}"))
            .collect();
        if status.troubles.len() > SHOWN {
            shown.push(format!("{} more", status.troubles.len() - SHOWN));
        }
        let fix = "let Vigie's user read it, or name it under exclude".to_owned();
        checks.push(check("read", CheckState::Warning, shown.join("; "), Some(fix)));
    }
    if status.over_limit > 0 {
        let detail = format!("{} files more than can be followed, the oldest", status.over_limit);
        let fix = "name fewer files, or share them out to several sources".to_owned();
        checks.push(check("limit", CheckState::Warning, detail, Some(fix)));
    }
    if status.cut > 0 {
        let detail = match status.cut {
            1 => "1 line was longer than longest_line_bytes, and was cut".to_owned(),
            many => format!("{many} lines were longer than longest_line_bytes, and were cut"),
        };
        checks.push(check("cut", CheckState::Ok, detail, None));
    }
    if status.mangled > 0 {
        let detail = match status.mangled {
            1 => "1 line was not UTF-8: a mark stands for what is not".to_owned(),
            many => format!("{many} lines were not UTF-8: a mark stands for what is not"),
        };
        checks.push(check("encoding", CheckState::Ok, detail, None));
    }
    if let Some(why) = &status.not_kept {
        let detail = format!("what is read is not kept yet: {why}");
        let fix = "is the disk of data_dir full? Reading goes on by itself".to_owned();
        checks.push(check("kept", CheckState::Warning, detail, Some(fix)));
    }
    checks
}
