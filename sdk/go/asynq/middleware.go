package vigieasynq

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	vigie "vigie.example/vigie"
)

// Middleware records every attempt at a task. Use it first, so that the time of other
// middleware is part of the run. IsFailure must be that of asynq.Config where it has
// one; nil: every error is a failure.
//
// What asynq makes of an attempt is told as asynq counts it: an error is `failed`, and
// `retry` or, with asynq.SkipRetry or no retries left, `archived`; an error that
// IsFailure excuses is `released`; asynq.RevokeTask is `revoked`; a panic is `failed`
// with the place of the panic as its error (its value is for asynq, which recovers it).
// A deadline that passes while the handler runs is a failure at that moment, whatever
// the handler returns later; a cancelled context is `interrupted`, since a worker that
// shuts down, a lost lease and a cancelled task look the same from here.
func Middleware(v *vigie.Recorder, isFailure ...func(error) bool) asynq.MiddlewareFunc {
	if v == nil {
		return func(next asynq.Handler) asynq.Handler { return next }
	}
	book := bookOf(v)
	counts := func(error) bool { return true }
	if len(isFailure) > 0 && isFailure[0] != nil {
		counts = isFailure[0]
	}
	return func(next asynq.Handler) asynq.Handler {
		return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) (err error) {
			run := v.StartJob(jobOf(ctx, task, book))
			returned := false
			defer func() {
				if returned {
					run.Finish(endingOf(ctx, err, counts))
				} else {
					run.Finish(vigie.Ending{Outcome: vigie.Failed, Then: afterFailure(ctx, nil), Err: panicPlace()})
				}
			}()
			err = next.ProcessTask(ctx, task)
			returned = true
			return err
		})
	}
}

func jobOf(ctx context.Context, task *asynq.Task, book *retryBook) vigie.Job {
	job := vigie.Job{Type: task.Type()}
	job.ID, _ = asynq.GetTaskID(ctx)
	job.Queue, _ = asynq.GetQueueName(ctx)
	retried, known := asynq.GetRetryCount(ctx)
	if known {
		job.Attempt = retried + 1
	}
	read, stamped := parseStamp(task.Headers()[Header])
	if !stamped {
		return job
	}
	job.Enqueued = read.enqueued
	if due, again := book.take(read.id, retried); again {
		job.Eligible = due
	} else if known && retried == 0 {
		job.Eligible = read.eligible
	}
	return job
}

// endingOf decides as asynq's processor does, in its order.
func endingOf(ctx context.Context, err error, counts func(error) bool) vigie.Ending {
	switch cause := ctx.Err(); {
	case errors.Is(cause, context.DeadlineExceeded):
		end := vigie.Ending{Outcome: vigie.Failed, Then: afterFailure(ctx, cause), Err: cause.Error(), Finished: time.Now()}
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(end.Finished) {
			end.Finished = deadline
		}
		return end
	case cause != nil:
		return vigie.Ending{Outcome: vigie.Interrupted, Then: vigie.Unknown, Err: textOf(err)}
	case err == nil:
		return vigie.Ending{Outcome: vigie.Succeeded, Then: vigie.Done}
	case errors.Is(err, asynq.RevokeTask):
		return vigie.Ending{Outcome: vigie.Revoked, Then: vigie.Done, Err: err.Error()}
	}
	end := vigie.Ending{Outcome: vigie.Failed, Then: afterFailure(ctx, err), Err: err.Error()}
	if end.Then == vigie.Retry && !counts(err) {
		end.Outcome = vigie.Released
	}
	return end
}

// afterFailure is what asynq does with a task that failed.
func afterFailure(ctx context.Context, err error) vigie.Then {
	retried, counted := asynq.GetRetryCount(ctx)
	limit, limited := asynq.GetMaxRetry(ctx)
	switch {
	case errors.Is(err, asynq.SkipRetry):
		return vigie.Archived
	case !counted || !limited:
		return vigie.Unknown
	case retried >= limit:
		return vigie.Archived
	}
	return vigie.Retry
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// panicPlace finds, from a deferred function, where the panic under way began. It does
// not recover, so that asynq sees the panic as if nobody had been in between.
func panicPlace() string {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	seen := false
	for {
		frame, more := frames.Next()
		inside := strings.HasPrefix(frame.Function, "runtime.")
		switch {
		case frame.Function == "runtime.Goexit":
			return "the handler ended its goroutine (runtime.Goexit)"
		case inside:
			seen = seen || frame.Function == "runtime.gopanic"
		case seen:
			return fmt.Sprintf("panic at %s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return "panic"
		}
	}
}
