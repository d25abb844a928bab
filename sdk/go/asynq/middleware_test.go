package vigieasynq

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	vigie "vigie.example/vigie"
)

func TestStamps(t *testing.T) {
	now := time.Unix(1795450071, 669123000)
	read, ok := parseStamp(newStamp(now, now.Add(time.Second)))
	if !ok || !read.enqueued.Equal(now) || !read.eligible.Equal(now.Add(time.Second)) || len(read.id) != 16 {
		t.Errorf("got %+v", read)
	}
	if read, ok = parseStamp(newStamp(now, time.Time{})); !ok || !read.eligible.IsZero() {
		t.Errorf("a group: got %+v", read)
	}
	for _, text := range []string{"", ";;;", "2;1;2;x", "1;1;2;", "1;x;2;a", "1;1;x;a", "1;99999999999999999999;-;a", "1;1"} {
		if read, ok := parseStamp(text); ok {
			t.Errorf("%q is no stamp, got %+v", text, read)
		}
	}
}

func TestDueTimesAreAsynqs(t *testing.T) {
	now := time.Unix(100, 700)
	if due := dueAt(time.Unix(102, 900), now); !due.Equal(time.Unix(102, 0)) {
		t.Errorf("got %v", due)
	}
	if due := dueAt(time.Unix(100, 900), now); !due.Equal(now) {
		t.Errorf("due at once, got %v", due)
	}
	if due := dueAt(time.Time{}, now); !due.Equal(now) {
		t.Errorf("not scheduled, got %v", due)
	}
}

func TestTheRetryBookIsBounded(t *testing.T) {
	book := &retryBook{due: map[string]planned{}}
	for n := range maxRetries + 100 {
		book.put(newStamp(time.Unix(int64(n), 0), time.Time{}), 1, time.Now())
	}
	if len(book.due) != maxRetries {
		t.Errorf("%d remembered", len(book.due))
	}
}

func TestAPlanIsForOneRetry(t *testing.T) {
	book := &retryBook{due: map[string]planned{}}
	at := time.Unix(1_795_442_619, 0)
	book.put("a", 1, at)
	if due, known := book.take("a", 1); !known || !due.Equal(at) {
		t.Errorf("got %v %v", due, known)
	}
	// The first retry ran and failed in another process; this is the second.
	book.put("a", 1, at)
	if due, known := book.take("a", 2); known {
		t.Errorf("got %v, when the first retry was due", due)
	}
}

func TestACancelledContextIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if end := endingOf(ctx, nil, nil); end.Outcome != vigie.Interrupted || end.Then != vigie.Unknown {
		t.Errorf("got %+v", end)
	}
}

func TestPanicsAndGoexitPassThrough(t *testing.T) {
	v := vigie.New(vigie.Options{})
	handler := Middleware(v)(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { panic("boom") }))
	defer func() {
		if recover() != "boom" {
			t.Error("the panic must reach asynq with its value")
		}
	}()
	_ = handler.ProcessTask(context.Background(), asynq.NewTask("x", nil))
}

func TestOffCostsNothing(t *testing.T) {
	inner := asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })
	if err := Middleware(nil)(inner).ProcessTask(context.Background(), asynq.NewTask("x", nil)); err != nil {
		t.Error(err)
	}
	if RetryDelay(nil, func(int, error, *asynq.Task) time.Duration { return 7 })(0, nil, nil) != 7 {
		t.Error("a nil recorder must leave the delay alone")
	}
}

func stampedTask() *asynq.Task {
	now := time.Now()
	return asynq.NewTaskWithHeaders("email:send", nil, map[string]string{Header: newStamp(now, now)})
}

func TestAJobAllocatesNothing(t *testing.T) {
	v := vigie.New(vigie.Options{})
	handler := Middleware(v)(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil }))
	ctx, task := context.Background(), stampedTask()
	// The ring takes its slots a thousand at a time; those are the records themselves.
	if allocs := testing.AllocsPerRun(5000, func() { _ = handler.ProcessTask(ctx, task) }); allocs != 0 {
		t.Errorf("%v allocations a job", allocs)
	}
}

// BenchmarkJob is a whole attempt with a stamp, beside BenchmarkBare without the
// middleware. cpu-ns/op is processor time, which a busy machine does not change.
func BenchmarkJob(b *testing.B) {
	v := vigie.New(vigie.Options{})
	handler := Middleware(v)(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil }))
	ctx, task := context.Background(), stampedTask()
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		_ = handler.ProcessTask(ctx, task)
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func BenchmarkBare(b *testing.B) {
	handler := asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })
	ctx, task := context.Background(), stampedTask()
	b.ReportAllocs()
	for b.Loop() {
		_ = handler.ProcessTask(ctx, task)
	}
}
