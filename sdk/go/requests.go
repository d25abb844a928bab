package vigie

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// unmatched is the route of requests that no pattern took: their paths are anybody's choice.
const unmatched = "unmatched"

type requestKey struct{ route, method, class string }

// requestBook counts requests by route, method and status class.
type requestBook struct {
	mu        sync.Mutex
	inFlight  int64
	series    map[requestKey]*histogram
	maxSeries int
	folded    uint64
}

func newRequestBook(series int) *requestBook {
	return &requestBook{series: make(map[requestKey]*histogram), maxSeries: series}
}

func (b *requestBook) begin() {
	b.mu.Lock()
	b.inFlight++
	b.mu.Unlock()
}

func (b *requestBook) end(key requestKey, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	durations, ok := b.series[key]
	if !ok {
		if len(b.series) >= b.maxSeries {
			b.folded++
			key = requestKey{otherSeries, otherSeries, key.class}
		}
		if durations = b.series[key]; durations == nil {
			durations = new(histogram)
			b.series[key] = durations
		}
	}
	durations.add(took)
}

type requestSeries struct {
	key       requestKey
	durations histogram
}

func (b *requestBook) snapshot() (series []requestSeries, inFlight int64, folded uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	series = make([]requestSeries, 0, len(b.series))
	for key, durations := range b.series {
		series = append(series, requestSeries{key, *durations})
	}
	return series, b.inFlight, b.folded
}

// Requests counts the requests to next: by route pattern, method and status class,
// each with a histogram of how long it took, and how many are being answered. Put it
// directly around the mux, so that the pattern that matched is seen here; a router
// of another make names its routes through Options.Route.
//
// A handler that panics before it has answered counts as 5xx; the panic goes on.
func (r *Recorder) Requests(next http.Handler) http.Handler {
	if r == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		observed, status := observe(w)
		started := time.Now()
		ended := false
		r.requests.begin()
		defer func() {
			if !ended && status.code == 0 {
				status.code = http.StatusInternalServerError
			}
			key := requestKey{r.routeOf(request), methodOf(request.Method), classOf(status.code)}
			r.requests.end(key, time.Since(started))
		}()
		next.ServeHTTP(observed, request)
		ended = true
	})
}

func (r *Recorder) routeOf(request *http.Request) string {
	route := request.Pattern
	if r.options.Route != nil {
		route = r.options.Route(request)
	}
	// The method has a place of its own.
	if _, path, ok := strings.Cut(route, " "); ok {
		route = strings.TrimLeft(path, " \t")
	}
	if route == "" {
		return unmatched
	}
	return cut(route, maxName)
}

// methodOf keeps the standard methods and folds what a client made up.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return otherSeries
}

// classOf is `2xx` and so on; a handler that wrote nothing answered 200.
func classOf(code int) string {
	switch code / 100 {
	case 1:
		return "1xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 0, 2:
		return "2xx"
	}
	return "5xx"
}

// status is an http.ResponseWriter that remembers the code it sent.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	// Informational answers come before the answer proper, except 101, which is one.
	if s.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Write(body []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return s.ResponseWriter.Write(body)
}

// ReadFrom leaves the way open for sendfile.
func (s *status) ReadFrom(body io.Reader) (int64, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return io.Copy(s.ResponseWriter, body)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// flushing and hijacking are for handlers that ask a writer what it can.
type flushing struct {
	*status
	flusher http.Flusher
}

func (f flushing) Flush() {
	if f.code == 0 {
		f.code = http.StatusOK
	}
	f.flusher.Flush()
}

type hijacking struct {
	flushing
	hijacker http.Hijacker
}

func (h hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := h.hijacker.Hijack()
	if err == nil && h.code == 0 {
		h.code = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// observe wraps a writer without hiding what it can.
func observe(w http.ResponseWriter) (http.ResponseWriter, *status) {
	base := &status{ResponseWriter: w}
	flusher, flushes := w.(http.Flusher)
	if !flushes {
		return base, base
	}
	hijacker, hijacks := w.(http.Hijacker)
	if !hijacks {
		return flushing{base, flusher}, base
	}
	return hijacking{flushing{base, flusher}, hijacker}, base
}
