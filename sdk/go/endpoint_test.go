package vigie

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func ask(v *Recorder, method, target string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, nil)
	for place := 0; place < len(headers); place += 2 {
		request.Header.Set(headers[place], headers[place+1])
	}
	recorder := httptest.NewRecorder()
	v.Endpoint().ServeHTTP(recorder, request)
	return recorder
}

func TestBadRequestsAreProblems(t *testing.T) {
	v := New(Options{})
	tooMany := "?after=" + strings.Repeat("&after=x", maxCursors+1)
	for target, want := range map[string]int{
		"/api/v1/nothing": 404, "/": 404, PathLogs + "/": 404,
		PathLogs + "?limit=0": 400, PathLogs + "?limit=-1": 400, PathLogs + "?limit=x": 400, PathLogs + "?limit=1e400": 400,
		PathLogs + "?after=x": 400, PathEvents + "?after=0123456789abcdef": 400, PathJobs + "?after=0123456789abcdeg-1": 400,
		PathJobs + "?after=0123456789abcdef--1": 400, PathJobs + "?after=0123456789abcdef-99999999999999999999": 400,
		PathLogs + "?after=" + strings.Repeat("9", 60_000): 400, PathLogs + tooMany: 400, PathLogs + "?level=loud": 400,
		PathLogs + "?limit=99999999": 200, PathLogs + "?after=": 200, PathLogs + "?unknown=1": 200,
	} {
		answer := ask(v, "GET", target)
		var wrong struct {
			Title, Detail string
			Status        int
		}
		err := json.Unmarshal(answer.Body.Bytes(), &wrong)
		if answer.Code != want || err != nil {
			t.Errorf("%.80s: got %d, want %d; %v", target, answer.Code, want, err)
		}
		if want != 200 && (wrong.Status != want || wrong.Detail == "" || answer.Header().Get("Content-Type") != "application/problem+json" || answer.Body.Len() > 1000) {
			t.Errorf("%.80s: no proper problem: %.300s", target, answer.Body.String())
		}
	}
	if answer := ask(v, "POST", PathLogs); answer.Code != 405 || answer.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d", answer.Code)
	}
	if answer := ask(v, "HEAD", PathMetrics); answer.Code != 200 || answer.Body.Len() != 0 {
		t.Errorf("HEAD: got %d", answer.Code)
	}
}

func TestTheTokenIsNeeded(t *testing.T) {
	v := New(Options{Token: "s3cret"})
	for header, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer s3cre": 401, "Bearer s3crett": 401, "Basic s3cret": 401, "Bearer s3cret": 200, "bearer s3cret": 200,
	} {
		answer := ask(v, "GET", PathMetrics, "Authorization", header)
		if answer.Code != want || strings.Contains(answer.Body.String(), "s3cret") {
			t.Errorf("%q: got %d, want %d", header, answer.Code, want)
		}
	}
	if ask(v, "GET", "/nothing").Code != 401 {
		t.Error("without the token nobody learns which paths there are")
	}
}

func TestCursorsResumeAndTellGaps(t *testing.T) {
	v := New(Options{Events: 3})
	for range 5 {
		v.Event("x", "y")
	}
	check := func(query string, resumed, gap bool, missed, count float64) string {
		t.Helper()
		page := get(t, v, PathEvents+query)
		if page["resumed"] != resumed || page["gap"] != gap || page["missed"] != missed || float64(len(page["events"].([]any))) != count {
			t.Errorf("%s: got %v", query, page)
		}
		return page["next"].(string)
	}
	check("", false, true, 2, 3)
	next := check("?after="+v.cursor(3)+"&limit=1", true, false, 0, 1)
	next = check("?after="+next, true, false, 0, 1)
	if check("?after="+next, true, false, 0, 0) != v.cursor(5) {
		t.Error("at the end the cursor stays")
	}
	check("?after="+v.cursor(1), true, true, 1, 3)
	other := "0123456789abcdef-4"
	check("?after="+other, false, true, 2, 3)
	check("?after="+other+"&after="+next, true, false, 0, 0)
}

func TestMetricsAreTextWhereTextIsPreferred(t *testing.T) {
	v := New(Options{})
	for accept, text := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/plain": true, "text/plain, */*": true, "application/json, text/plain;q=0.5": false,
		"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2": true,
		"text/html,application/xhtml+xml,*/*;q=0.8":                                                 false, "text/plain;q=x": false,
	} {
		kind := ask(v, "GET", PathMetrics, "Accept", accept).Header().Get("Content-Type")
		if strings.HasPrefix(kind, "text/plain") != text {
			t.Errorf("%q: got %s", accept, kind)
		}
	}
}

func TestLargeAnswersAreCompressedOnDemand(t *testing.T) {
	v := New(Options{})
	plain := ask(v, "GET", PathMetrics)
	if plain.Header().Get("Content-Encoding") != "" {
		t.Error("nobody asked for gzip")
	}
	if ask(v, "GET", PathMetrics, "Accept-Encoding", "gzip;q=0").Header().Get("Content-Encoding") != "" {
		t.Error("gzip;q=0 refuses it")
	}
	packed := ask(v, "GET", PathMetrics, "Accept-Encoding", "br, gzip")
	reader, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(reader); err != nil || !json.Valid(body) {
		t.Errorf("%v: %.100s", err, body)
	}
}

