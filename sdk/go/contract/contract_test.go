package contract

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"vigie.example/vigie"
)

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled, err := compiler.Compile(filepath.Join("..", "..", "..", "docs", "schema", "go-api-"+name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// busy is a recorder with some of everything, the awkward cases included.
func busy(options vigie.Options) *vigie.Recorder {
	v := vigie.New(options)
	logger := slog.New(v.LogHandler(nil))
	logger.Info("plain")
	logger.With("queue", "emails", "job", 17).Log(context.Background(), 2, "bad\xff", "http", slog.GroupValue(slog.Int("status", 502)))
	logger.Error(strings.Repeat("long ", 10_000))
	v.Event("deploy", "1.4.2", "subject", "orders", "commit", "9f3")
	v.Event("", "")
	now := time.Now()
	v.JobEnqueued("emails", "email:send")
	for _, job := range []vigie.Job{
		{Queue: "emails", Type: "email:send", ID: "17", Attempt: 2, Enqueued: now, Eligible: now},
		{},
		{Queue: strings.Repeat("q", 9999), Type: "\xff\"\n", ID: "x"},
	} {
		v.StartJob(job).Finish(vigie.Ending{Outcome: vigie.Failed, Then: vigie.Retry, Err: "upstream answered 503"})
	}
	v.StartJob(vigie.Job{Queue: "emails", Type: "running"})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	for _, path := range []string{"/orders/1", "/no"} {
		v.Requests(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	return v
}

func TestAnswersAreWhatTheSchemasSay(t *testing.T) {
	recorders := map[string]*vigie.Recorder{
		"fresh": vigie.New(vigie.Options{}), "busy": busy(vigie.Options{}), "full": busy(vigie.Options{LogEntries: 1, Events: 1, Jobs: 1, Series: 1}),
	}
	for name, path := range map[string]string{"metrics": vigie.PathMetrics, "logs": vigie.PathLogs, "events": vigie.PathEvents, "jobs": vigie.PathJobs} {
		compiled := schema(t, name)
		for which, v := range recorders {
			for _, query := range []string{"", "?limit=1", "?after=0123456789abcdef-9", "?after=" + v.Boot() + "-1"} {
				recorder := httptest.NewRecorder()
				v.Endpoint().ServeHTTP(recorder, httptest.NewRequest("GET", path+query, nil))
				tree, err := jsonschema.UnmarshalJSON(recorder.Body)
				if err != nil {
					t.Fatal(err)
				}
				if err := compiled.Validate(tree); err != nil {
					t.Errorf("%s of %s: %v", path+query, which, err)
				}
			}
		}
	}
}

// A schema that takes anything proves nothing: each member that is taken out, and each
// that is of another type, must be refused.
func TestTheSchemasRefuse(t *testing.T) {
	v := busy(vigie.Options{})
	for name, path := range map[string]string{"metrics": vigie.PathMetrics, "logs": vigie.PathLogs, "events": vigie.PathEvents, "jobs": vigie.PathJobs} {
		compiled := schema(t, name)
		recorder := httptest.NewRecorder()
		v.Endpoint().ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		text := recorder.Body.String()
		var whole map[string]any
		if err := json.Unmarshal([]byte(text), &whole); err != nil {
			t.Fatal(err)
		}
		for key := range whole {
			for _, change := range []func(map[string]any){
				func(m map[string]any) { delete(m, key) },
				func(m map[string]any) { m[key] = []any{[]any{}} },
			} {
				tree, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				change(tree.(map[string]any))
				if compiled.Validate(tree) == nil {
					t.Errorf("%s without or with a wrong %q passes", path, key)
				}
			}
		}
	}
}
