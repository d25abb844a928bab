// Package lifecycle ends a process when it is told to, when its parent dies, or
// when its shutdown takes too long: a killed demo must leave nothing behind.
package lifecycle

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	parentPoll = 500 * time.Millisecond
	// The promise to the parent is 3 s from signal to exit.
	shutdownLimit = 2500 * time.Millisecond
)

// Context is cancelled by SIGTERM, SIGINT, the death of the parent, or, with
// lifeline, the end of standard input. From then on the process has 2.5 s.
func Context(lifeline bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	stdin := make(chan struct{})
	if lifeline {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(stdin)
		}()
	}
	go func() {
		defer cancel()
		ticker := time.NewTicker(parentPoll)
		defer ticker.Stop()
		parent := os.Getppid()
		for {
			select {
			case <-signals:
			case <-stdin:
			case <-ctx.Done():
				return
			case <-ticker.C:
				if os.Getppid() == parent {
					continue
				}
			}
			// Expected when Redis is away: asynq then waits for it even to say goodbye.
			time.AfterFunc(shutdownLimit, func() { os.Exit(0) })
			return
		}
	}()
	return ctx, cancel
}

// Sleep waits for d or for the end of ctx, and says whether d went by.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
