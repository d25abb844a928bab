package vigie

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Bounds of what is kept when Options says nothing. A slot is taken only when an
// entry first needs it.
const (
	DefaultLogEntries = 50_000
	DefaultLogBytes   = 16 << 20
	DefaultEvents     = 1_000
	DefaultJobs       = 20_000
	DefaultSeries     = 1_000
)

// otherSeries is the name under which what is over Options.Series is added up.
const otherSeries = "other"

// Options says what this process is and how much it may keep. The zero value is
// usable.
type Options struct {
	// Service is what the process is part of, the same for all its replicas.
	// Empty: the last element of the main module's path.
	Service string
	// Instance tells this process from its replicas. Empty: host:pid.
	Instance string
	// Version is the release. Empty: what the Go toolchain wrote into the binary.
	Version string
	// Token, when not empty, must come with each request as `Authorization: Bearer`.
	Token string
	// LogType is the `type` of log entries that have no attribute of that name.
	LogType string
	// Route names the route of a request for Requests. Nil: the pattern that
	// http.ServeMux matched.
	Route func(*http.Request) string
	// LogEntries and LogBytes bound the log entries kept, by count and by size.
	LogEntries, LogBytes int
	// Events and Jobs bound the events and job records kept.
	Events, Jobs int
	// Series bounds the job series (queue and type) and, apart from these, the
	// request series (route, method, status class). What comes later is counted
	// under the name `other`, and so is how often that happened.
	Series int
}

// Recorder keeps what a process has to tell until Vigie reads it. All methods may
// be called from any goroutine.
type Recorder struct {
	options  Options
	process  string
	boot     string
	started  time.Time
	build    build
	logs     *logBook
	events   *feed[event]
	jobs     *jobBook
	requests *requestBook
}

// New makes a recorder. One a process is enough; its boot id is new each time.
func New(options Options) *Recorder {
	info := readBuild()
	if options.Service == "" {
		options.Service = info.name()
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	process := host + ":" + strconv.Itoa(os.Getpid())
	options.Instance = cmp.Or(options.Instance, process)
	if options.Version == "" {
		options.Version = info.version
	}
	options.LogEntries = orDefault(options.LogEntries, DefaultLogEntries)
	options.LogBytes = orDefault(options.LogBytes, DefaultLogBytes)
	options.Events = orDefault(options.Events, DefaultEvents)
	options.Jobs = orDefault(options.Jobs, DefaultJobs)
	options.Series = orDefault(options.Series, DefaultSeries)
	return &Recorder{
		options:  options,
		process:  process,
		boot:     newBoot(),
		started:  processStart,
		build:    info,
		logs:     newLogBook(options.LogEntries, options.LogBytes),
		events:   newFeed[event](options.Events, 0),
		jobs:     newJobBook(options.Jobs, options.Series),
		requests: newRequestBook(options.Series),
	}
}

// Boot is the id of this recorder's life: 16 hexadecimal digits, the first half
// of every cursor that it gives out.
func (r *Recorder) Boot() string {
	if r == nil {
		return ""
	}
	return r.boot
}

// Drain waits until a reader has come back for more after each log entry, event
// and job record there is now, or until ctx ends. Call it at the end of a graceful
// stop, while the endpoint is still served, so that the last lines are not lost
// with the process. It returns ctx's error when the time did not suffice.
func (r *Recorder) Drain(ctx context.Context) error {
	if r == nil {
		return nil
	}
	logs, events, jobs := r.logs.end(), r.events.end(), r.jobs.end()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !r.logs.read(logs) || !r.events.read(events) || !r.jobs.read(jobs) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

// newBoot returns 64 random bits: two lives of a process must never share one.
func newBoot() string {
	var bits [8]byte
	// crypto/rand.Read never fails: where the system has no randomness it ends the process.
	_, _ = rand.Read(bits[:])
	return hex.EncodeToString(bits[:])
}

func orDefault(value, otherwise int) int {
	if value <= 0 {
		return otherwise
	}
	return value
}
