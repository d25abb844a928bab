// Package redislink opens the one Redis client of a process and says, in one
// line a change, whether Redis is there.
package redislink

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// DefaultURL is used when REDIS_URL is not set.
const DefaultURL = "redis://127.0.0.1:6379/0"

// URLFromEnv returns REDIS_URL or the default.
func URLFromEnv() string {
	if url := os.Getenv("REDIS_URL"); url != "" {
		return url
	}
	return DefaultURL
}

// quiet swallows go-redis's own lines: Watch already tells each change once.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// Options reads redis://, rediss:// and unix:// (also redis-socket://) addresses.
func Options(url string) (*redis.Options, error) {
	if rest, ok := strings.CutPrefix(url, "redis-socket://"); ok {
		url = "unix://" + rest
	}
	opt, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	opt.DialTimeout = time.Second
	opt.ReadTimeout = 2 * time.Second
	opt.WriteTimeout = 2 * time.Second
	// asynq's processor does not pause after a failed dequeue; these back-offs are
	// what keeps it from spinning while Redis is away.
	opt.MinRetryBackoff = 100 * time.Millisecond
	opt.MaxRetryBackoff = time.Second
	return opt, nil
}

// Open makes the client without talking to Redis yet.
func Open(url string) (*redis.Client, error) {
	opt, err := Options(url)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(quiet{})
	return redis.NewClient(opt), nil
}

// Watch pings once a second and writes one line to out each time the answer
// changes, until ctx ends.
func Watch(ctx context.Context, client *redis.Client, name string, out io.Writer) {
	up, known := false, false
	for {
		err := client.Ping(ctx).Err()
		if ctx.Err() != nil {
			return
		}
		if now := err == nil; !known || now != up {
			up, known = now, true
			if up {
				fmt.Fprintf(out, "%s: redis is there\n", name)
			} else {
				fmt.Fprintf(out, "%s: redis is away: %v\n", name, err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// SilentLogger drops asynq's log: with Redis away it would write several lines
// a second, and every failed task one.
type SilentLogger struct{}

var _ asynq.Logger = SilentLogger{}

func (SilentLogger) Debug(...any) {}
func (SilentLogger) Info(...any)  {}
func (SilentLogger) Warn(...any)  {}
func (SilentLogger) Error(...any) {}

// Fatal keeps asynq's contract: tell and end.
func (SilentLogger) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}
