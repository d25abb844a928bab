package vigieasynq

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	vigie "vigie.example/vigie"
)

// attempt is what these tests read of a job record.
type attempt struct {
	ID, Queue, Type, Outcome, Then, Error string
	Attempt                               int
	Enqueued, Eligible                    *time.Time
	Started, Finished                     time.Time
	Wait                                  *float64 `json:"wait_seconds"`
	Run                                   float64  `json:"run_seconds"`
}

// attempts waits until there are so many records, by job id in the order of their end.
func attempts(t *testing.T, v *vigie.Recorder, count int) map[string][]attempt {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(30 * time.Millisecond) {
		recorder := httptest.NewRecorder()
		v.Endpoint().ServeHTTP(recorder, httptest.NewRequest("GET", vigie.PathJobs, nil))
		var page struct{ Jobs []attempt }
		if err := json.Unmarshal(recorder.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Jobs) >= count {
			byID := map[string][]attempt{}
			for _, one := range page.Jobs {
				byID[one.ID] = append(byID[one.ID], one)
			}
			return byID
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records after 60 s, want %d", len(page.Jobs), count)
		}
	}
}

var errBusy = errors.New("busy, not broken")

// work obeys the payload.
func work(ctx context.Context, task *asynq.Task) error {
	retried, _ := asynq.GetRetryCount(ctx)
	switch string(task.Payload()) {
	case "once":
		if retried == 0 {
			return errors.New("upstream answered 503")
		}
	case "always":
		return errors.New("for good")
	case "skip":
		return errors.Join(errors.New("invalid"), asynq.SkipRetry)
	case "revoke":
		return asynq.RevokeTask
	case "panic":
		panic("boom")
	case "slow":
		<-ctx.Done()
	case "busy":
		return errBusy
	case "sleep":
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

type silent struct{}

func (silent) Debug(...any) {}
func (silent) Info(...any)  {}
func (silent) Warn(...any)  {}
func (silent) Error(...any) {}
func (silent) Fatal(...any) {}

func TestEveryEndIsToldAsAsynqCountsIt(t *testing.T) {
	rc := startRedis(t)
	v := vigie.New(vigie.Options{Service: "test"})
	client := NewClient(v, asynq.NewClientFromRedisClient(rc))
	isFailure := func(err error) bool { return !errors.Is(err, errBusy) }
	server := asynq.NewServerFromRedisClient(rc, asynq.Config{
		Concurrency: 4, Logger: silent{}, TaskCheckInterval: 50 * time.Millisecond, DelayedTaskCheckInterval: 200 * time.Millisecond,
		Queues: map[string]int{"default": 1}, IsFailure: isFailure,
		RetryDelayFunc: RetryDelay(v, func(_ int, err error, _ *asynq.Task) time.Duration {
			if errors.Is(err, errBusy) {
				return time.Hour
			}
			return time.Second
		}),
	})
	mux := asynq.NewServeMux()
	mux.Use(Middleware(v, isFailure))
	mux.HandleFunc("work", work)
	if err := server.Start(mux); err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	begun := time.Now()
	for _, how := range []string{"fine", "once", "always", "skip", "revoke", "panic", "slow", "busy", "sleep"} {
		opts := []asynq.Option{asynq.TaskID(how), asynq.MaxRetry(1)}
		switch how {
		case "slow":
			opts = []asynq.Option{asynq.TaskID(how), asynq.MaxRetry(0), asynq.Timeout(time.Second)}
		case "panic":
			opts = []asynq.Option{asynq.TaskID(how), asynq.MaxRetry(0)}
		case "sleep":
			opts = append(opts, asynq.ProcessIn(1500*time.Millisecond))
		}
		if _, err := client.Enqueue(asynq.NewTask("work", []byte(how)), opts...); err != nil {
			t.Fatal(how, err)
		}
	}
	all := attempts(t, v, 11)
	for how, want := range map[string][]string{
		"fine": {"succeeded done "}, "once": {"failed retry upstream answered 503", "succeeded done "},
		"always": {"failed retry for good", "failed archived for good"}, "skip": {"failed archived invalid\nskip retry for the task"},
		"revoke": {"revoked done revoke task"}, "slow": {"failed archived context deadline exceeded"},
		"busy": {"released retry busy, not broken"}, "sleep": {"succeeded done "},
	} {
		got := []string{}
		for _, one := range all[how] {
			got = append(got, one.Outcome+" "+one.Then+" "+one.Error)
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: got %q, want %q", how, got, want)
		}
	}
	if one := all["panic"][0]; one.Outcome != "failed" || one.Then != "archived" || !strings.HasPrefix(one.Error, "panic at live_test.go:") {
		t.Errorf("panic: got %+v", one)
	}
	checkTimes(t, all, begun)
	checkAgainstAsynq(t, rc.Get(context.Background(), "asynq:{default}:processed").Val, rc.Get(context.Background(), "asynq:{default}:failed").Val)
}

// checkTimes: every wait is known, since the producer stamps and the retries ran here.
func checkTimes(t *testing.T, all map[string][]attempt, begun time.Time) {
	t.Helper()
	for how, runs := range all {
		for place, one := range runs {
			if one.Attempt != place+1 || one.Queue != "default" || one.Type != "work" {
				t.Errorf("%s: got %+v", how, one)
			}
			if one.Wait == nil || one.Eligible == nil || one.Enqueued == nil || one.Enqueued.Before(begun.Add(-time.Millisecond)) {
				t.Errorf("%s, attempt %d: times are missing or wrong: %+v", how, one.Attempt, one)
				continue
			}
			if wait := max(one.Started.Sub(*one.Eligible).Seconds(), 0); wait-*one.Wait > 1e-3 || *one.Wait-wait > 1e-3 {
				t.Errorf("%s: wait %v, but from eligible to started it is %v", how, *one.Wait, wait)
			}
			if one.Run < 0 || one.Finished.Before(one.Started) {
				t.Errorf("%s: run %v, %v to %v", how, one.Run, one.Started, one.Finished)
			}
		}
	}
	if due := all["sleep"][0].Eligible; due.Nanosecond() != 0 || due.Before(begun) {
		t.Errorf("a scheduled task is due at a whole second, got %v", due)
	}
	if run := all["sleep"][0].Run; run < 0.05 {
		t.Errorf("ran %v s, want at least 0.05", run)
	}
	if retry := all["once"][1]; !retry.Eligible.After(all["once"][0].Started.Add(-time.Second)) || retry.Eligible.Equal(*all["once"][0].Eligible) {
		t.Errorf("a retry has an eligible time of its own: %+v", retry)
	}
}

// checkAgainstAsynq: 10 attempts were processed (the released one counts in neither), 6 failed.
func checkAgainstAsynq(t *testing.T, processed, failed func() string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); processed() != "10" || failed() != "6"; time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("asynq counts %s processed and %s failed, our records say 10 and 6", processed(), failed())
		}
	}
}

