//! OpenTelemetry's names as Prometheus's: `http.server.duration` in `ms` is `http_server_duration_milliseconds`.

/// What a metric's name depends on beside its own and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A gauge.
    Gauge,
    /// A sum that only goes up.
    Counter,
    /// All others.
    Other,
}

/// A metric's name: words of letters and digits, its unit, then `_total` for a counter and `_ratio` for a gauge
/// without a unit. `None` when nothing is left of it.
pub(crate) fn metric(name: &str, unit: &str, kind: Kind) -> Option<String> {
    let mut words: Vec<&str> =
        name.split(|c| !is_of_metric(c)).filter(|word| !word.is_empty()).collect();
    let (main, per) = unit_words(unit);
    if !main.is_empty() && !words.contains(&&*main) {
        words.push(main.trim_end_matches('_'));
    }
    let per = per.trim_end_matches('_');
    if !per.is_empty() && per != "per" && !words.contains(&per) {
        words.push(per);
    }
    let suffix = match kind {
        Kind::Counter => Some("total"),
        Kind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(suffix) = suffix {
        words.retain(|word| *word != suffix);
        words.push(suffix);
    }
    let joined = words.join("_");
    match joined.chars().next() {
        None => None,
        Some(first) if first.is_ascii_digit() => Some(format!("_{joined}")),
        Some(_) => Some(joined),
    }
}

/// A unit as metadata tell it.
pub(crate) fn unit(unit: &str) -> String {
    let (main, per) = unit_words(unit);
    let words =
        [main, per].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    words.trim_matches('_').to_owned()
}

/// A label's name: letters, digits and single underscores. `None` when nothing is left of it.
pub(crate) fn label(name: &str) -> Option<String> {
    // Names that Prometheus keeps for itself keep their form.
    let reserved = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
    let mut clean = String::with_capacity(name.len() + 4);
    for c in reserved.unwrap_or(name).chars() {
        if c.is_ascii_alphanumeric() {
            clean.push(c);
        } else if !clean.ends_with('_') {
            clean.push('_');
        }
    }
    if reserved.is_some() {
        clean = format!("__{clean}__");
    } else if clean.starts_with(|c: char| c.is_ascii_digit()) {
        clean.insert_str(0, "key_");
    }
    clean.contains(|c| c != '_').then_some(clean)
}

fn is_of_metric(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// The words of a unit and of what follows its slash; those in braces are remarks, and none.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let plain = |part: &str| !part.is_empty() && !part.contains(['{', '}']);
    let (main, per) = (main.trim(), per.trim());
    let main = if plain(main) { clean(main_unit(main)) } else { String::new() };
    let per = if plain(per) { clean(&format!("per_{}", per_unit(per))) } else { String::new() };
    (main, per)
}

fn clean(unit: &str) -> String {
    let mut clean = String::with_capacity(unit.len());
    for c in unit.chars() {
        if is_of_metric(c) {
            clean.push(c);
        } else if !clean.ends_with('_') {
            clean.push('_');
        }
    }
    clean.strip_prefix('_').map(str::to_owned).unwrap_or(clean)
}

fn main_unit(unit: &str) -> &str {
    match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "1" => "",
        "%" => "percent",
        other => other,
    }
}

fn per_unit(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_as_prometheus_names_them() {
        use Kind::{Counter, Gauge, Other};
        for (name, unit, kind, expected) in [
            ("http.server.duration", "ms", Other, "http_server_duration_milliseconds"),
            ("http.server.duration.milliseconds", "ms", Other, "http_server_duration_milliseconds"),
            ("requests", "{request}", Counter, "requests_total"),
            ("requests.total", "1", Counter, "requests_total"),
            ("total.requests", "", Counter, "requests_total"),
            ("system.cpu.utilization", "1", Gauge, "system_cpu_utilization_ratio"),
            ("disk.io", "By/s", Gauge, "disk_io_bytes_per_second"),
            ("disk.io", "By/{op}", Gauge, "disk_io_bytes"),
            ("speed", "m/m", Gauge, "speed_meters_per_minute"),
            ("a--b__c", "", Gauge, "a_b_c"),
            ("job:rate", "", Gauge, "job:rate"),
            ("3rd", "", Gauge, "_3rd"),
            ("fluss", "m³/h", Gauge, "fluss_m_per_hour"),
            ("broken", "foo/", Gauge, "broken_foo"),
        ] {
            assert_eq!(metric(name, unit, kind).as_deref(), Some(expected), "{name} {unit}");
        }
        assert_eq!(metric("...", "", Gauge), None);
        assert_eq!(metric("", "", Other), None);
    }

    #[test]
    fn labels_are_named_as_prometheus_names_them() {
        for (name, expected) in [
            ("http.method", "http_method"),
            ("a..b__c", "a_b_c"),
            ("1st", "key_1st"),
            ("_private", "_private"),
            ("__reserved__", "__reserved__"),
            ("größe", "gr_e"),
        ] {
            assert_eq!(label(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!((label("..."), label("")), (None, None));
    }

    #[test]
    fn units_are_words() {
        for (given, expected) in [
            ("ms", "milliseconds"),
            ("By/s", "bytes_per_second"),
            ("{request}", ""),
            ("1", ""),
            ("/s", "per_second"),
        ] {
            assert_eq!(unit(given), expected, "{given}");
        }
    }
}
