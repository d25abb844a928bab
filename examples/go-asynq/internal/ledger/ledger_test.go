package ledger

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestLinesAreWholeAndOnDiskAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	w, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() { w.Write(Entry{What: "start", Queue: "q", Type: "t", Job: "j", Attempt: i + 1}) })
	}
	group.Wait()
	// Not closed on purpose: a killed process does not close either.
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); lines++ {
		var e Entry
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatalf("line %d: %v", lines, err)
		}
		if e.PID != os.Getpid() || e.Broker != "asynq" || e.T < 1e12 {
			t.Errorf("line %d lacks pid, broker or time: %+v", lines, e)
		}
	}
	if lines != 50 {
		t.Errorf("%d lines, want 50", lines)
	}
}

func TestNoPathMeansNoLedger(t *testing.T) {
	w, err := Open("")
	if err != nil || w != nil {
		t.Fatalf("got %v, %v", w, err)
	}
	w.Write(Entry{What: "start"})
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestMillisKeepsMicroseconds(t *testing.T) {
	if got := Millis(time.Unix(1795442533, 26123456)); got != 1795442533026.123 {
		t.Errorf("got %f", got)
	}
}
