package vigie

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	maxMessage = 8 << 10
	// maxFields bounds the JSON text of an entry's fields.
	maxFields = 16 << 10
	// entryOverhead is what an entry costs beyond its texts.
	entryOverhead = 256
)

// logEntry is one line, ready to be sent.
type logEntry struct {
	time    time.Time
	level   slog.Level
	known   wellKnown
	message string
	fields  []byte // a JSON object, or nil
	// truncated says that the message or fields were longer than what is kept.
	truncated bool
}

// wellKnown are the attributes that are an entry's own fields instead of part of `fields`.
type wellKnown struct{ kind, queue, job, trace, instance string }

// place returns where the value of a well-known attribute goes, nil for any other.
func (w *wellKnown) place(key string) *string {
	switch key {
	case "type":
		return &w.kind
	case "queue":
		return &w.queue
	case "job":
		return &w.job
	case "trace":
		return &w.trace
	case "instance":
		return &w.instance
	}
	return nil
}

func (e *logEntry) size() int {
	return entryOverhead + len(e.message) + len(e.fields) + len(e.known.kind) + len(e.known.queue) +
		len(e.known.job) + len(e.known.trace) + len(e.known.instance)
}

// logBook is the kept lines and how many there were of each level. The feed's lock guards both.
type logBook struct {
	*feed[logEntry]
	levels [len(levelWords)]uint64
}

func newLogBook(entries, bytes int) *logBook {
	return &logBook{feed: newFeed[logEntry](entries, bytes)}
}

func (b *logBook) write(entry logEntry) {
	place, size := levelPlace(entry.level), entry.size()
	b.mu.Lock()
	b.levels[place]++
	b.push(entry, size)
	b.mu.Unlock()
}

func (b *logBook) byLevel() map[string]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := make(map[string]uint64, len(levelWords))
	for place, word := range levelWords {
		counts[word] = b.levels[place]
	}
	return counts
}

// levelWords are the levels on the wire, mildest first.
var levelWords = [...]string{"trace", "debug", "info", "warn", "error", "fatal"}

// levelPlace puts slog's numbers into words: 4 numbers a word, from debug at -4.
func levelPlace(level slog.Level) int {
	switch {
	case level < slog.LevelDebug:
		return 0
	case level < slog.LevelInfo:
		return 1
	case level < slog.LevelWarn:
		return 2
	case level < slog.LevelError:
		return 3
	case level < slog.LevelError+4:
		return 4
	}
	return 5
}

// lowestOf is the lowest slog level with this word.
func lowestOf(word string) (slog.Level, bool) {
	place := slices.Index(levelWords[:], strings.ToLower(word))
	if place < 0 {
		return 0, false
	}
	if place == 0 {
		return slog.Level(-1 << 31), true
	}
	return slog.LevelDebug + slog.Level(4*(place-1)), true
}

// LogHandler returns a slog.Handler that keeps each record for Vigie and passes it
// on to next; next may be nil. A record that only one of the two wants is given to
// that one: Vigie's own level is debug unless min says otherwise.
//
// The attributes type, queue, job, trace and instance, outside of any group, become
// the entry's own fields; the rest is under `fields`, groups as objects. The values
// are read at once (a LogValuer is resolved, a fmt.Stringer is not), so changing
// one later changes nothing.
//
// slog's default handler (slog.Default().Handler() before any SetDefault) must not be
// wrapped, since it writes to package log, which SetDefault turns back into slog;
// in its place this writes text to standard error.
func (r *Recorder) LogHandler(next slog.Handler, min ...slog.Leveler) slog.Handler {
	if next != nil && fmt.Sprintf("%T", next) == "*slog.defaultHandler" {
		next = slog.NewTextHandler(os.Stderr, nil)
	}
	if r == nil {
		if next == nil {
			return slog.DiscardHandler
		}
		return next
	}
	handler := &logHandler{recorder: r, next: next, min: slog.LevelDebug}
	if len(min) > 0 {
		handler.min = min[0]
	}
	return handler
}

