// Package tasks does the work of a task: it obeys the payload and writes down
// when it began and how it ended.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"

	"vigie.example/go-asynq/internal/demo"
	"vigie.example/go-asynq/internal/ledger"
	"vigie.example/go-asynq/internal/lifecycle"
	"vigie.example/go-asynq/internal/plan"
)

var errPlanned = errors.New("planned failure: upstream answered 503")

// Handler processes every task type of these examples.
type Handler struct {
	Ledger *ledger.Writer
	// Log takes a line an attempt; nil: none.
	Log *slog.Logger
	// Tasks of HangQueue that are taken while Hang is open end only with it.
	HangQueue string
	Hang      demo.Window
	Started   time.Time
}

var _ asynq.Handler = (*Handler)(nil)

// ProcessTask writes `start` before and `finish` after everything else. A task
// that is interrupted (shutdown, lost lease) has a start and no finish.
func (h *Handler) ProcessTask(ctx context.Context, task *asynq.Task) error {
	entry := ledger.Entry{What: "start", Type: task.Type(), Attempt: 1}
	entry.Job, _ = asynq.GetTaskID(ctx)
	entry.Queue, _ = asynq.GetQueueName(ctx)
	if retried, ok := asynq.GetRetryCount(ctx); ok {
		entry.Attempt = retried + 1
	}
	h.Ledger.Write(entry)
	err := h.work(ctx, task, entry.Queue, entry.Attempt)
	if ctx.Err() != nil {
		return err
	}
	entry.What, entry.Outcome = "finish", "succeeded"
	if err != nil {
		entry.Outcome = "failed"
	}
	h.Ledger.Write(entry)
	h.tell(ctx, entry, err)
	return err
}

func (h *Handler) tell(ctx context.Context, entry ledger.Entry, err error) {
	if h.Log == nil {
		return
	}
	level, message := slog.LevelInfo, entry.Type+" done"
	about := []any{"type", "job", "queue", entry.Queue, "job", entry.Job, "task", entry.Type, "attempt", entry.Attempt}
	if err != nil {
		level, message = slog.LevelError, fmt.Sprintf("%s failed: %v", entry.Type, err)
	}
	h.Log.Log(ctx, level, message, about...)
}

func (h *Handler) work(ctx context.Context, task *asynq.Task, queue string, attempt int) error {
	payload, err := plan.Decode(task.Payload())
	if err != nil {
		return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
	}
	wait := time.Duration(payload.SleepMs) * time.Millisecond
	if queue == h.HangQueue {
		wait += h.Hang.Left(time.Since(h.Started))
	}
	if !lifecycle.Sleep(ctx, wait) {
		return ctx.Err()
	}
	if payload.Fatal {
		return fmt.Errorf("planned failure: the request is invalid: %w", asynq.SkipRetry)
	}
	if attempt <= payload.Fail {
		return errPlanned
	}
	return nil
}

// Aggregate makes one task of a group: its payload counts the members.
func Aggregate(_ string, members []*asynq.Task) *asynq.Task {
	payload := plan.Payload{N: len(members), SleepMs: 60}
	return asynq.NewTask(members[0].Type(), payload.Encode(), asynq.MaxRetry(3))
}
