//! `vigie events`: what happened, in the terminal.

use std::collections::HashSet;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::following::{Following, failure};
use super::printing::{Query, dim, print};
use super::terminal::{list, printable, safe};
use crate::cli::EventsArgs;
use crate::client;
use crate::exit::Failure;

/// Prints what happened; with `-f` what happens, until a signal or until nobody reads.
pub(crate) async fn run(arguments: &EventsArgs, url: &str) -> Result<(), Failure> {
    tokio::select! {
        done = show(arguments, url) => done,
        _ = tokio::signal::ctrl_c(), if arguments.listing.follow => Ok(()),
    }
}

fn path(arguments: &EventsArgs) -> String {
    let mut query = Query::default();
    let severities = Some(arguments.severity.join(",")).filter(|all| !all.is_empty());
    let all = [
        ("type", &arguments.kind),
        ("source", &arguments.listing.source),
        ("severity", &severities),
        ("from", &arguments.listing.since),
    ];
    for (name, value) in all {
        if let Some(value) = value {
            query.push(name, value);
        }
    }
    query.push("limit", &arguments.listing.limit.to_string());
    format!("/api/v1/events?{query}")
}

async fn show(arguments: &EventsArgs, url: &str) -> Result<(), Failure> {
    let mut following = Following::new(url, "events");
    let mut known = HashSet::new();
    let mut begun = false;
    loop {
        // What happens is followed before the past is asked for, so that nothing falls in between.
        let message = if arguments.listing.follow { following.next().await? } else { None };
        if arguments.listing.follow && message.is_none() {
            continue;
        }
        if !begun {
            let body = client::get(url, &path(arguments)).await.map_err(failure)?;
            let answer: Value = serde_json::from_slice(&body)
                .map_err(|error| Failure::failed(format!("the answer is no JSON: {error}")))?;
            for event in list(&answer["events"]).iter().rev() {
                known.insert(event["id"].to_string());
                if !print(&text(arguments, event))? {
                    return Ok(());
                }
            }
        }
        let Some(message) = message else { return Ok(()) };
        let rows = if message.event == "snapshot" {
            &message.data["doc"]["rows"]
        } else {
            &message.data["patch"]["rows"]
        };
        let mut news: Vec<&Value> =
            rows.as_object().into_iter().flatten().map(|(_, event)| event).collect();
        // Of a row that is taken away there is only null.
        news.retain(|event| event["id"].is_string() && known.insert(event["id"].to_string()));
        news.sort_by_key(|event| event["time"].to_string());
        // Those of the first snapshot are older than what was asked for.
        for event in news.into_iter().filter(|event| begun && wanted(arguments, event)) {
            if !print(&text(arguments, event))? {
                return Ok(());
            }
        }
        begun = true;
    }
}

/// As the server narrows the past down.
fn wanted(arguments: &EventsArgs, event: &Value) -> bool {
    let kinds = arguments.kind.as_deref();
    kinds.is_none_or(|kinds| kinds.split(',').any(|kind| event["type"] == kind))
        && (arguments.severity.is_empty()
            || arguments.severity.iter().any(|word| event["severity"] == word.as_str()))
        && arguments.listing.source.as_ref().is_none_or(|source| event["source"] == source.as_str())
}

fn text(arguments: &EventsArgs, event: &Value) -> String {
    if arguments.listing.json { event.to_string() } else { shown(event) }
}

/// An event for people.
fn shown(event: &Value) -> String {
    let severity = event["severity"].as_str().unwrap_or("info");
    let colour = match severity {
        "critical" => Some(AnsiColor::Red.into()),
        "warning" => Some(AnsiColor::Yellow.into()),
        _ => None,
    };
    let style = Style::new().fg_color(colour);
    let dim = dim();
    let mut text = format!(
        "{} {style}{:<8}{style:#} {}",
        printable(&event["time"]),
        safe(severity),
        printable(&event["type"])
    );
    let subject = printable(&event["subject"]);
    let message = printable(&event["message"]);
    // Vigie's own sentences name it.
    if !subject.is_empty() && !message.contains(&subject) {
        text += &format!(" {subject}");
    }
    if event["source"].is_string() {
        text += &format!(" {dim}{}{dim:#}", printable(&event["source"]));
    }
    text + &format!(" {message}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        let event = json!({"id": "1-1", "time": "2026-11-23T14:03:39.123Z", "type": "deploy", "severity": "warning", "source": "ci",
            "subject": "api\u{1b}[31m", "message": "1.4.2 is out\nnow", "fields": {}});
        let plain = anstream::adapter::strip_str(&shown(&event)).to_string();
        assert_eq!(
            plain,
            "2026-11-23T14:03:39.123Z warning  deploy api\\u{1b}[31m ci 1.4.2 is out\\nnow"
        );
    }
}
