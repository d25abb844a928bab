package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"vigie.example/vigie"
)

const (
	maxSlow    = time.Minute
	maxLogRate = 50_000
	logTick    = 10 * time.Millisecond
)

// behaviour is what a replica has been told to do.
type behaviour struct {
	slow     time.Duration
	fail     float64
	logRate  int
	logLines int64
	// Without one, slow and fail hold always.
	spell spell
}

// at is what it does at a moment after the start of the process.
func (b behaviour) at(elapsed time.Duration) behaviour {
	if b.spell.last > 0 && !b.spell.open(elapsed) {
		b.slow, b.fail = 0, 0
	}
	return b
}

// spell is a stretch of time that begins at after and comes back every so often.
type spell struct{ after, last, every time.Duration }

func (s *spell) parse(text string) error {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return fmt.Errorf("%.40q: write it as after,for,every such as 40s,45s,5m", text)
	}
	for i, part := range []*time.Duration{&s.after, &s.last, &s.every} {
		var err error
		if *part, err = time.ParseDuration(parts[i]); err != nil {
			return err
		}
	}
	if s.after < 0 || s.last <= 0 || s.every < s.last {
		return fmt.Errorf("%.40q: it must last longer than nothing and not longer than every", text)
	}
	return nil
}

func (s spell) open(elapsed time.Duration) bool {
	return elapsed >= s.after && (elapsed-s.after)%s.every < s.last
}

func (b behaviour) check() error {
	switch {
	case b.slow < 0 || b.slow > maxSlow:
		return fmt.Errorf("slow is %v; it must be from 0 to %v", b.slow, maxSlow)
	case !(b.fail >= 0 && b.fail <= 1):
		return fmt.Errorf("fail is %v; it must be from 0 to 1", b.fail)
	case b.logRate < 0 || b.logRate > maxLogRate:
		return fmt.Errorf("log_rate is %d; it must be from 0 to %d lines a second", b.logRate, maxLogRate)
	case b.logLines < 0:
		return fmt.Errorf("log_lines is %d; it must not be below 0", b.logLines)
	}
	return nil
}

type service struct {
	v   *vigie.Recorder
	log *slog.Logger
	mu  sync.Mutex
	now behaviour
	seq int64
	// When the process started.
	began time.Time
}

func newService(v *vigie.Recorder, log *slog.Logger, b behaviour) *service {
	return &service{v: v, log: log, now: b, began: time.Now()}
}

// behaviour is what it was told, whatever the time.
func (s *service) behaviour() behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// present is how it behaves now.
func (s *service) present() behaviour { return s.behaviour().at(time.Since(s.began)) }

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /work", s.work)
	mux.HandleFunc("POST /control", s.control)
	mux.HandleFunc("POST /deploy", s.deploy)
	mux.Handle("/api/v1/", s.v.Endpoint())
	return s.v.Requests(mux)
}

func (s *service) health(w http.ResponseWriter, r *http.Request) {
	told := s.present()
	if !pause(r.Context(), told.slow) {
		return
	}
	if told.fail >= 1 {
		s.log.Warn("health check failed: told to fail", "type", "health")
		http.Error(w, "told to fail", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *service) work(w http.ResponseWriter, r *http.Request) {
	told, began := s.present(), time.Now()
	status, err := number(r, "status", http.StatusOK, 200, 599)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	extra, err := number(r, "ms", 0, 0, int(maxSlow.Milliseconds()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !pause(r.Context(), told.slow+time.Duration(extra)*time.Millisecond) {
		return
	}
	if rand.Float64() < told.fail {
		status = http.StatusInternalServerError
	}
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	took := time.Since(began).Milliseconds()
	s.log.Log(r.Context(), level, fmt.Sprintf("GET /work: %d in %d ms", status, took),
		"type", "access", "trace", r.Header.Get("X-Request-Id"), "status", status, "took_ms", took)
	w.WriteHeader(status)
	fmt.Fprintln(w, http.StatusText(status))
}

// pause waits; false when nobody waits for the answer any more.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// number reads a query parameter that is a number between two others.
func number(r *http.Request, name string, otherwise, from, to int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < from || value > to {
		return 0, fmt.Errorf("%s is %.40q; it must be a number from %d to %d", name, text, from, to)
	}
	return value, nil
}

// control changes what is named and leaves the rest.
func (s *service) control(w http.ResponseWriter, r *http.Request) {
	told, err := changed(s.behaviour(), r)
	if err == nil {
		err = told.check()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.now = told
	s.mu.Unlock()
	s.log.Info("told", "slow", told.slow, "fail", told.fail, "log_rate", told.logRate, "log_lines", told.logLines)
	fmt.Fprintf(w, "slow %v, fail %v, log_rate %d, log_lines %d\n", told.slow, told.fail, told.logRate, told.logLines)
}

func changed(b behaviour, r *http.Request) (behaviour, error) {
	for name, values := range r.URL.Query() {
		var err error
		switch name {
		case "slow":
			b.slow, err = time.ParseDuration(values[0])
		case "fail":
			b.fail, err = strconv.ParseFloat(values[0], 64)
		case "log_rate":
			b.logRate, err = strconv.Atoi(values[0])
		case "log_lines":
			b.logLines, err = strconv.ParseInt(values[0], 10, 64)
		default:
			err = fmt.Errorf("it is not known: use slow, fail, log_rate, log_lines")
		}
		if err != nil {
			return b, fmt.Errorf("%.40q: %w", name, err)
		}
	}
	return b, nil
}

func (s *service) deploy(w http.ResponseWriter, r *http.Request) {
	version := r.URL.Query().Get("version")
	if version == "" {
		http.Error(w, "say which: /deploy?version=1.4.2", http.StatusBadRequest)
		return
	}
	s.v.Event("deploy", "go-api "+version, "subject", "go-api", "version", version)
	w.WriteHeader(http.StatusAccepted)
}

// logLines writes numbered lines at the rate it is told, until ctx ends. What a busy
// machine kept it from writing it catches up with, up to a second's worth.
func (s *service) logLines(ctx context.Context) {
	ticker := time.NewTicker(logTick)
	defer ticker.Stop()
	last, owed := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		told := s.behaviour()
		owed += time.Since(last).Seconds() * float64(told.logRate)
		owed = min(owed, float64(told.logRate))
		last = time.Now()
		for ; owed >= 1; owed-- {
			if told.logLines > 0 && s.seq >= told.logLines {
				owed = 0
				break
			}
			s.seq++
			s.log.Info("line "+strconv.FormatInt(s.seq, 10), "type", "numbered", "seq", s.seq)
		}
	}
}