func TestTheExpositionEscapesAndAddsUp(t *testing.T) {
	v := New(Options{})
	run := v.StartJob(Job{Queue: "a\"\n\\b\xff", Type: "t", Eligible: time.Now().Add(-40 * time.Millisecond)})
	run.Finish(Ending{Outcome: Succeeded, Then: Done})
	text := ask(v, "GET", PathMetrics, "Accept", "text/plain").Body.String()
	for _, line := range []string{
		`jobs_finished_total{queue="a\"\n\\b` + "\ufffd" + `",type="t",outcome="succeeded"} 1`,
		`job_wait_seconds_bucket{queue="a\"\n\\b` + "\ufffd" + `",type="t",le="+Inf"} 1`,
		"# TYPE job_run_seconds histogram", "go_goroutines ",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("missing %s in\n%s", line, text)
		}
	}
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	v := New(Options{Series: 6})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := w.(http.Flusher); !ok {
			t.Error("the writer must keep what it can")
		}
		if r.PathValue("id") == "7" {
			http.Error(w, "gone", http.StatusGone)
		}
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	handler := v.Requests(mux)
	for _, path := range []string{"/orders/1", "/orders/2", "/orders/7", "/no", "/../etc", "/panic"} {
		func() {
			defer func() { _ = recover() }()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}()
	}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/orders/1", nil))
	got := map[string]float64{}
	tree := get(t, v, PathMetrics)["http"].(map[string]any)
	for _, one := range tree["series"].([]any) {
		series := one.(map[string]any)
		got[series["route"].(string)+" "+series["method"].(string)+" "+series["status"].(string)] += series["duration"].(map[string]any)["count"].(float64)
	}
	for key, want := range map[string]float64{"/orders/{id} GET 2xx": 2, "/orders/{id} GET 4xx": 1, "/panic GET 5xx": 1} {
		if got[key] != want {
			t.Errorf("%s: got %v of %v", key, got[key], got)
		}
	}
	if tree["in_flight"] != 0.0 {
		t.Errorf("in flight: %v", tree["in_flight"])
	}
	for n := range 20 {
		v.requests.begin()
		v.requests.end(requestKey{strings.Repeat("r", n), "GET", "2xx"}, 0)
	}
	if _, _, folded := v.requests.snapshot(); len(v.requests.series) > 6+5 || folded != 20 {
		t.Errorf("%d series, %d folded", len(v.requests.series), folded)
	}
}

func TestAStreamBehindTheMiddlewareIsAStream(t *testing.T) {
	v := New(Options{})
	server := httptest.NewServer(v.Requests(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); !ok {
			t.Error("HTTP/1 can be hijacked")
		}
		_, _ = w.Write([]byte("first"))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(w, strings.NewReader(" second"))
	})))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); string(body) != "first second" {
		t.Errorf("got %q", body)
	}
}

func TestJobTotalsStandAtTheirCursor(t *testing.T) {
	v := New(Options{Series: 2, Jobs: 10})
	for n := range 25 {
		run := v.StartJob(Job{Queue: "q", Type: string(rune('a' + n%5)), Eligible: time.Now().Add(time.Hour)})
		run.Finish(Ending{Outcome: Failed, Then: Retry, Err: strings.Repeat("x", 10_000)})
	}
	v.JobEnqueued("q", "a")
	jobs := get(t, v, PathMetrics)["jobs"].(map[string]any)
	sum := 0.0
	for _, one := range jobs["series"].([]any) {
		series := one.(map[string]any)
		sum += series["outcomes"].(map[string]any)["failed"].(float64)
		if series["wait"].(map[string]any)["count"] != 0.0 || series["in_flight"] != 0.0 {
			t.Errorf("a job that starts an hour before it is eligible has no known wait: %v", series)
		}
	}
	if sum != 25 || jobs["cursor"] != v.cursor(25) || len(jobs["series"].([]any)) != 3 || jobs["folded_total"] != 15.0 {
		t.Errorf("got %v", jobs)
	}
	page := get(t, v, PathJobs)
	one := page["jobs"].([]any)[0].(map[string]any)
	if page["missed"] != 15.0 || one["wait_seconds"] != nil || len(one["error"].(string)) != maxError || one["attempt"] != nil || one["id"] != nil {
		t.Errorf("got %v", one)
	}
}

func TestOff(t *testing.T) {
	var v *Recorder
	v.Event("x", "y")
	v.JobEnqueued("q", "t")
	v.StartJob(Job{}).Finish(Ending{})
	if ask(v, "GET", PathMetrics).Code != 404 || v.LogHandler(nil) == nil || v.Drain(t.Context()) != nil || v.Boot() != "" {
		t.Error("a nil recorder is off")
	}
	mux := http.NewServeMux()
	if v.Requests(mux) != http.Handler(mux) {
		t.Error("a nil recorder adds nothing")
	}
}

func TestAJobRecordAllocatesNothing(t *testing.T) {
	v := New(Options{})
	now := time.Now()
	if allocs := testing.AllocsPerRun(5000, func() {
		v.StartJob(Job{Queue: "q", Type: "t", ID: "1", Attempt: 1, Enqueued: now, Eligible: now}).Finish(Ending{Outcome: Succeeded, Then: Done})
	}); allocs != 0 {
		t.Errorf("%v allocations a job", allocs)
	}
}

func BenchmarkJob(b *testing.B) {
	v, now := New(Options{}), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		v.StartJob(Job{Queue: "q", Type: "t", ID: "1", Attempt: 1, Enqueued: now, Eligible: now}).Finish(Ending{Outcome: Succeeded, Then: Done})
	}
}
