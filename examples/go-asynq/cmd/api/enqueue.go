package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"vigie.example/go-asynq/internal/demo"
	"vigie.example/go-asynq/internal/ledger"
	"vigie.example/go-asynq/internal/lifecycle"
	"vigie.example/go-asynq/internal/plan"
)

const (
	demoTick = 100 * time.Millisecond
	// Between these the growing queue is fed or left to drain: endless, not unbounded.
	growUntil, growAgain = 1500, 300
	pausedLimit          = 80
	orphanLimit          = 300
)

// enqueuer is an asynq.Client, or one that tells Vigie.
type enqueuer interface {
	EnqueueContext(ctx context.Context, task *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error)
}

// runDemo plays the day until ctx ends. What cannot be enqueued because Redis is
// away is dropped: a demo has nothing to lose.
func runDemo(ctx context.Context, seed uint32, client enqueuer, rc *redis.Client) {
	day := demo.NewDay(seed)
	limits := &limits{rc: rc, inspector: asynq.NewInspectorFromRedisClient(rc), full: map[string]bool{}}
	limits.check(ctx, 0)
	enqueueAll(ctx, client, day.Opening(), limits)
	elapsed, last, checked := time.Duration(0), time.Now(), time.Duration(0)
	for lifecycle.Sleep(ctx, demoTick) {
		// After a suspend the day goes on where it stopped, without catching up.
		elapsed += min(time.Since(last), time.Second)
		last = time.Now()
		enqueueAll(ctx, client, day.Due(elapsed), limits)
		if elapsed-checked > 2*time.Second {
			checked = elapsed
			limits.check(ctx, elapsed)
		}
	}
}

func enqueueAll(ctx context.Context, client enqueuer, due []demo.Task, l *limits) {
	for _, task := range due {
		if l.full[task.Queue] || l.away {
			continue
		}
		opts := []asynq.Option{asynq.Queue(task.Queue), asynq.MaxRetry(task.MaxRetry)}
		if task.Delay > 0 {
			opts = append(opts, asynq.ProcessIn(task.Delay))
		}
		if task.Retention > 0 {
			opts = append(opts, asynq.Retention(task.Retention))
		}
		if task.Group != "" {
			opts = append(opts, asynq.Group(task.Group))
		}
		if _, err := client.EnqueueContext(ctx, asynq.NewTask(task.Type, task.Payload.Encode()), opts...); err != nil {
			l.away = true // until the next check finds Redis again
		}
	}
}

// limits keeps an endless demo bounded, and the paused queue paused.
type limits struct {
	rc        *redis.Client
	inspector *asynq.Inspector
	full      map[string]bool
	away      bool
}

func (l *limits) check(ctx context.Context, elapsed time.Duration) {
	l.away = l.rc.Ping(ctx).Err() != nil
	if l.away {
		return
	}
	pending := func(queue string) int64 { return l.rc.LLen(ctx, "asynq:{"+queue+"}:pending").Val() }
	if n := pending(demo.QueueGrowing); n > growUntil {
		l.full[demo.QueueGrowing] = true
	} else if n < growAgain {
		l.full[demo.QueueGrowing] = false
	}
	l.full[demo.QueuePaused] = pending(demo.QueuePaused) > pausedLimit
	l.full[demo.QueueOrphan] = pending(demo.QueueOrphan) > orphanLimit
	// Pausing what is paused is an error in asynq; the wanted state is all that counts.
	if demo.Resumed.Open(elapsed) {
		_ = l.inspector.UnpauseQueue(demo.QueuePaused)
	} else {
		_ = l.inspector.PauseQueue(demo.QueuePaused)
	}
}

// runLedger enqueues exactly o.jobs tasks. A task whose enqueue failed is sent
// again under the same id until asynq has it, so a cut connection loses nothing
// and doubles nothing.
func runLedger(ctx context.Context, o options, client enqueuer, w *ledger.Writer) error {
	begin := time.Now()
	for n := range o.jobs {
		due := begin.Add(time.Duration(float64(n) / o.rate * float64(time.Second)))
		if !lifecycle.Sleep(ctx, time.Until(due)) {
			return fmt.Errorf("stopped after %d of %d tasks", n, o.jobs)
		}
		job := plan.LedgerJob(uint32(o.seed), n, demo.Types)
		if err := enqueueUntilTaken(ctx, o, client, w, job); err != nil {
			return err
		}
	}
	summary, err := json.Marshal(plan.Total(uint32(o.seed), o.jobs, demo.Types))
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", summary)
	return nil
}

func enqueueUntilTaken(ctx context.Context, o options, client enqueuer, w *ledger.Writer, job plan.Job) error {
	entry := ledger.Entry{
		What: "enqueue", Queue: demo.QueueOf(job.Type), Type: job.Type,
		Job: fmt.Sprintf("%s-%d", o.run, job.N), DelayMs: job.DelayMs,
	}
	opts := []asynq.Option{
		asynq.Queue(entry.Queue), asynq.TaskID(entry.Job),
		asynq.MaxRetry(job.Attempts - 1), asynq.Retention(o.retention),
	}
	if job.DelayMs > 0 {
		opts = append(opts, asynq.ProcessIn(time.Duration(job.DelayMs)*time.Millisecond))
	}
	begin := time.Now()
	for try := 0; ; try++ {
		_, err := client.EnqueueContext(ctx, asynq.NewTask(job.Type, job.Encode()), opts...)
		if errors.Is(err, asynq.ErrTaskIDConflict) && try > 0 {
			err = nil // an earlier try arrived, only its answer was lost
		}
		if err == nil {
			took := ledger.Millis(time.Now()) - ledger.Millis(begin)
			entry.T, entry.TookMs = ledger.Millis(begin), &took
			w.Write(entry)
			return nil
		}
		if errors.Is(err, asynq.ErrTaskIDConflict) {
			return fmt.Errorf("task %s exists already: choose another --run", entry.Job)
		}
		if !lifecycle.Sleep(ctx, 100*time.Millisecond) {
			return fmt.Errorf("stopped before task %s was taken: %w", entry.Job, err)
		}
	}
}
