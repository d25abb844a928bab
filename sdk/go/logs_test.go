package vigie

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

// get reads a path of the endpoint as a tree of JSON.
func get(t *testing.T, v *Recorder, target string) map[string]any {
	t.Helper()
	recorder := httptest.NewRecorder()
	v.Endpoint().ServeHTTP(recorder, httptest.NewRequest("GET", target, nil))
	var tree map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &tree); err != nil || recorder.Code != 200 {
		t.Fatalf("%s: %d, %v: %.300s", target, recorder.Code, err, recorder.Body.String())
	}
	return tree
}

func entries(t *testing.T, v *Recorder) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, one := range get(t, v, PathLogs)["entries"].([]any) {
		all = append(all, one.(map[string]any))
	}
	return all
}

// The standard library's own conformance test, read back from the endpoint. It asks
// for time, level and msg where we have time, level and message, and for no time where
// the record has none; ours is then the time of arrival, so it is taken out again.
func TestTheHandlerKeepsSlogsRules(t *testing.T) {
	var v *Recorder
	slogtest.Run(t, func(*testing.T) slog.Handler {
		v = New(Options{})
		return v.LogHandler(nil)
	}, func(t *testing.T) map[string]any {
		one := entries(t, v)[0]
		flat := one["fields"].(map[string]any)
		flat["level"], flat["msg"] = one["level"], one["message"]
		if !strings.Contains(t.Name(), "zero-time") {
			flat["time"] = one["time"]
		}
		return flat
	})
}

type secret struct{}

func (secret) LogValue() slog.Value { return slog.StringValue("***") }

type exploding struct{}

func (exploding) MarshalJSON() ([]byte, error) { panic("no") }

func TestWellKnownAttributesAreFieldsOfTheEntry(t *testing.T) {
	v := New(Options{Instance: "a:1", LogType: "app"})
	logger := slog.New(v.LogHandler(nil)).With("queue", "emails", "a", 1)
	logger.Error("failed", "job", 17, "trace", "t1", "type", "job", "err", errors.New("boom"), "took", 1500*time.Millisecond,
		"secret", secret{}, slog.Group("http", "status", 502, "queue", "not mine"))
	logger.WithGroup("g").Info("grouped", "job", "inner", "bad", exploding{})
	all := entries(t, v)
	first := all[0]
	for key, want := range map[string]any{"queue": "emails", "job": "17", "trace": "t1", "type": "job", "instance": "a:1", "level": "error", "level_text": nil} {
		if first[key] != want {
			t.Errorf("%s: got %v, want %v", key, first[key], want)
		}
	}
	text, _ := json.Marshal(first["fields"])
	if want := `{"a":1,"err":"boom","http":{"queue":"not mine","status":502},"secret":"***","took":"1.5s"}`; string(text) != want {
		t.Errorf("got %s", text)
	}
	second := all[1]
	text, _ = json.Marshal(second["fields"])
	if second["job"] != nil || second["type"] != "app" || string(text) != `{"a":1,"g":{"bad":"!PANIC: vigie.exploding","job":"inner"}}` {
		t.Errorf("got %v, %s", second, text)
	}
}

func TestLevelsHaveOneWordAndKeepTheirOwn(t *testing.T) {
	v := New(Options{})
	logger := slog.New(v.LogHandler(nil, slog.Level(-8)))
	for _, level := range []slog.Level{-8, -4, 0, 2, 4, 8, 12} {
		logger.Log(context.Background(), level, "x")
	}
	var got []string
	for _, one := range entries(t, v) {
		word := one["level"].(string)
		if own := one["level_text"]; own != nil {
			word += "=" + own.(string)
		}
		got = append(got, word)
	}
	if text := strings.Join(got, " "); text != "trace=DEBUG-4 debug info info=INFO+2 warn error fatal=ERROR+4" {
		t.Errorf("got %s", text)
	}
	if found := get(t, v, PathLogs+"?level=WARN")["entries"].([]any); len(found) != 3 {
		t.Errorf("%d entries of at least warn, want 3", len(found))
	}
}

func TestHostileLinesAreKeptSafely(t *testing.T) {
	v := New(Options{})
	logger := slog.New(v.LogHandler(nil))
	deep := slog.Attr{Key: "x", Value: slog.StringValue("end")}
	for range 1000 {
		deep = slog.Group("g", deep)
	}
	many := make([]any, 0, 2000)
	for n := range 1000 {
		many = append(many, string(rune('a'+n%26))+strings.Repeat("k", n/26), n)
	}
	logger.Info("bad\xff\x00\u2028<script>", "k\"\n", "\x1b[31m", "inf", 1/zero(), "self", func() {})
	logger.Info(strings.Repeat("é", maxMessage), "big", strings.Repeat("x", 1<<20))
	logger.Info("deep", deep)
	logger.Info("many", many...)
	all := entries(t, v)
	if len(all) != 4 || all[0]["message"] != "bad\ufffd\x00\u2028<script>" || all[0]["truncated"] != nil {
		t.Errorf("got %d entries, %v", len(all), all[0])
	}
	for _, one := range all[1:] {
		if one["truncated"] != true && one["message"] != "big" {
			t.Errorf("must say that it was cut: %.100v", one)
		}
	}
}

func zero() float64 { return 0 }

func TestRecordsGoOnToTheNextHandler(t *testing.T) {
	var text bytes.Buffer
	v := New(Options{})
	next := slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelWarn})
	logger := slog.New(v.LogHandler(next)).With("a", 1).WithGroup("g")
	logger.Info("kept", "b", 2)
	logger.Warn("both", "b", 2)
	if len(entries(t, v)) != 2 || strings.Contains(text.String(), "kept") || !strings.Contains(text.String(), "msg=both a=1 g.b=2") {
		t.Errorf("got %q", text.String())
	}
}

func TestTheDefaultHandlerIsNotWrappedIntoALoop(t *testing.T) {
	if _, loops := New(Options{}).LogHandler(slog.Default().Handler()).(*logHandler).next.(*slog.TextHandler); !loops {
		t.Error("slog's default handler must be replaced")
	}
}

func TestEventsHaveSeverityAndSubject(t *testing.T) {
	v := New(Options{})
	v.Event("deploy", "orders 1.4.2", "subject", "orders", "commit", "9f3", slog.Int("n", 2))
	v.Event("flag", "off", "severity", "warn")
	all := get(t, v, PathEvents)["events"].([]any)
	first, second := all[0].(map[string]any), all[1].(map[string]any)
	fields, _ := json.Marshal(first["fields"])
	if first["id"] != v.Boot()+"-1" || first["type"] != "deploy" || first["severity"] != "info" || first["subject"] != "orders" || string(fields) != `{"commit":"9f3","n":2}` {
		t.Errorf("got %v", first)
	}
	if second["severity"] != "warn" || second["subject"] != nil {
		t.Errorf("got %v", second)
	}
	if found := get(t, v, PathEvents+"?type=flag")["events"].([]any); len(found) != 1 {
		t.Errorf("got %v", found)
	}
}

// BenchmarkLog is one line with four attributes, kept and not passed on.
func BenchmarkLog(b *testing.B) {
	logger := slog.New(New(Options{}).LogHandler(nil))
	b.ReportAllocs()
	for b.Loop() {
		logger.Info("sent", "queue", "emails", "job", "17", "status", 200, "took", time.Second)
	}
}