func TestUnstampedTasksHaveNoWait(t *testing.T) {
	rc := startRedis(t)
	v := vigie.New(vigie.Options{})
	plain := asynq.NewClientFromRedisClient(rc)
	client := NewClient(v, plain)
	server := asynq.NewServerFromRedisClient(rc, asynq.Config{Concurrency: 2, Logger: silent{}, TaskCheckInterval: 50 * time.Millisecond, Queues: map[string]int{"low": 1}})
	if err := server.Start(Middleware(v)(asynq.HandlerFunc(work))); err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	low := asynq.Queue("low")
	// One without our client, one whose own options must survive, one with hostile headers.
	if _, err := plain.Enqueue(asynq.NewTask("work", nil), low, asynq.TaskID("plain")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Enqueue(asynq.NewTask("work", nil, asynq.TaskID("own"), low)); err != nil {
		t.Fatal(err)
	}
	hostile := map[string]string{Header: "1;9999999999999999999;-;x"}
	if _, err := plain.Enqueue(asynq.NewTaskWithHeaders("work", nil, hostile), low, asynq.TaskID("hostile")); err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{"tenant": "acme"}
	task := asynq.NewTaskWithHeaders("work", nil, kept)
	info, err := client.Enqueue(task, low, asynq.TaskID("headers"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Headers["tenant"] != "acme" || info.Headers[Header] == "" || len(kept) != 1 || len(task.Headers()) != 1 {
		t.Errorf("headers must be kept and the caller's task left alone: %v, %v", info.Headers, kept)
	}
	all := attempts(t, v, 4)
	for _, id := range []string{"plain", "own", "hostile"} {
		if one := all[id][0]; one.Wait != nil || one.Eligible != nil || one.Enqueued != nil || one.Outcome != "succeeded" {
			t.Errorf("%s: want no wait, got %+v", id, one)
		}
	}
	if all["headers"][0].Wait == nil {
		t.Error("a stamped task has a wait")
	}
}
