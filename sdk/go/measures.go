package vigie

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// measures is the answer of /api/v1/metrics in JSON.
type measures struct {
	Schema   int          `json:"schema"`
	Service  string       `json:"service"`
	Instance string       `json:"instance"`
	Process  string       `json:"process"`
	Version  *string      `json:"version"`
	Boot     string       `json:"boot"`
	Started  moment       `json:"started"`
	Now      moment       `json:"now"`
	Uptime   float64      `json:"uptime_seconds"`
	Bounds   []float64    `json:"bounds_seconds"`
	Runtime  runtimeJSON  `json:"runtime"`
	HTTP     requestsJSON `json:"http"`
	Jobs     jobsJSON     `json:"jobs"`
	Logs     logsJSON     `json:"logs"`
	Events   feedJSON     `json:"events"`
}

type requestsJSON struct {
	InFlight int64               `json:"in_flight"`
	Folded   uint64              `json:"folded_total"`
	Series   []requestSeriesJSON `json:"series"`
}

type requestSeriesJSON struct {
	Route    string        `json:"route"`
	Method   string        `json:"method"`
	Status   string        `json:"status"`
	Duration histogramJSON `json:"duration"`
}

// feedJSON is where a feed stands.
type feedJSON struct {
	Cursor  string `json:"cursor"`
	Total   uint64 `json:"total"`
	Kept    uint64 `json:"kept"`
	Dropped uint64 `json:"dropped_total"`
}

type logsJSON struct {
	feedJSON
	Levels map[string]uint64 `json:"levels"`
}

type jobsJSON struct {
	feedJSON
	Folded uint64          `json:"folded_total"`
	Series []jobSeriesJSON `json:"series"`
}

type jobSeriesJSON struct {
	Queue        string            `json:"queue"`
	Type         string            `json:"type"`
	Enqueued     uint64            `json:"enqueued_total"`
	InFlight     int64             `json:"in_flight"`
	Outcomes     map[string]uint64 `json:"outcomes"`
	Retries      uint64            `json:"retries_total"`
	Archived     uint64            `json:"archived_total"`
	UnknownWaits uint64            `json:"unknown_waits_total"`
	Wait         histogramJSON     `json:"wait"`
	Run          histogramJSON     `json:"run"`
}

// jobJSON is one finished attempt on the wire.
type jobJSON struct {
	Cursor   string   `json:"cursor"`
	ID       *string  `json:"id"`
	Queue    string   `json:"queue"`
	Type     string   `json:"type"`
	Attempt  *int     `json:"attempt"`
	Enqueued moment   `json:"enqueued"`
	Eligible moment   `json:"eligible"`
	Started  moment   `json:"started"`
	Finished moment   `json:"finished"`
	Wait     *float64 `json:"wait_seconds"`
	Run      float64  `json:"run_seconds"`
	Outcome  Outcome  `json:"outcome"`
	Then     Then     `json:"then"`
	Error    *string  `json:"error"`
}

func (j *jobRecord) wire(cursor string) jobJSON {
	wire := jobJSON{
		Cursor: cursor, ID: orNil(j.job.ID), Queue: j.job.Queue, Type: j.job.Type,
		Enqueued: moment(j.job.Enqueued), Eligible: moment(j.job.Eligible),
		Started: moment(j.started), Finished: moment(j.finished),
		Run: j.run.Seconds(), Outcome: j.outcome, Then: j.then, Error: orNil(j.err),
	}
	if j.job.Attempt > 0 {
		wire.Attempt = &j.job.Attempt
	}
	if j.wait >= 0 {
		seconds := j.wait.Seconds()
		wire.Wait = &seconds
	}
	return wire
}

func (r *Recorder) answerMetrics(request *http.Request) (answer, *problem) {
	now := r.measure()
	if wantsText(request) {
		return answer{"text/plain; version=0.0.4; charset=utf-8", now.text()}, nil
	}
	body, err := json.Marshal(now)
	if err != nil {
		return answer{}, &problem{http.StatusInternalServerError, "The figures cannot be written", "They have no JSON text; report this."}
	}
	return answer{kindJSON, append(body, '\n')}, nil
}

// wantsText says whether Prometheus's text is preferred to JSON.
func wantsText(request *http.Request) bool {
	accept := request.Header.Values("Accept")
	text := quality(accept, "text/plain", "text/*", "application/openmetrics-text")
	return text > quality(accept, kindJSON) && text >= quality(accept, "application/*", "*/*")
}

// measure takes every figure. Those of jobs stand exactly at the jobs' cursor.
func (r *Recorder) measure() *measures {
	now := time.Now()
	jobs, lastJob, foldedJobs := r.jobs.snapshot()
	requests, inFlight, foldedRequests := r.requests.snapshot()
	result := &measures{
		Schema: 1, Service: r.options.Service, Instance: r.options.Instance, Version: orNil(r.options.Version), Boot: r.boot,
		Started: moment(r.started), Now: moment(now), Uptime: now.Sub(r.started).Seconds(),
		Bounds: boundsSeconds(), Runtime: readRuntime(r.build),
		HTTP:   requestsJSON{InFlight: inFlight, Folded: foldedRequests, Series: make([]requestSeriesJSON, 0, len(requests))},
		Jobs:   jobsJSON{feedJSON: r.feedJSON(r.jobs.standing()), Folded: foldedJobs, Series: make([]jobSeriesJSON, 0, len(jobs))},
		Logs:   logsJSON{r.feedJSON(r.logs.standing()), r.logs.byLevel()},
		Events: r.feedJSON(r.events.standing()),
	}
	result.Jobs.Cursor, result.Jobs.Total = r.cursor(lastJob), lastJob
	for place := range requests {
		one := &requests[place]
		result.HTTP.Series = append(result.HTTP.Series, requestSeriesJSON{one.key.route, one.key.method, one.key.class, one.durations.wire()})
	}
	for place := range jobs {
		result.Jobs.Series = append(result.Jobs.Series, jobs[place].wire())
	}
	slices.SortFunc(result.HTTP.Series, func(a, b requestSeriesJSON) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Status, b.Status))
	})
	slices.SortFunc(result.Jobs.Series, func(a, b jobSeriesJSON) int {
		return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Type, b.Type))
	})
	return result
}

func (r *Recorder) feedJSON(at standing) feedJSON {
	return feedJSON{Cursor: r.cursor(at.total), Total: at.total, Kept: at.kept, Dropped: at.dropped}
}

func (s *jobSeries) wire() jobSeriesJSON {
	ended := make(map[string]uint64, len(outcomes))
	for place, outcome := range outcomes {
		ended[string(outcome)] = s.ended[place]
	}
	return jobSeriesJSON{
		Queue: s.key.queue, Type: s.key.kind, Enqueued: s.enqueued, InFlight: s.inFlight, Outcomes: ended,
		Retries: s.retries, Archived: s.archived, UnknownWaits: s.unknownWaits, Wait: s.wait.wire(), Run: s.run.wire(),
	}
}
