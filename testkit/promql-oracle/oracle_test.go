package main

import (
	"bytes"
	"strings"
	"testing"
)

const loading = `{"load": [
	{"labels": {"__name__": "jobs_total", "queue": "mail"}, "floats": [[0, "1"], [15000, "4"], [30000, "stale"]]},
	{"labels": {"__name__": "run_seconds", "service.name": "api"}, "histograms": [[15000,
		{"schema": 0, "zero_threshold": "0.001", "zero_count": "1", "count": "6", "sum": "12.5",
		 "positive": [[0, "2"], [3, "3"]], "hint": "unknown"}]]}
]}`

// asked serves lines, after the series above, and returns the answers to them.
func asked(t *testing.T, lines ...string) []string {
	t.Helper()
	in := strings.NewReader(strings.ReplaceAll(loading, "\n", "") + "\n" + strings.Join(lines, "\n"))
	var out bytes.Buffer
	if err := serve(in, &out); err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSpace(out.String()), "\n")
	if answers[0] != `{"loaded":2}` {
		t.Fatalf("loading answers %s", answers[0])
	}
	return answers[1:]
}

func TestAnswers(t *testing.T) {
	for _, one := range []struct{ name, line, want string }{
		{
			"a stale series has no value",
			`{"query": "jobs_total", "time": 30000}`,
			`{"kind":"vector"}`,
		}, {
			"a range query answers at each step",
			`{"query": "jobs_total", "start": 0, "end": 29000, "step": 14500}`,
			`{"kind":"matrix","series":[{"labels":{"__name__":"jobs_total","queue":"mail"},` +
				`"floats":[[0,"1"],[14500,"1"],[29000,"4"]]}]}`,
		}, {
			"a histogram keeps its buckets, and a name in quotes is one",
			`{"query": "{\"run_seconds\", \"service.name\"=\"api\"} * 2", "time": 15000}`,
			`{"kind":"vector","series":[{"labels":{"service.name":"api"},"histograms":[[15000,{"schema":0,` +
				`"zero_threshold":"0.001","zero_count":"2","count":"12","sum":"25",` +
				`"positive":[[0,"4"],[3,"6"]],"hint":"unknown"}]]}]}`,
		}, {
			"experimental functions are known, and infinity has a form",
			`{"query": "min_of(1 / 0, Inf)", "time": 0}`,
			`{"kind":"scalar","series":[{"labels":null,"floats":[[0,"+Inf"]]}]}`,
		}, {
			"a warning says where",
			`{"query": "avg({__name__=~\".+\"})", "time": 20000}`,
			`{"kind":"vector","warnings":["PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)"]}`,
		}, {
			"what does not parse says so",
			`{"query": "rate(jobs_total)", "time": 0}`,
			`{"kind":"parse","text":"1:6: parse error: expected type range vector in call to function \"rate\", ` +
				`got instant vector","failed":true}`,
		}, {
			"what cannot be evaluated says so",
			`{"query": "label_replace(jobs_total, \"x\", \"$1\", \"queue\", \"(\")", "time": 0}`,
			`{"kind":"execution","text":"invalid regular expression in label_replace(): (","failed":true}`,
		},
	} {
		t.Run(one.name, func(t *testing.T) {
			if answer := asked(t, one.line)[0]; answer != one.want {
				t.Errorf("\nanswers %s\nnot     %s", answer, one.want)
			}
		})
	}
}

func TestHistogramsAreCopied(t *testing.T) {
	line := `{"query": "run_seconds * 2", "time": 15000}`
	if answers := asked(t, line, line); answers[0] != answers[1] {
		t.Errorf("a second time it answers %s, not %s", answers[1], answers[0])
	}
}

func TestFunctionsAreListed(t *testing.T) {
	answer := asked(t, `{"functions": true}`)[0]
	want := `"quantile_over_time":{"arguments":["scalar","matrix"],"variadic":0,"returns":"vector"}`
	if !strings.Contains(answer, want) {
		t.Errorf("%s is not in %s", want, answer)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, line := range []string{
		`{"query"`,
		`{"load": [{"histograms": [[1, {"schema": 0, "count": "1", "sum": "1", "positive": [[0, "-1"]], "hint": "unknown"}]]}]}`,
		`{"load": [{"histograms": [[1, {"schema": 0, "count": "0", "sum": "0", "hint": "perhaps"}]]}]}`,
	} {
		if err := serve(strings.NewReader(line), new(bytes.Buffer)); err == nil {
			t.Errorf("%s is taken", line)
		}
	}
}
