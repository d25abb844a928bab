package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"vigie.example/vigie"
)

func replica(b behaviour) *service {
	v := vigie.New(vigie.Options{Service: "go-api"})
	return newService(v, slog.New(v.LogHandler(nil)), b)
}

func ask(s *service, method, target string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	s.routes().ServeHTTP(recorder, httptest.NewRequest(method, target, nil))
	return recorder
}

func TestAReplicaDoesAsItIsTold(t *testing.T) {
	s := replica(behaviour{})
	for _, step := range []struct {
		method, target string
		want           int
	}{
		{"GET", "/healthz", 200}, {"GET", "/work", 200}, {"GET", "/work?status=502&ms=1", 502},
		{"GET", "/work?status=99", 400}, {"GET", "/work?ms=-1", 400}, {"GET", "/work?ms=x", 400},
		{"POST", "/control?slow=-1s", 400}, {"POST", "/control?fail=NaN", 400}, {"POST", "/control?log_rate=9999999", 400},
		{"POST", "/control?speed=1", 400}, {"POST", "/control?log_lines=-1", 400},
		{"POST", "/deploy", 400}, {"POST", "/deploy?version=1.4.2", 202},
		{"POST", "/control?fail=1&slow=5ms", 200}, {"GET", "/work", 500}, {"GET", "/healthz", 503},
		{"POST", "/control?fail=0", 200}, {"GET", "/healthz", 200},
	} {
		if got := ask(s, step.method, step.target); got.Code != step.want {
			t.Errorf("%s %s: got %d, want %d: %s", step.method, step.target, got.Code, step.want, got.Body)
		}
	}
	if s.behaviour().slow != 5*time.Millisecond {
		t.Error("what is not named stays")
	}
	var page struct {
		Events []struct{ Type, Message string }
	}
	if err := json.Unmarshal(ask(s, "GET", vigie.PathEvents).Body.Bytes(), &page); err != nil || len(page.Events) != 1 || page.Events[0].Message != "go-api 1.4.2" {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestLinesAreNumberedWithoutGaps(t *testing.T) {
	s := replica(behaviour{logRate: 5000, logLines: 700})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.logLines(ctx) }()
	defer func() { cancel(); <-done }()
	next, seen := "", 0
	for deadline := time.Now().Add(30 * time.Second); seen < 700; time.Sleep(10 * time.Millisecond) {
		var page struct {
			Next    string
			Gap     bool
			Entries []struct {
				Message string
				Fields  struct{ Seq int }
			}
		}
		if err := json.Unmarshal(ask(s, "GET", vigie.PathLogs+"?limit=100&after="+next).Body.Bytes(), &page); err != nil || page.Gap {
			t.Fatal(page.Gap, err)
		}
		for _, one := range page.Entries {
			seen++
			if one.Fields.Seq != seen || one.Message != fmt.Sprint("line ", seen) {
				t.Fatalf("line %d is %+v", seen, one)
			}
		}
		next = page.Next
		if time.Now().After(deadline) {
			t.Fatalf("%d lines after 30 s", seen)
		}
	}
}

func TestASpellComesBackAndIsAllThatIsSlow(t *testing.T) {
	b := behaviour{slow: time.Second, fail: 1}
	if b.at(0) != b {
		t.Error("without a spell it holds always")
	}
	for _, bad := range []string{"", "1s", "1s,2s", "1s,x,3s", "1s,0s,3s", "-1s,1s,3s", "1s,4s,3s", "1s,2s,3s,4s"} {
		if err := new(spell).parse(bad); err == nil {
			t.Errorf("%q must be refused", bad)
		}
	}
	if err := b.spell.parse("10s,5s,1m"); err != nil {
		t.Fatal(err)
	}
	for seconds, open := range map[int]bool{0: false, 9: false, 10: true, 14: true, 15: false, 70: true, 76: false} {
		now := b.at(time.Duration(seconds) * time.Second)
		if (now.slow == time.Second && now.fail == 1) != open {
			t.Errorf("at %d s: %+v", seconds, now)
		}
	}
}

func TestVisitorsGoOnWhenSomeDoNotAnswer(t *testing.T) {
	seen := make(chan string, 100)
	one := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.URL.Path }))
	defer one.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- visit(ctx, []string{one.URL, "http://127.0.0.1:1", "not an address"}) }()
	for range 3 {
		select {
		case path := <-seen:
			if path != "/work" {
				t.Errorf("asked for %s", path)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nobody came")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		if listener, err := loopback(address); err == nil {
			listener.Close()
			t.Errorf("%s must be refused", address)
		}
	}
}
