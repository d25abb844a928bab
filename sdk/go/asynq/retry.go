package vigieasynq

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	vigie "vigie.example/vigie"
)

// maxRetries bounds the retries remembered; beyond it a new one takes the place of another.
const maxRetries = 20_000

// retryBook remembers, by stamp id, from when on a failed task can run again.
type retryBook struct {
	count atomic.Int64
	mu    sync.Mutex
	due   map[string]planned
}

// planned is the retry that was counted as number retried, and when it is due.
type planned struct {
	retried int
	due     time.Time
}

// books has one retryBook a recorder: Middleware and RetryDelay meet there.
var books sync.Map

func bookOf(v *vigie.Recorder) *retryBook {
	book, _ := books.LoadOrStore(v, &retryBook{due: make(map[string]planned)})
	return book.(*retryBook)
}

func (b *retryBook) put(id string, retried int, due time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.due[id]; !known && len(b.due) >= maxRetries {
		// Any one makes room: most likely it ran in another process long ago.
		for old := range b.due {
			delete(b.due, old)
			break
		}
	}
	b.due[id] = planned{retried, due}
	b.count.Store(int64(len(b.due)))
}

// take says when this retry was due, if it was planned here. A plan for an earlier retry, which ran in another process, is
// passed over: the wait of this one began later.
func (b *retryBook) take(id string, retried int) (time.Time, bool) {
	if b.count.Load() == 0 {
		return time.Time{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	plan, known := b.due[id]
	delete(b.due, id)
	b.count.Store(int64(len(b.due)))
	return plan.due, known && plan.retried == retried
}

// RetryDelay returns a RetryDelayFunc for asynq.Config that answers as next does (nil:
// asynq's default) and remembers when the retry is due, so that its wait is exact when
// it runs in this process.
func RetryDelay(v *vigie.Recorder, next asynq.RetryDelayFunc) asynq.RetryDelayFunc {
	if next == nil {
		next = asynq.DefaultRetryDelayFunc
	}
	if v == nil {
		return next
	}
	book := bookOf(v)
	return func(retried int, err error, task *asynq.Task) time.Duration {
		delay := next(retried, err, task)
		if read, ok := parseStamp(task.Headers()[Header]); ok {
			now := time.Now()
			book.put(read.id, retried+1, dueAt(now.Add(delay), now))
		}
		return delay
	}
}
