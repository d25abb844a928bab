// Package ledger writes what really happened, one JSON line a fact, into a file
// that belongs to one process. Each line is one write(2) on an O_APPEND file: a
// kill -9 loses nothing that was written before it.
package ledger

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// Entry is one fact. Times are Unix milliseconds with microseconds as decimals.
type Entry struct {
	T       float64  `json:"t"`
	What    string   `json:"what"` // enqueue, start or finish
	Broker  string   `json:"broker"`
	Queue   string   `json:"queue"`
	Type    string   `json:"type"`
	Job     string   `json:"job"`
	Attempt int      `json:"attempt"`            // from 1; 0 for enqueue
	Outcome string   `json:"outcome,omitempty"`  // finish: succeeded or failed
	DelayMs int      `json:"delay_ms,omitempty"` // enqueue of a delayed job
	TookMs  *float64 `json:"took_ms,omitempty"`  // enqueue: the broker took the job in [t, t+took_ms]
	PID     int      `json:"pid"`
}

// Writer appends entries; a nil Writer drops them, so callers need not ask.
type Writer struct {
	mu   sync.Mutex
	file *os.File
	pid  int
}

// Open appends to the file at path; an empty path gives a nil Writer.
func Open(path string) (*Writer, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open the ledger: %w", err)
	}
	return &Writer{file: file, pid: os.Getpid()}, nil
}

// Millis is t in Unix milliseconds, exact to the microsecond.
func Millis(t time.Time) float64 {
	return float64(t.UnixMicro()) / 1e3
}

// Write appends one entry. A ledger that cannot be written is worthless, so the
// process ends rather than going on without it.
func (w *Writer) Write(e Entry) {
	if w == nil {
		return
	}
	if e.T == 0 {
		e.T = Millis(time.Now())
	}
	e.Broker, e.PID = "asynq", w.pid
	line, err := json.Marshal(e)
	if err == nil {
		w.mu.Lock()
		_, err = w.file.Write(append(line, '\n'))
		w.mu.Unlock()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "ledger lost: %v\n", err)
		os.Exit(1)
	}
}

// Close closes the file.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	return w.file.Close()
}