// logHandler is immutable; With… make another.
type logHandler struct {
	recorder *Recorder
	next     slog.Handler
	min      slog.Leveler
	known    wellKnown
	fixed    object   // of WithAttrs
	groups   []string // open groups
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.min.Level() || (h.next != nil && h.next.Enabled(ctx, level))
}

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= h.min.Level() {
		h.keep(record)
	}
	if h.next != nil && h.next.Enabled(ctx, record.Level) {
		return h.next.Handle(ctx, record)
	}
	return nil
}

func (h *logHandler) keep(record slog.Record) {
	entry := logEntry{time: record.Time, level: record.Level, known: h.known}
	if entry.time.IsZero() {
		entry.time = time.Now()
	}
	entry.time = entry.time.Round(0) // what is kept for long needs no monotonic reading
	entry.message = strings.Clone(cut(record.Message, maxMessage))
	entry.truncated = len(entry.message) < len(record.Message)
	fields := h.fixed
	if record.NumAttrs() > 0 {
		fields = h.fixed.clone(h.groups)
		inner := fields.open(h.groups)
		record.Attrs(func(attr slog.Attr) bool {
			h.put(inner, &entry.known, attr)
			return true
		})
	}
	if entry.known.kind == "" {
		entry.known.kind = h.recorder.options.LogType
	}
	if entry.known.instance == "" {
		entry.known.instance = h.recorder.options.Instance
	}
	var whole bool
	entry.fields, whole = fields.encode(maxFields)
	entry.truncated = entry.truncated || !whole
	h.recorder.logs.write(entry)
}

// put adds an attribute where it belongs.
func (h *logHandler) put(inner *object, known *wellKnown, attr slog.Attr) {
	if len(h.groups) == 0 {
		if place := known.place(attr.Key); place != nil {
			*place = cut(textOf(attr.Value.Resolve()), maxName)
			return
		}
	}
	inner.put(attr, 0)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	with := *h
	with.fixed = h.fixed.clone(h.groups)
	inner := with.fixed.open(h.groups)
	for _, attr := range attrs {
		with.put(inner, &with.known, attr)
	}
	if h.next != nil {
		with.next = h.next.WithAttrs(attrs)
	}
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.groups = append(slices.Clip(h.groups), name)
	if h.next != nil {
		with.next = h.next.WithGroup(name)
	}
	return &with
}

// appendLog writes an entry as the contract shows it.
func appendLog(to []byte, cursor string, entry *logEntry) []byte {
	to = append(to, `{"cursor":`...)
	to = appendString(to, cursor)
	to = append(to, `,"time":`...)
	to = appendMoment(to, entry.time)
	word := levelWords[levelPlace(entry.level)]
	to = append(to, `,"level":`...)
	to = appendString(to, word)
	to = append(to, `,"level_text":`...)
	to = appendOrNull(to, otherWord(entry.level, word))
	for _, field := range [...]struct{ name, value string }{
		{`,"type":`, entry.known.kind}, {`,"instance":`, entry.known.instance}, {`,"queue":`, entry.known.queue},
		{`,"job":`, entry.known.job}, {`,"trace":`, entry.known.trace},
	} {
		to = append(to, field.name...)
		to = appendOrNull(to, field.value)
	}
	to = append(to, `,"message":`...)
	to = appendString(to, entry.message)
	to = append(to, `,"fields":`...)
	if entry.fields == nil {
		to = append(to, '{', '}')
	} else {
		to = append(to, entry.fields...)
	}
	if entry.truncated {
		to = append(to, `,"truncated":true`...)
	}
	return append(to, '}')
}

// otherWord is slog's own word for a level, empty where ours says the same.
func otherWord(level slog.Level, word string) string {
	if own := level.String(); !strings.EqualFold(own, word) {
		return own
	}
	return ""
}

func appendOrNull(to []byte, text string) []byte {
	if text == "" {
		return append(to, "null"...)
	}
	return appendString(to, text)
}
