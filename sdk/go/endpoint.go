package vigie

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Paths of the contract, below wherever Endpoint is mounted.
const (
	PathMetrics = "/api/v1/metrics"
	PathLogs    = "/api/v1/logs"
	PathEvents  = "/api/v1/events"
	PathJobs    = "/api/v1/jobs"
)

const (
	defaultLimit = 1_000
	maxLimit     = 10_000
	// maxCursors is how many replicas behind one address a reader may follow.
	maxCursors = 64
	// maxPage bounds the texts of one answer.
	maxPage = 8 << 20
	// gzipFrom is the size from which an answer is worth compressing.
	gzipFrom = 1024
)

// Endpoint serves what is kept: GET and HEAD of /api/v1/metrics, /api/v1/logs,
// /api/v1/events and /api/v1/jobs. Mount it at "/api/v1/" of any mux; under another
// prefix wrap it in http.StripPrefix. The contract is docs/go-api.md.
func (r *Recorder) Endpoint() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		serve, known := map[string]func(*Recorder, *http.Request) (answer, *problem){
			PathMetrics: (*Recorder).answerMetrics,
			PathLogs:    (*Recorder).answerLogs,
			PathEvents:  (*Recorder).answerEvents,
			PathJobs:    (*Recorder).answerJobs,
		}[request.URL.Path]
		switch {
		case r == nil:
			refuse(w, request, &problem{http.StatusNotFound, "The recorder is switched off", "This process keeps nothing for Vigie: its vigie.Recorder is nil."})
		case !r.admits(request):
			w.Header().Set("WWW-Authenticate", `Bearer realm="vigie"`)
			refuse(w, request, &problem{http.StatusUnauthorized, "A token is needed", "Send the token of vigie.Options.Token as `Authorization: Bearer TOKEN`."})
		case !known:
			refuse(w, request, &problem{http.StatusNotFound, "There is no such path", "Known are " + strings.Join([]string{PathMetrics, PathLogs, PathEvents, PathJobs}, ", ") + "."})
		case request.Method != http.MethodGet && request.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, request, &problem{http.StatusMethodNotAllowed, "Only reading is possible", "Use GET or HEAD."})
		default:
			found, wrong := serve(r, request)
			if wrong != nil {
				refuse(w, request, wrong)
				return
			}
			send(w, request, http.StatusOK, found)
		}
	})
}

// admits compares digests, so that neither the token's length nor its beginning shows in the time.
func (r *Recorder) admits(request *http.Request) bool {
	if r.options.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	given, wanted := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(r.options.Token))
	same := subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
	return same && strings.EqualFold(scheme, "Bearer")
}

// answer is a body and what it is.
type answer struct {
	kind string
	body []byte
}

const kindJSON = "application/json"

// problem is an error as RFC 9457 has it.
type problem struct {
	status        int
	title, detail string
}

func refuse(w http.ResponseWriter, request *http.Request, wrong *problem) {
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": wrong.title, "status": wrong.status, "detail": wrong.detail,
	})
	if err != nil {
		body = []byte("{}") // texts and a number: cannot happen
	}
	send(w, request, wrong.status, answer{"application/problem+json", body})
}

func send(w http.ResponseWriter, request *http.Request, status int, found answer) {
	header := w.Header()
	header.Set("Content-Type", found.kind)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Accept, Accept-Encoding")
	body := found.body
	if len(body) >= gzipFrom && quality(request.Header.Values("Accept-Encoding"), "gzip", "*") > 0 {
		header.Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if request.Method != http.MethodHead {
		// A reader who has gone away will ask again with the same cursor.
		_, _ = w.Write(body)
	}
}

func compress(body []byte) []byte {
	var packed bytes.Buffer
	// Writing to memory does not fail, and the level is a valid one.
	writer, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = writer.Write(body)
	_ = writer.Close()
	return packed.Bytes()
}

// quality is the greatest q of a header's elements that are one of names, 0 where none is.
func quality(values []string, names ...string) float64 {
	best := 0.0
	for element := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, rest, _ := strings.Cut(element, ";")
		if !slices.Contains(names, strings.ToLower(strings.TrimSpace(name))) {
			continue
		}
		q := 1.0
		for parameter := range strings.SplitSeq(rest, ";") {
			if key, value, _ := strings.Cut(strings.TrimSpace(parameter), "="); strings.EqualFold(key, "q") {
				number, err := strconv.ParseFloat(value, 64)
				if err != nil {
					number = 0
				}
				q = number
			}
		}
		best = max(best, q)
	}
	return best
}

// reading is a request for a page of a feed.
type reading struct {
	after uint64
	// resumed says that one of the cursors was this boot's, given that there were any.
	given, resumed bool
	limit          int
}

func (r *Recorder) readingOf(request *http.Request) (reading, *problem) {
	asked := reading{limit: defaultLimit}
	query := request.URL.Query()
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 {
			return asked, badRequest("limit", text, fmt.Sprintf("a number from 1 to %d", maxLimit))
		}
		asked.limit = min(limit, maxLimit)
	}
	cursors := query["after"]
	if len(cursors) > maxCursors {
		return asked, badRequest("after", fmt.Sprintf("%d cursors", len(cursors)), fmt.Sprintf("at most %d cursors, one a replica", maxCursors))
	}
	for _, cursor := range cursors {
		if cursor == "" {
			continue
		}
		boot, number, ok := parseCursor(cursor)
		if !ok {
			return asked, badRequest("after", cut(cursor, 64), "the `next` of an earlier answer, unchanged")
		}
		asked.given = true
		if boot == r.boot {
			asked.resumed, asked.after = true, max(asked.after, number)
		}
	}
	return asked, nil
}

