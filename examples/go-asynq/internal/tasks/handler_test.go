package tasks

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"vigie.example/go-asynq/internal/demo"
	"vigie.example/go-asynq/internal/ledger"
	"vigie.example/go-asynq/internal/plan"
)

func outcomes(t *testing.T, ctx context.Context, payload []byte) ([]ledger.Entry, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "l.jsonl")
	writer, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{Ledger: writer}
	result := h.ProcessTask(ctx, asynq.NewTask(demo.Email, payload))
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var entries []ledger.Entry
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var e ledger.Entry
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries, result
}

func TestStartAndFinishEncloseTheWork(t *testing.T) {
	entries, err := outcomes(t, context.Background(), plan.Payload{SleepMs: 30}.Encode())
	if err != nil || len(entries) != 2 || entries[1].Outcome != "succeeded" {
		t.Fatalf("got %+v, %v", entries, err)
	}
	if ran := entries[1].T - entries[0].T; ran < 30 {
		t.Errorf("ran %.3f ms, want at least 30", ran)
	}
}

func TestFailures(t *testing.T) {
	entries, err := outcomes(t, context.Background(), plan.Payload{Fail: 1}.Encode())
	if !errors.Is(err, errPlanned) || entries[1].Outcome != "failed" {
		t.Errorf("first attempt: got %+v, %v", entries, err)
	}
	if _, err = outcomes(t, context.Background(), plan.Payload{Fatal: true}.Encode()); !errors.Is(err, asynq.SkipRetry) {
		t.Errorf("fatal: got %v", err)
	}
	if _, err = outcomes(t, context.Background(), []byte("?")); !errors.Is(err, asynq.SkipRetry) {
		t.Errorf("foreign payload: got %v", err)
	}
}

func TestAnInterruptedTaskHasNoFinish(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	entries, err := outcomes(t, ctx, plan.Payload{SleepMs: 5000}.Encode())
	if err == nil || len(entries) != 1 || entries[0].What != "start" {
		t.Errorf("got %+v, %v", entries, err)
	}
}
