package vigie

import (
	"time"
)

// Outcome is how one attempt at a job ended.
type Outcome string

const (
	// Succeeded: the handler did its work.
	Succeeded Outcome = "succeeded"
	// Failed: the attempt counts as a failure.
	Failed Outcome = "failed"
	// Revoked: the handler asked for the job to be forgotten.
	Revoked Outcome = "revoked"
	// Released: the job goes back without the attempt counting as a failure.
	Released Outcome = "released"
	// Interrupted: the queue took the job away while the handler ran (a lost
	// lease, a cancellation, the end of the worker); what it made of the attempt
	// is not known here.
	Interrupted Outcome = "interrupted"
)

// Then is what becomes of a job after an attempt.
type Then string

const (
	// Done: nothing more.
	Done Then = "done"
	// Retry: another attempt will follow.
	Retry Then = "retry"
	// Archived: it failed for good.
	Archived Then = "archived"
	// Unknown: the queue decides, out of sight.
	Unknown Then = "unknown"
)

const (
	maxName  = 256
	maxError = 2048
	// skew is how far the clocks of two hosts may be apart: a job that started up to
	// this long before it was eligible did not wait. One that started earlier still was
	// not eligible when we believed, so its wait is not known.
	skew = time.Second
)

// Job is one attempt at a job, as its worker knows it when the attempt begins.
type Job struct {
	Queue, Type, ID string
	// Attempt counts from 1; 0: not known.
	Attempt int
	// Enqueued is when the job was given to the queue, Eligible from when on this
	// attempt could have started (later where it was scheduled, or is a retry).
	// Zero: not known; then its wait is not known either.
	Enqueued, Eligible time.Time
}

// Ending is how an attempt ended.
type Ending struct {
	Outcome Outcome
	Then    Then
	// Err is the error's text, empty when there was none.
	Err string
	// Finished is when; zero: now.
	Finished time.Time
}

// JobRun is an attempt that has begun. Finish it once; a copy is the same attempt.
type JobRun struct {
	recorder *Recorder
	series   *jobSeries
	job      Job
	started  time.Time
}

// jobRecord is one finished attempt.
type jobRecord struct {
	job      Job
	started  time.Time
	finished time.Time
	run      time.Duration
	wait     time.Duration // below 0: not known
	outcome  Outcome
	then     Then
	err      string
}

type jobKey struct{ queue, kind string }

// jobSeries holds the totals of one type in one queue.
type jobSeries struct {
	key      jobKey
	enqueued uint64
	inFlight int64
	ended    [5]uint64 // in the order of outcomes
	retries  uint64
	archived uint64
	// unknownWaits counts the finished attempts whose wait is not known.
	unknownWaits uint64
	wait, run    histogram
}

// outcomes gives each outcome its place in jobSeries.ended.
var outcomes = [...]Outcome{Succeeded, Failed, Revoked, Released, Interrupted}

// jobBook has the totals and the records under one lock, so that a reader who
// missed records can fall back on totals that stand at a known record.
type jobBook struct {
	*feed[jobRecord]
	series    map[jobKey]*jobSeries
	maxSeries int
	// folded counts how often a type over the limit was counted as `other`.
	folded uint64
}

func newJobBook(records, series int) *jobBook {
	return &jobBook{feed: newFeed[jobRecord](records, 0), series: make(map[jobKey]*jobSeries), maxSeries: series}
}

// of finds or makes a series; the lock is held.
func (b *jobBook) of(queue, kind string) *jobSeries {
	key := jobKey{cut(queue, maxName), cut(kind, maxName)}
	if series, ok := b.series[key]; ok {
		return series
	}
	if len(b.series) >= b.maxSeries {
		b.folded++
		key = jobKey{otherSeries, otherSeries}
		if series, ok := b.series[key]; ok {
			return series
		}
	}
	series := &jobSeries{key: key}
	b.series[key] = series
	return series
}

// JobEnqueued counts a job that this process gave to a queue.
func (r *Recorder) JobEnqueued(queue, kind string) {
	if r == nil {
		return
	}
	r.jobs.mu.Lock()
	r.jobs.of(queue, kind).enqueued++
	r.jobs.mu.Unlock()
}

// StartJob says that an attempt begins now.
func (r *Recorder) StartJob(job Job) JobRun {
	if r == nil {
		return JobRun{}
	}
	r.jobs.mu.Lock()
	series := r.jobs.of(job.Queue, job.Type)
	series.inFlight++
	r.jobs.mu.Unlock()
	return JobRun{recorder: r, series: series, job: job, started: time.Now()}
}

// Finish says that the attempt has ended.
func (run JobRun) Finish(end Ending) {
	if run.recorder == nil {
		return
	}
	if end.Finished.IsZero() {
		end.Finished = time.Now()
	}
	record := jobRecord{
		job: run.job, started: run.started, finished: end.Finished,
		run: max(end.Finished.Sub(run.started), 0), wait: run.wait(),
		outcome: end.Outcome, then: end.Then, err: cut(end.Err, maxError),
	}
	record.job.Queue, record.job.Type = cut(record.job.Queue, maxName), cut(record.job.Type, maxName)
	record.job.ID = cut(record.job.ID, maxName)
	book := run.recorder.jobs
	book.mu.Lock()
	run.series.count(&record)
	book.push(record, 0)
	book.mu.Unlock()
}

// wait is from eligible to started; below 0 where it is not known.
func (run *JobRun) wait() time.Duration {
	if run.job.Eligible.IsZero() {
		return -1
	}
	wait := run.started.Sub(run.job.Eligible)
	if wait < -skew {
		return -1
	}
	return max(wait, 0)
}

// count adds a record to the totals; the lock is held.
func (s *jobSeries) count(record *jobRecord) {
	s.inFlight--
	for place, outcome := range outcomes {
		if record.outcome == outcome {
			s.ended[place]++
		}
	}
	switch record.then {
	case Retry:
		s.retries++
	case Archived:
		s.archived++
	}
	s.run.add(record.run)
	if record.wait < 0 {
		s.unknownWaits++
	} else {
		s.wait.add(record.wait)
	}
}

// snapshot copies the totals, with the number of the last record in them.
func (b *jobBook) snapshot() (series []jobSeries, last, folded uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	series = make([]jobSeries, 0, len(b.series))
	for _, one := range b.series {
		series = append(series, *one)
	}
	return series, b.next - 1, b.folded
}
