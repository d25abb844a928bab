//! Panels, as Grafana's dashboard files have them.

use serde_json::{Value, json};

/// A data source of `deploy/grafana/provisioning`.
#[derive(Clone, Copy)]
pub struct DataSource {
    kind: &'static str,
    uid: &'static str,
}

/// Vigie's Prometheus API.
pub const PROMETHEUS: DataSource = DataSource { kind: "prometheus", uid: "vigie" };
/// Vigie's Loki API.
pub const LOKI: DataSource = DataSource { kind: "loki", uid: "vigie-logs" };
/// The Redis that Vigie watches.
pub const REDIS: DataSource = DataSource { kind: "redis-datasource", uid: "vigie-redis" };

impl DataSource {
    /// As panels name it.
    pub fn reference(self) -> Value {
        json!({"type": self.kind, "uid": self.uid})
    }
}

/// The matchers of the labels that the reader chooses.
pub fn chosen(labels: &[&str]) -> String {
    let matchers: Vec<String> =
        labels.iter().map(|label| format!("{label}=~\"${label}\"")).collect();
    if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(", ")) }
}

/// A query with what its series are called.
pub struct Target {
    expr: String,
    legend: String,
    instant: bool,
}

impl Target {
    /// A query over the range shown.
    pub fn range(expr: impl Into<String>, legend: impl Into<String>) -> Self {
        Self { expr: expr.into(), legend: legend.into(), instant: false }
    }

    /// A query of now, for tables and figures.
    pub fn instant(expr: impl Into<String>, legend: impl Into<String>) -> Self {
        Self { instant: true, ..Self::range(expr, legend) }
    }

    fn json(&self, place: usize) -> Value {
        json!({
            "refId": letter(place),
            "datasource": PROMETHEUS.reference(),
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend,
            "instant": self.instant,
            "range": !self.instant,
            "format": if self.instant { "table" } else { "time_series" },
        })
    }
}

/// `A`, `B`, …: what a query is called.
pub fn letter(place: usize) -> String {
    char::from(b'A' + u8::try_from(place).unwrap_or(25).min(25)).to_string()
}

/// Puts panels beside and below each other.
#[derive(Default)]
pub struct Grid {
    panels: Vec<Value>,
    x: u64,
    y: u64,
    height: u64,
}

impl Grid {
    /// A headline over what follows.
    pub fn row(&mut self, title: &str) {
        self.break_line();
        self.put(json!({"type": "row", "title": title, "collapsed": false, "panels": []}), (24, 1));
        self.break_line();
    }

    /// A panel of so many of 24 columns and of lines.
    pub fn put(&mut self, mut panel: Value, (width, height): (u64, u64)) {
        if self.x + width > 24 {
            self.break_line();
        }
        panel["id"] = json!(self.panels.len() + 1);
        panel["gridPos"] = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.panels.push(panel);
        self.x += width;
        self.height = self.height.max(height);
    }

    fn break_line(&mut self) {
        self.y += self.height;
        (self.x, self.height) = (0, 0);
    }

    /// All of them.
    pub fn finish(self) -> Vec<Value> {
        self.panels
    }
}

fn of_prometheus(kind: &str, title: &str, description: &str, targets: &[Target]) -> Value {
    let targets: Vec<Value> =
        targets.iter().enumerate().map(|(place, target)| target.json(place)).collect();
    json!({
        "type": kind,
        "title": title,
        "description": description,
        "datasource": PROMETHEUS.reference(),
        "targets": targets,
    })
}

/// Lines over time.
pub fn graph(title: &str, description: &str, unit: &str, targets: &[Target]) -> Value {
    let mut panel = of_prometheus("timeseries", title, description, targets);
    panel["fieldConfig"] = json!({
        "defaults": {
            "unit": unit,
            "custom": {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false},
        },
        "overrides": [],
    });
    panel["options"] = json!({
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
        "tooltip": {"mode": "multi", "sort": "desc"},
    });
    panel
}

/// One large figure.
pub fn figure(title: &str, description: &str, unit: &str, target: Target) -> Value {
    let mut panel = of_prometheus("stat", title, description, &[target]);
    panel["fieldConfig"] = json!({"defaults": {"unit": unit, "noValue": "–"}, "overrides": []});
    panel["options"] = json!({
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
        "colorMode": "none",
        "graphMode": "none",
    });
    panel
}

/// How observations are spread, over time.
pub fn heat_map(title: &str, description: &str, unit: &str, target: Target) -> Value {
    let mut panel = of_prometheus("heatmap", title, description, &[target]);
    panel["targets"][0]["format"] = json!("heatmap");
    panel["options"] = json!({
        "calculate": false,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64},
        "yAxis": {"unit": unit},
        "tooltip": {"mode": "single", "yHistogram": true},
    });
    panel
}

/// A column of a table: its title, unit, and the query of its values.
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// Grafana's unit.
    pub unit: &'static str,
    /// The query.
    pub expr: String,
}

/// Queries of now side by side: one line for each set of labels, of which some are shown as columns.
pub fn table(title: &str, description: &str, labels: &[&str], columns: &[Column]) -> Value {
    let targets: Vec<Target> =
        columns.iter().map(|column| Target::instant(&*column.expr, column.title)).collect();
    let mut panel = of_prometheus("table", title, description, &targets);
    let value = |place: usize| format!("Value #{}", letter(place));
    let mut names = serde_json::Map::new();
    let mut order = serde_json::Map::new();
    for (place, label) in labels.iter().enumerate() {
        order.insert((*label).to_owned(), json!(place));
    }
    for (place, column) in columns.iter().enumerate() {
        names.insert(value(place), json!(column.title));
        order.insert(value(place), json!(labels.len() + place));
    }
    let overrides = columns.iter().map(|column| {
        let mut properties = vec![json!({"id": "unit", "value": column.unit})];
        if column.unit == UP {
            let mapping = json!([{"type": "value", "options": {
                "0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"},
            }}]);
            properties[0] = json!({"id": "mappings", "value": mapping});
            properties.push(json!({"id": "custom.cellOptions", "value": {"type": "color-text"}}));
        }
        json!({"matcher": {"id": "byName", "options": column.title}, "properties": properties})
    });
    panel["fieldConfig"] = json!({
        "defaults": {"custom": {"filterable": true}, "noValue": "–"},
        "overrides": overrides.collect::<Vec<_>>(),
    });
    panel["transformations"] = json!([
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {
            "excludeByName": {"Time": true, "__name__": true},
            "renameByName": names,
            "indexByName": order,
        }},
    ]);
    panel["options"] = json!({"showHeader": true, "cellHeight": "sm"});
    panel
}

/// The unit of a column of 0 and 1.
pub const UP: &str = "up";
