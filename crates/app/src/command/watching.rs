//! Tables of a running Vigie's answer, shown once or again each second.

use std::io::IsTerminal as _;
use std::time::Duration;

use serde_json::Value;

use super::following::failure;
use super::printing::Query;
use super::terminal::Window;
use crate::cli::TableArgs;
use crate::client::{self, ClientError};
use crate::exit::Failure;

/// Prints what is at `path` of the Vigie at `url` (its `filters` that are given, and the source) as JSON or as the table that `table` makes of it for a
/// window, once or each second until a signal.
pub(super) async fn run(
    arguments: &TableArgs,
    url: &str,
    path: &str,
    filters: &[(&str, &Option<String>)],
    table: impl AsyncFn(&Value, Window) -> String,
) -> Result<(), Failure> {
    let mut query = Query::default();
    for (name, value) in [("source", &arguments.source)].iter().chain(filters) {
        if let Some(value) = value {
            query.push(name, value);
        }
    }
    let path = format!("{path}?{query}");
    loop {
        match client::get(url, &path).await {
            Ok(body) => show(arguments, &body, &table).await?,
            // While watching, a Vigie that restarts comes back.
            Err(error @ ClientError::Unreachable { .. }) if arguments.watch => {
                anstream::eprintln!("{error}");
            }
            Err(error) => return Err(failure(error)),
        }
        if !arguments.watch {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

async fn show(
    arguments: &TableArgs,
    body: &[u8],
    table: &impl AsyncFn(&Value, Window) -> String,
) -> Result<(), Failure> {
    if arguments.json {
        anstream::println!("{}", String::from_utf8_lossy(body));
        return Ok(());
    }
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::failed(format!("the answer is no JSON: {error}")))?;
    let window = Window::of_stdout();
    // Only what is shown again and again has to fit into the window's height.
    let lines = window.filter(|_| arguments.watch).map_or(usize::MAX, |window| window.lines);
    let columns = window.map_or(usize::MAX, |window| window.columns);
    let table = table(&answer, Window { columns, lines }).await;
    if arguments.watch && std::io::stdout().is_terminal() {
        anstream::print!("\x1b[H\x1b[2J");
    }
    anstream::print!("{table}");
    Ok(())
}
