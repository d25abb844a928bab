package vigie

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// exposition writes Prometheus's text format, version 0.0.4.
type exposition struct {
	bytes.Buffer
	bounds []float64
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (e *exposition) family(name, kind, help string) {
	e.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one line; labels are names and values in turn.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.WriteString(name)
	for place := 0; place+1 < len(labels); place += 2 {
		e.WriteByte("{,"[min(place, 1)])
		e.WriteString(labels[place] + `="` + escapeLabel.Replace(strings.ToValidUTF8(labels[place+1], "\uFFFD")) + `"`)
	}
	if len(labels) > 0 {
		e.WriteByte('}')
	}
	e.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

// one writes a family of a single sample.
func (e *exposition) one(name, kind, help string, value float64) {
	e.family(name, kind, help)
	e.sample(name, value)
}

func (e *exposition) histogram(name string, h histogramJSON, labels ...string) {
	sum := uint64(0)
	bucket := append([]string(nil), labels...)
	bucket = append(bucket, "le", "")
	for place, bound := range e.bounds {
		sum += h.Counts[place]
		bucket[len(bucket)-1] = strconv.FormatFloat(bound, 'g', -1, 64)
		e.sample(name+"_bucket", float64(sum), bucket...)
	}
	bucket[len(bucket)-1] = "+Inf"
	e.sample(name+"_bucket", float64(h.Count), bucket...)
	e.sample(name+"_sum", h.Sum, labels...)
	e.sample(name+"_count", float64(h.Count), labels...)
}

// text is the same figures for Prometheus. Names are those that its own Go client
// uses where it has one, so that existing dashboards work.
func (m *measures) text() []byte {
	e := &exposition{bounds: m.Bounds}
	e.process(m)
	e.requests(m.HTTP)
	e.jobs(m.Jobs)
	e.family("log_entries_total", "counter", "Log entries by level.")
	for _, word := range levelWords {
		e.sample("log_entries_total", float64(m.Logs.Levels[word]), "level", word)
	}
	e.one("events_total", "counter", "Events told.", float64(m.Events.Total))
	e.family("vigie_sdk_dropped_total", "counter", "Entries that left a full ring before anybody read them.")
	e.sample("vigie_sdk_dropped_total", float64(m.Logs.Dropped), "feed", "logs")
	e.sample("vigie_sdk_dropped_total", float64(m.Events.Dropped), "feed", "events")
	e.sample("vigie_sdk_dropped_total", float64(m.Jobs.Dropped), "feed", "jobs")
	e.family("vigie_sdk_folded_total", "counter", "What was counted under `other` because there were too many series.")
	e.sample("vigie_sdk_folded_total", float64(m.HTTP.Folded), "of", "http")
	e.sample("vigie_sdk_folded_total", float64(m.Jobs.Folded), "of", "jobs")
	return e.Bytes()
}

func (e *exposition) process(m *measures) {
	version := ""
	if m.Version != nil {
		version = *m.Version
	}
	e.family("service_info", "gauge", "What this process is; always 1.")
	e.sample("service_info", 1, "service", m.Service, "instance_id", m.Instance, "version", version, "boot", m.Boot, "go", m.Runtime.Go)
	run := &m.Runtime
	started := float64(time.Time(m.Started).UnixNano()) / 1e9
	e.one("process_start_time_seconds", "gauge", "Start of the process, in Unix time.", started)
	if run.CPUSeconds != nil {
		e.one("process_cpu_seconds_total", "counter", "Processor time used, of user and system.", *run.CPUSeconds)
	}
	if run.Memory.Resident != nil {
		e.one("process_resident_memory_bytes", "gauge", "Memory that is in RAM.", float64(*run.Memory.Resident))
	}
	if run.OpenFiles != nil {
		e.one("process_open_fds", "gauge", "Open file descriptors.", float64(*run.OpenFiles))
	}
	e.one("go_goroutines", "gauge", "Goroutines that exist.", float64(run.Goroutines))
	e.one("go_sched_gomaxprocs_threads", "gauge", "Threads that may run Go code at once.", float64(run.Processors))
	e.one("go_memstats_heap_alloc_bytes", "gauge", "Heap in use by objects.", float64(run.Memory.Heap))
	e.one("go_memstats_heap_objects", "gauge", "Objects on the heap.", float64(run.Memory.HeapCount))
	e.one("go_memstats_sys_bytes", "gauge", "Memory that the Go runtime has from the system.", float64(run.Memory.Runtime))
	e.one("go_gc_cycles_total", "counter", "Garbage collections.", float64(run.GarbageTimes.Cycles))
	e.one("go_gc_pause_seconds_total", "counter", "Time that garbage collections stopped everything.", run.GarbageTimes.Pause)
}

func (e *exposition) requests(all requestsJSON) {
	e.one("http_requests_in_flight", "gauge", "Requests being answered.", float64(all.InFlight))
	e.family("http_requests_total", "counter", "Requests answered, by route, method and status class.")
	for _, one := range all.Series {
		e.sample("http_requests_total", float64(one.Duration.Count), "route", one.Route, "method", one.Method, "status", one.Status)
	}
	e.family("http_request_duration_seconds", "histogram", "How long requests took.")
	for _, one := range all.Series {
		e.histogram("http_request_duration_seconds", one.Duration, "route", one.Route, "method", one.Method, "status", one.Status)
	}
}

func (e *exposition) jobs(all jobsJSON) {
	e.family("jobs_enqueued_total", "counter", "Jobs that this process gave to a queue.")
	for _, one := range all.Series {
		e.sample("jobs_enqueued_total", float64(one.Enqueued), "queue", one.Queue, "type", one.Type)
	}
	e.family("jobs_in_flight", "gauge", "Attempts that run now.")
	for _, one := range all.Series {
		e.sample("jobs_in_flight", float64(one.InFlight), "queue", one.Queue, "type", one.Type)
	}
	e.family("jobs_finished_total", "counter", "Attempts that ended, by outcome.")
	for _, one := range all.Series {
		for _, outcome := range outcomes {
			e.sample("jobs_finished_total", float64(one.Outcomes[string(outcome)]), "queue", one.Queue, "type", one.Type, "outcome", string(outcome))
		}
	}
	e.family("job_wait_seconds", "histogram", "From eligible to started, where it is known.")
	for _, one := range all.Series {
		e.histogram("job_wait_seconds", one.Wait, "queue", one.Queue, "type", one.Type)
	}
	e.family("job_run_seconds", "histogram", "From started to finished.")
	for _, one := range all.Series {
		e.histogram("job_run_seconds", one.Run, "queue", one.Queue, "type", one.Type)
	}
}
