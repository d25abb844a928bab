//! `bench/RESULTS.md`: a head with the machine, and one section a part, each replaced when that part is run again.

use std::path::Path;

use anyhow::{Context, Result};

use crate::project::Project;

/// The page, relative to the project.
pub const PAGE: &str = "bench/RESULTS.md";
/// The sections in their order.
const ORDER: [&str; 9] =
    ["Redis", "Live", "Web", "Memory", "Stream", "Soak", "History", "Store", "Logs"];

/// One part of the page.
pub struct Section {
    title: String,
    paragraphs: Vec<String>,
}

impl Section {
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), paragraphs: Vec::new() }
    }

    /// A paragraph of Markdown.
    pub fn say(&mut self, text: &str) {
        self.paragraphs.push(text.trim().to_owned());
    }

    pub fn table(&mut self, table: &Table) {
        self.say(&table.text());
    }

    pub fn text(&self) -> String {
        format!("## {}\n\n{}\n", self.title, self.paragraphs.join("\n\n"))
    }
}

/// A table of Markdown; figures on the right.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|&cell| cell.to_owned()).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The figure in a row and a column.
    pub fn figure(&self, row: usize, column: usize) -> Option<f64> {
        self.rows.get(row)?.get(column)?.parse().ok()
    }

    fn text(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = |cell: &String| {
            let figures = self.rows.iter().any(|row| {
                let place = self.head.iter().position(|head| head == cell).unwrap_or(0);
                row.get(place).is_some_and(|cell| cell.parse::<f64>().is_ok())
            });
            if figures { "---:".to_owned() } else { "---".to_owned() }
        };
        let rules: Vec<String> = self.head.iter().map(rule).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.head), line(&rules))
    }
}

/// A whole number, or one digit more where it is small.
pub fn count(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// Seconds as milliseconds.
pub fn millis(seconds: f64) -> String {
    count(seconds * 1000.0)
}

/// How many times as much; nothing where the divisor is too small to mean anything.
pub fn times(value: f64, of: f64) -> String {
    if of <= 0.001 {
        return "–".to_owned();
    }
    let ratio = value / of;
    if ratio < 0.995 {
        format!("{ratio:.2} ×")
    } else if ratio < 10.0 {
        format!("{ratio:.1} ×")
    } else {
        format!("{ratio:.0} ×")
    }
}

/// Whether a budget is kept.
pub fn kept(is: bool) -> &'static str {
    if is { "kept" } else { "**missed**" }
}

/// Puts sections into the page, and the machine above them.
pub fn write(project: &Project, new: &[Section]) -> Result<()> {
    let path = project.path(PAGE);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let text = merge(&machine(project), &old, new);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

fn merge(head: &str, old: &str, new: &[Section]) -> String {
    let kept = |title: &str| {
        let from = old.find(&format!("## {title}\n"))?;
        let rest = &old[from..];
        let end = rest[3..].find("\n## ").map_or(rest.len(), |end| end + 4);
        Some(rest[..end].trim_end().to_owned() + "\n")
    };
    let section = |title: &&str| {
        let fresh = new.iter().find(|section| section.title == **title);
        fresh.map(Section::text).or_else(|| kept(title))
    };
    let sections: Vec<String> = ORDER.iter().filter_map(section).collect();
    format!("{head}\n{}", sections.join("\n"))
}

/// The head of the page: what was measured on what.
fn machine(project: &Project) -> String {
    let mut text = "# What Vigie costs, beside its peers\n\n\
        Written by `cargo xtask bench`; [how](README.md). Nothing here is a test: figures differ from machine to machine, the ratios less so.\n\n"
        .to_owned();
    let mut table = Table::new(&["", ""]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("processor", processor());
    row("memory", format!("{:.1} GB", memory()));
    row("kernel", first_word(&read("/proc/sys/kernel/osrelease")));
    row("Redis", said(project, "redis-server", "v="));
    row("Chromium", said(project, "chromium", "Chromium "));
    row("Node", said(project, "node", "v"));
    row("Prometheus", said(project, "prometheus", "version "));
    // Debian's build does not say its version.
    row("VictoriaMetrics", packaged(project, "victoria-metrics"));
    let manifest = read(&project.path("bench/peers/bull-board/package.json").to_string_lossy());
    row("bull-board", after(&manifest, "\"@bull-board/api\": \"", '"'));
    row("BullMQ", after(&manifest, "\"bullmq\": \"", '"'));
    let module = read(&project.path("bench/peers/asynqmon/go.mod").to_string_lossy());
    row("asynqmon", after(&module, "hibiken/asynqmon v", '\n'));
    text.push_str(&table.text());
    text
}

/// A line about when a part was measured, of which state of the sources, and how busy the machine was.
pub fn moment(project: &Project, load_before: &str) -> String {
    let first = |program: &str, arguments: &[&str]| {
        let out = project.command(program).args(arguments).output();
        let text = out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
        text.unwrap_or_default().lines().next().unwrap_or_default().to_owned()
    };
    let changed = first("git", &["status", "--porcelain", "--", "crates", "web/src"]);
    format!(
        "Measured {} at commit {}{}, profile `{}`; load average of the last 1 and 5 minutes before {load_before}, after {}.",
        first("date", &["-u", "+%F %H:%M UTC"]),
        first("git", &["rev-parse", "--short", "HEAD"]),
        if changed.is_empty() { "" } else { " with changes that are not committed" },
        super::cast::profile(),
        load()
    )
}

/// The load average of the last 1 and 5 minutes.
pub fn load() -> String {
    read("/proc/loadavg").split(' ').take(2).collect::<Vec<_>>().join(" and ")
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = text.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} cores, {model}")
}

fn memory() -> f64 {
    let kilobytes = after(&read("/proc/meminfo"), "MemTotal:", 'k').trim().parse::<f64>();
    kilobytes.unwrap_or(0.0) / 1024.0 / 1024.0
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(path)).unwrap_or_default()
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

fn after(text: &str, start: &str, end: char) -> String {
    let rest = text.split_once(start).map_or("", |(_, rest)| rest);
    rest.split(end).next().unwrap_or_default().to_owned()
}

/// The word after `mark` in what a program says of its version.
fn said(project: &Project, program: &str, mark: &str) -> String {
    let out = project.command(program).arg("--version").output();
    let text = out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    first_word(&after(&text.unwrap_or_default(), mark, '\n'))
}

/// The version of an installed package.
fn packaged(project: &Project, package: &str) -> String {
    let out = project.command("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_its_own_and_leaves_the_others() {
        let old = "# Head\n\n## Redis\n\nold redis\n\n## Web\n\nold web\n";
        let mut web = Section::new("Web");
        web.say("new web");
        let text = merge("# New\n", old, &[web]);
        assert_eq!(text, "# New\n\n## Redis\n\nold redis\n\n## Web\n\nnew web\n");
    }

    #[test]
    fn figures_stand_on_the_right() {
        let mut table = Table::new(&["who", "ms"]);
        table.row(vec!["Vigie".to_owned(), "1.5".to_owned()]);
        assert_eq!(table.text(), "| who | ms |\n| --- | ---: |\n| Vigie | 1.5 |\n");
    }

    #[test]
    fn ratios_are_short() {
        assert_eq!([times(3.0, 2.0), times(60.0, 2.0), times(1.0, 0.0)], ["1.5 ×", "30 ×", "–"]);
    }
}