func badRequest(parameter, got, want string) *problem {
	return &problem{http.StatusBadRequest, "A parameter cannot be understood", fmt.Sprintf("%s is %q; it must be %s.", parameter, got, want)}
}

func (r *Recorder) cursor(number uint64) string {
	return r.boot + "-" + strconv.FormatUint(number, 10)
}

func parseCursor(text string) (boot string, number uint64, ok bool) {
	boot, digits, found := strings.Cut(text, "-")
	number, err := strconv.ParseUint(digits, 10, 64)
	if !found || err != nil || len(boot) != 16 || strings.Trim(boot, hexDigits) != "" {
		return "", 0, false
	}
	return boot, number, true
}

// head is what every page of a feed says before its entries.
type head struct {
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Boot     string `json:"boot"`
	Started  moment `json:"started"`
	Now      moment `json:"now"`
	Next     string `json:"next"`
	More     bool   `json:"more"`
	Resumed  bool   `json:"resumed"`
	Gap      bool   `json:"gap"`
	Missed   uint64 `json:"missed"`
	Dropped  uint64 `json:"dropped_total"`
}

func pageHead[T any](r *Recorder, asked reading, found page[T], at standing) head {
	return head{
		Service: r.options.Service, Instance: r.options.Instance, Boot: r.boot,
		Started: moment(r.started), Now: moment(time.Now()),
		Next: r.cursor(found.last), More: found.more, Resumed: asked.resumed,
		Gap: asked.given && !asked.resumed || found.missed > 0, Missed: found.missed, Dropped: at.dropped,
	}
}

// withEntries writes a page: the head's members, then the entries.
func (h head) withEntries(name string, entries []byte) answer {
	body, err := json.Marshal(h)
	if err != nil {
		body = []byte("{}") // texts, numbers and times: cannot happen
	}
	body = append(body[:len(body)-1], `,"`+name+`":[`...)
	body = append(body, entries...)
	return answer{kindJSON, append(body, "]}\n"...)}
}

func (r *Recorder) answerLogs(request *http.Request) (answer, *problem) {
	asked, wrong := r.readingOf(request)
	if wrong != nil {
		return answer{}, wrong
	}
	var keep func(*logEntry) bool
	if word := request.URL.Query().Get("level"); word != "" {
		lowest, ok := lowestOf(word)
		if !ok {
			return answer{}, badRequest("level", cut(word, 64), "one of "+strings.Join(levelWords[:], ", "))
		}
		keep = func(entry *logEntry) bool { return entry.level >= lowest }
	}
	found := r.logs.readAfter(asked.after, asked.limit, maxPage, keep, (*logEntry).size)
	var entries []byte
	for place := range found.entries {
		if place > 0 {
			entries = append(entries, ',')
		}
		one := &found.entries[place]
		entries = appendLog(entries, r.cursor(one.number), &one.entry)
	}
	return pageHead(r, asked, found, r.logs.standing()).withEntries("entries", entries), nil
}

func (r *Recorder) answerEvents(request *http.Request) (answer, *problem) {
	asked, wrong := r.readingOf(request)
	if wrong != nil {
		return answer{}, wrong
	}
	var keep func(*event) bool
	if kinds := request.URL.Query()["type"]; len(kinds) > 0 {
		keep = func(one *event) bool { return slices.Contains(kinds, one.kind) }
	}
	cost := func(one *event) int { return len(one.message) + len(one.fields) + entryOverhead }
	found := r.events.readAfter(asked.after, asked.limit, maxPage, keep, cost)
	entries, wrong := encodeAll(found.entries, func(one *numbered[event]) any { return one.entry.wire(r.cursor(one.number)) })
	if wrong != nil {
		return answer{}, wrong
	}
	return pageHead(r, asked, found, r.events.standing()).withEntries("events", entries), nil
}

func (r *Recorder) answerJobs(request *http.Request) (answer, *problem) {
	asked, wrong := r.readingOf(request)
	if wrong != nil {
		return answer{}, wrong
	}
	cost := func(one *jobRecord) int { return len(one.err) + len(one.job.ID) + entryOverhead }
	found := r.jobs.readAfter(asked.after, asked.limit, maxPage, nil, cost)
	entries, wrong := encodeAll(found.entries, func(one *numbered[jobRecord]) any { return one.entry.wire(r.cursor(one.number)) })
	if wrong != nil {
		return answer{}, wrong
	}
	return pageHead(r, asked, found, r.jobs.standing()).withEntries("jobs", entries), nil
}

func encodeAll[T any](all []numbered[T], wire func(*numbered[T]) any) ([]byte, *problem) {
	var entries []byte
	for place := range all {
		text, err := json.Marshal(wire(&all[place]))
		if err != nil {
			return nil, &problem{http.StatusInternalServerError, "An entry cannot be written", "Entry " + strconv.FormatUint(all[place].number, 10) + " has no JSON text; report this."}
		}
		if place > 0 {
			entries = append(entries, ',')
		}
		entries = append(entries, text...)
	}
	return entries, nil
}
