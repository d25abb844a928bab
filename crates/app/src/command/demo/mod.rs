//! `vigie demo`: a Redis and real workers of its own, and Vigie to watch them.

mod children;
mod scene;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::children::Children;
use self::scene::{Manifest, Scene};
use super::serve::{Running, log_to_stderr};
use crate::cli::DemoArgs;
use crate::config::{Config, DEFAULT_LISTEN, only_loopback};
use crate::exit::Failure;
use crate::interrupt::on_signal_or_hangup;

/// Runs the demo until a signal; then nothing is left of it.
pub(crate) async fn run(arguments: DemoArgs) -> Result<(), Failure> {
    log_to_stderr();
    let stop = CancellationToken::new();
    tokio::select! {
        // First, so that signals are caught before there is anything to leave behind.
        biased;
        () = on_signal_or_hangup(stop.clone()) => Ok(()),
        outcome = until(stop.clone(), arguments) => outcome,
    }
}

async fn until(stop: CancellationToken, arguments: DemoArgs) -> Result<(), Failure> {
    let examples = examples(arguments.examples)?;
    let scene = Scene::lay(Manifest::read(&examples)?).await?;
    let listen = listen(arguments.listen).await?;
    let folder = tempfile::Builder::new()
        .prefix("vigie-demo-")
        .tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a temporary folder: {error}")))?;
    let mut children = Children::default();
    let outcome = serve(&scene, &examples, folder.path(), listen, &mut children, stop).await;
    anstream::println!("\nEnding the demo …");
    children.end().await;
    folder
        .close()
        .map_err(|error| Failure::failed(format!("cannot remove the demo's folder: {error}")))?;
    outcome
}

async fn serve(
    scene: &Scene,
    examples: &Path,
    folder: &Path,
    listen: SocketAddr,
    children: &mut Children,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let url = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        url = children.start_redis(folder) => url?,
    };
    children.start_all(scene, examples, &url, folder)?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        () = children::answering(scene.addresses()) => {}
    }
    let file = folder.join("vigie.yaml");
    let text = serde_json::to_string_pretty(&scene.config(listen, &url, folder));
    // JSON is YAML.
    std::fs::write(&file, text.unwrap_or_default())
        .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let config = Config::load(Some(&file)).map_err(|error| Failure::failed(error.to_string()))?;
    let running = Running::start(&config, &stop).await?;
    say_what_to_look_at(scene, running.address, &url, &file);
    running.ended(stop).await
}

fn say_what_to_look_at(scene: &Scene, address: SocketAddr, redis: &str, config: &Path) {
    anstream::println!("\n  Vigie is at http://{address}\n");
    anstream::println!("What to look at:");
    for (name, what) in scene.lines() {
        anstream::println!("  {name:<16} {what}");
    }
    anstream::println!(
        "\nThe demo's Redis is {redis}, Vigie's configuration {}.",
        config.display()
    );
    anstream::println!("Ctrl-C ends everything.");
}

/// The folder of the examples: as given, or found from the binary or from here upwards.
fn examples(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(folder) = given {
        return Ok(folder);
    }
    let starts = [std::env::current_exe(), std::env::current_dir()];
    starts
        .into_iter()
        .flatten()
        .flat_map(|start| start.ancestors().map(|folder| folder.join("examples")).collect::<Vec<_>>())
        .find(|folder| folder.join("demo.json").is_file())
        .ok_or_else(|| {
            Failure::failed(
                "the demo needs the example workloads of Vigie's repository: run `make run` in a clone, or name \
                 the folder with --examples",
            )
        })
}

/// As given, or the usual address, or a free port if another program has that.
async fn listen(given: Option<SocketAddr>) -> Result<SocketAddr, Failure> {
    if let Some(address) = given {
        return only_loopback(address, "--listen")
            .map_err(|error| Failure::wrong_input(error.to_string()));
    }
    match TcpListener::bind(DEFAULT_LISTEN).await {
        Ok(_) => Ok(DEFAULT_LISTEN),
        Err(_) => free_address().await,
    }
}

async fn free_address() -> Result<SocketAddr, Failure> {
    let addresses = free_addresses(1).await?;
    addresses.first().copied().ok_or_else(|| Failure::failed("no free port on 127.0.0.1"))
}

/// So many different ones: all are held before the first is let go.
async fn free_addresses(count: usize) -> Result<Vec<SocketAddr>, Failure> {
    let found = async {
        let mut held = Vec::new();
        for _ in 0..count {
            held.push(TcpListener::bind(SocketAddr::new(DEFAULT_LISTEN.ip(), 0)).await?);
        }
        held.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()
    };
    found.await.map_err(|error| Failure::failed(format!("no free port on 127.0.0.1: {error}")))
}
