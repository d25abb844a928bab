//! Running other programs: shown as they go, or into a log that is printed only when it is wanted.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::interrupt;

/// How long a program may take to end after being asked.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a program whose output the user sees; anything but success is an error.
pub fn show(command: &mut Command) -> Result<()> {
    let name = line(command);
    let status = command.status().with_context(|| format!("starting {name}"))?;
    interrupt::check()?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A program with its descendants, ended when this is dropped.
pub struct Group {
    child: Child,
    name: String,
}

impl Group {
    /// Starts a program in a process group of its own, so that a signal reaches all that it starts.
    pub fn start(command: &mut Command, name: &str) -> Result<Self> {
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}: {}", line(command)))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// The status, once the program has ended by itself.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("waiting for {}", self.name))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The group may be gone already, which is what is wanted.
            let _gone = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal(Signal::TERM);
            let _ended = poll(GRACE, || Ok(self.child.try_wait()?.map(|_| ())));
        }
        // Whatever is left of the group, also where its first process has ended.
        self.signal(Signal::KILL);
        let _reaped = self.child.wait();
    }
}

/// Asks again and again until there is an answer; none after this time, or when someone wants to stop.
pub fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where a part's programs write, in order.
pub struct Log {
    file: File,
    path: PathBuf,
    echo: bool,
}

/// How one logged program ended.
pub struct Finished {
    pub good: bool,
    /// What it wrote, both streams as they came.
    pub text: String,
}

impl Log {
    /// An empty log; with `echo` its lines are printed too.
    pub fn create(path: &Path, echo: bool) -> Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        }
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { file, path: path.to_path_buf(), echo })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line of our own.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.write(format!("{text}\n").as_bytes())
    }

    /// Runs a program to its end, unless someone asks to stop: then it is ended, and that is the error.
    pub fn run(&mut self, command: &mut Command) -> Result<Finished> {
        let name = line(command);
        self.say(&format!("$ {name}"))?;
        let (mut reader, writer) = std::io::pipe().context("a pipe for a program's output")?;
        command.stdout(writer.try_clone().context("a pipe for a program's output")?).stderr(writer);
        let mut group = Group::start(command, &name)?;
        // The command holds the pipe's other end: the output would never end while that is open.
        command.stdout(Stdio::null()).stderr(Stdio::null());

        let (sender, pieces) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });

        let mut text = Vec::new();
        let status = loop {
            match pieces.recv_timeout(Duration::from_millis(50)) {
                Ok(piece) => {
                    self.write(&piece)?;
                    text.extend(piece);
                    interrupt::check()?;
                    continue;
                }
                Err(_) => interrupt::check()?,
            }
            // Nothing new to read: a program that has ended leaves no more, save what a stray child of it holds open.
            if let Some(status) = group.ended()? {
                break status;
            }
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Finished { good: status.success(), text })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.echo {
            std::io::stdout().write_all(bytes).context("writing to the terminal")?;
        }
        self.file.write_all(bytes).with_context(|| format!("writing {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str) -> Log {
        let path = std::env::temp_dir().join(format!("xtask-{}-{name}.log", std::process::id()));
        Log::create(&path, false).unwrap()
    }

    #[test]
    fn both_streams_and_the_status_are_kept() {
        let mut log = log("streams");
        let done =
            log.run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        let kept = std::fs::read_to_string(log.path()).unwrap();
        std::fs::remove_file(log.path()).unwrap();
        assert!(!done.good);
        assert_eq!(done.text, "out\nerr\n");
        assert!(kept.starts_with("$ sh -c"), "{kept}");
    }

    #[test]
    fn a_group_takes_its_children_with_it() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = Group::start(&mut shell, "a shell").unwrap();
        let mut line = [0; 16];
        let count = group.child.stdout.as_mut().unwrap().read(&mut line).unwrap();
        let id = String::from_utf8_lossy(&line[..count]).trim().to_owned();
        assert!(Path::new("/proc").join(&id).exists());
        drop(group);
        let state = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let gone =
            poll(GRACE, || Ok((state().is_empty() || state().contains(") Z ")).then_some(())));
        assert!(gone.unwrap().is_some(), "process {id} is still there");
    }
}
