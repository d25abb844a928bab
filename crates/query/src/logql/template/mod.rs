//! Go's text/template with Loki's functions, as far as lines of logs need it: fields, variables, pipelines, `if`, `with`,
//! `range`, comments and trimming. Output and work are bounded.

mod clock;
mod functions;
mod parse;
mod printf;
mod run;
mod value;

use super::pipeline::labels::LabelSet;
use parse::{Arg, Node};

pub(crate) use functions::RegexCache;

/// The longest text that a template may make, in bytes.
const MAX_OUTPUT: usize = 256 * 1024;
/// How many parts of a template may be run for one line.
const MAX_STEPS: usize = 20_000;
/// The longest template, in bytes.
const MAX_TEMPLATE: usize = 16 * 1024;

/// What a template may ask for beside labels.
pub(crate) struct Scene<'a> {
    /// The labels.
    pub labels: &'a LabelSet,
    /// The line.
    pub line: &'a str,
    /// Its time, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// What `now` is, in nanoseconds since the Unix epoch.
    pub now: i64,
    /// Expressions that were compiled already.
    pub regexes: &'a RegexCache,
}

/// A template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    nodes: Vec<Node>,
    /// The label that it is nothing but.
    label: Option<String>,
}

impl Template {
    /// A template; or what is wrong with it.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEMPLATE {
            return Err(format!("the template is longer than {MAX_TEMPLATE} bytes"));
        }
        let nodes = parse::parse(text)?;
        let label = match nodes.as_slice() {
            [Node::Print(pipe)] if pipe.names.is_empty() => match pipe.commands.as_slice() {
                [command] => match command.as_slice() {
                    [Arg::Field(fields)] if fields.len() == 1 => fields.first().cloned(),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        Ok(Self { nodes, label })
    }

    /// The text that it makes; or what went wrong.
    pub(crate) fn run(&self, scene: &Scene<'_>) -> Result<String, String> {
        if let Some(label) = &self.label {
            return Ok(scene.labels.get(label).unwrap_or_default().to_owned());
        }
        run::Run::new(scene).whole(&self.nodes)
    }

    /// Whether it reads any label.
    pub(crate) fn reads_labels(&self) -> bool {
        self.label.is_some() || format!("{:?}", self.nodes).contains("Field(")
    }
}

#[cfg(test)]
mod tests {
    use vigie_model::Labels;

    use super::*;

    fn run(template: &str) -> Result<String, String> {
        let mut labels = LabelSet::default();
        labels.begin(
            &Labels::from_pairs([
                ("app", "api"),
                ("json", r#"{"list":[1,2,3],"map":{"k":"v"}}"#),
                ("n", "12"),
                ("path", "/a b?c=d"),
                ("size", "1.5KiB"),
                ("took", "1m30s"),
                ("ts", "1700000000"),
            ]),
            &Labels::default(),
        );
        let scene = Scene {
            labels: &labels,
            line: "the line",
            time: 1_700_000_000_000_000_000,
            now: 1_800_000_000_000_000_000,
            regexes: &RegexCache::default(),
        };
        Template::new(template)?.run(&scene)
    }

    #[test]
    fn fields_functions_and_pipelines() {
        for (template, text) in [
            ("plain", "plain"),
            ("{{.app}}", "api"),
            ("{{.missing}}", ""),
            ("<{{ .app }} {{ .n }}>", "<api 12>"),
            ("{{ .app | upper | printf \"%s-%s\" \"x\" }}", "x-API"),
            ("{{ ToUpper .app }}{{ __line__ | trunc 3 }}", "APIthe"),
            ("{{ Replace .app \"a\" \"b\" -1 }}", "bpi"),
            ("{{ if eq .app \"api\" }}yes{{ else }}no{{ end }}", "yes"),
            ("{{ if .missing }}a{{ else if gt 2 1 }}b{{ else }}c{{ end }}", "b"),
            ("a {{- /* no */ -}} b", "ab"),
            ("{{ $x := .app }}{{ with .n }}{{ . }}{{ $x }}{{ end }}", "12api"),
            ("{{ range $i, $e := fromJson .json | default nil }}{{ $i }}{{ end }}", "listmap"),
            ("{{ range (fromJson .json).list }}{{ . }};{{ end }}", "1;2;3;"),
            (
                "{{ range (fromJson .json).list }}{{ if eq . 2.0 }}{{ break }}{{ end }}{{ . }}{{ end }}",
                "1",
            ),
            (
                "{{ add .n 1 }} {{ mul 2 3 4 }} {{ div 7 2 }} {{ subf 1.5 1 }} {{ round 1.26 1 }}",
                "13 24 3 0.5 1.3",
            ),
            ("{{ bytes .size }} {{ duration .took }}", "1536 90"),
            ("{{ urlencode .path }} {{ urldecode \"a%20b+c\" }}", "%2Fa+b%3Fc%3Dd a b c"),
            ("{{ b64enc .app }} {{ b64dec \"YXBp\" }}", "YXBp api"),
            (
                "{{ __timestamp__ | date \"2006-01-02\" }} {{ now | unixEpoch }}",
                "2023-11-14 1800000000",
            ),
            ("{{ unixToTime .ts | date \"15:04\" }}", "22:13"),
            ("{{ regexReplaceAll \"(a)(p)\" .app \"$2${1}\" }} {{ count \"p|i\" .app }}", "pai 2"),
            (
                "{{ alignLeft 5 .app }}|{{ alignRight 5 .app }}|{{ alignRight 2 .app }}",
                "api  |  api|pi",
            ),
            (
                "{{ printf \"%05.1f %x %q %v %-4d|\" 3.14159 255 .app true 7 }}",
                "003.1 ff \"api\" true 7   |",
            ),
            ("{{ default \"d\" .missing }} {{ .app | title }} {{ substr 0 2 .app }}", "d Api ap"),
            (
                "{{ and .app .n }} {{ or .missing .n }} {{ not .missing }} {{ len .app }}",
                "12 12 true 3",
            ),
            ("{{ index (fromJson .json).map \"k\" }} {{ slice .app 1 2 }}", "v p"),
        ] {
            assert_eq!(run(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for template in [
            "{{",
            "{{ .a",
            "{{ if }}x{{ end }}",
            "{{ if .a }}",
            "{{ end }}",
            "{{ nope .a }}",
            "{{ .a .b }}",
            "{{ template \"x\" }}",
            "{{ break }}",
            "{{ \"a }}",
            "{{ | }}",
            "{{ (.a }}",
            "{{ 1x }}",
            "{{ ) }}",
        ] {
            assert!(Template::new(template).is_err(), "{template}");
        }
        for template in [
            "{{ .app.x }}",
            "{{ $nope }}",
            "{{ div 1 0 }}",
            "{{ mod 1 0 }}",
            "{{ ToLower 1 }}",
            "{{ ToLower }}",
            "{{ lt .app 1 }}",
            "{{ range .app }}{{ end }}",
            "{{ unixToTime \"x\" }}",
            "{{ duration .app }}",
            "{{ regexReplaceAll \"(\" .app \"\" }}",
            "{{ index .app 9 }}",
            "{{ slice .app 2 9 }}",
            "{{ urldecode \"%zz\" }}",
        ] {
            assert!(run(template).is_err(), "{template}: {:?}", run(template));
        }
    }

    #[test]
    fn output_and_work_are_bounded() {
        for template in [
            "{{ repeat 1000000000 \"xxxxxxxx\" }}",
            "{{ indent 1000000000 .app }}",
            "{{ alignLeft 1000000000 .app }}",
            "{{ printf \"%1000000000d\" 1 }}",
            "{{ $x := .json }}{{ range (fromJson \"[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\") }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}{{ $x }}",
        ] {
            assert!(run(template).is_err(), "{template}");
        }
        let nested = "{{ if .app }}".repeat(100) + &"{{ end }}".repeat(100);
        assert!(Template::new(&nested).is_err());
        let chain = "{{ if .app }}".to_owned() + &"{{ else if .app }}".repeat(100) + "{{ end }}";
        assert!(Template::new(&chain).is_err());
        assert!(
            Template::new(&format!("{{{{ {}.a{} }}}}", "(".repeat(100), ")".repeat(100))).is_err()
        );
        let list = format!("[{}1]", "1,".repeat(199));
        let inner = format!("{{{{ range fromJson \"{list}\" }}}}");
        let busy = format!("{}x{}", inner.repeat(4), "{{ end }}".repeat(4));
        assert!(run(&busy).unwrap_err().contains("too much work"));
    }
}
