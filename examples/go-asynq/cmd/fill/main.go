// Command fill makes a Redis full of asynq queues for benches: many queues with
// many tasks, and a steady rate of changes in some of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"vigie.example/go-asynq/internal/lifecycle"
	"vigie.example/go-asynq/internal/redislink"
)

const usage = `fill creates asynq queues bench-0000, bench-0001, ... and then changes some of them at a steady rate.

  REDIS_URL=redis://127.0.0.1:6379/0 fill --queues 500 --jobs 100 --change 200 --seconds 30

Each queue gets --jobs tasks: four of five pending, one of five scheduled for tomorrow. In the first --hot queues all
are scheduled, because a real server works there: --change tasks a second are enqueued and completed, two changes each.
When the queues are there it prints {"ready":true,...}; it ends after --seconds (0: as soon as it is ready).

Flags:
`

type options struct {
	queues, jobs, hot int
	change, seconds   float64
	lifeline          bool
}

func main() {
	var o options
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.IntVar(&o.queues, "queues", 10, "number of queues, up to 5000")
	flag.IntVar(&o.jobs, "jobs", 100, "tasks in each queue, up to 1,000,000 in all")
	flag.IntVar(&o.hot, "hot", 10, "queues in which something changes")
	flag.Float64Var(&o.change, "change", 0, "tasks a second, up to 5000")
	flag.Float64Var(&o.seconds, "seconds", 0, "how long to go on changing")
	flag.BoolVar(&o.lifeline, "lifeline", false, "also exit when standard input ends")
	flag.Parse()
	if o.queues < 1 || o.queues > 5000 || o.jobs < 0 || o.queues*o.jobs > 1_000_000 || o.change < 0 || o.change > 5000 {
		fmt.Fprintln(os.Stderr, "fill: outside of the bounds, see --help")
		os.Exit(2)
	}
	o.hot = min(o.hot, o.queues)
	if o.change == 0 || o.seconds == 0 {
		o.hot = 0
	}
	ctx, cancel := lifecycle.Context(o.lifeline)
	defer cancel()
	rc, err := redislink.Open(redislink.URLFromEnv())
	if err == nil {
		err = fill(ctx, o, rc)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		os.Exit(1)
	}
}

func queueName(i int) string { return fmt.Sprintf("bench-%04d", i) }

func fill(ctx context.Context, o options, rc *redis.Client) error {
	client := asynq.NewClientFromRedisClient(rc)
	begin := time.Now()
	if err := create(ctx, o, client); err != nil {
		return err
	}
	fmt.Printf(`{"ready":true,"kind":"asynq","queues":%d,"jobs":%d,"seconds":%.2f}`+"\n",
		o.queues, o.queues*o.jobs, time.Since(begin).Seconds())
	if o.hot == 0 {
		return nil
	}
	return churn(ctx, o, client, rc)
}

func create(ctx context.Context, o options, client *asynq.Client) error {
	indexes := make(chan int)
	var group sync.WaitGroup
	var failure atomic.Pointer[error]
	for range 16 {
		group.Go(func() {
			for i := range indexes {
				if err := createOne(ctx, o, client, i); err != nil {
					failure.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	for i := range o.queues {
		if failure.Load() != nil || ctx.Err() != nil {
			break
		}
		indexes <- i
	}
	close(indexes)
	group.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}

func createOne(ctx context.Context, o options, client *asynq.Client, i int) error {
	for n := range o.jobs {
		opts := []asynq.Option{asynq.Queue(queueName(i)), asynq.MaxRetry(1)}
		if i < o.hot || n%5 == 4 {
			opts = append(opts, asynq.ProcessIn(24*time.Hour+time.Duration(n)*time.Second))
		}
		task := asynq.NewTask(fmt.Sprintf("bench:type%d", n%4), []byte(`{"sleep_ms":0}`))
		if _, err := client.EnqueueContext(ctx, task, opts...); err != nil {
			return err
		}
	}
	return nil
}

func churn(ctx context.Context, o options, client *asynq.Client, rc *redis.Client) error {
	queues := map[string]int{}
	for i := range o.hot {
		queues[queueName(i)] = 1
	}
	server := asynq.NewServerFromRedisClient(rc, asynq.Config{
		Concurrency: 16, Queues: queues, Logger: redislink.SilentLogger{},
		TaskCheckInterval: 50 * time.Millisecond, ShutdownTimeout: time.Second,
	})
	var completed atomic.Int64
	handler := asynq.HandlerFunc(func(context.Context, *asynq.Task) error { completed.Add(1); return nil })
	if err := server.Start(handler); err != nil {
		return err
	}
	defer server.Shutdown()
	begin, sent := time.Now(), 0
	for lifecycle.Sleep(ctx, 5*time.Millisecond) && time.Since(begin).Seconds() < o.seconds {
		for due := int(time.Since(begin).Seconds() * o.change); sent < due; sent++ {
			task := asynq.NewTask(fmt.Sprintf("bench:type%d", sent%4), []byte(`{"sleep_ms":0}`))
			if _, err := client.EnqueueContext(ctx, task, asynq.Queue(queueName(sent%o.hot)), asynq.MaxRetry(1)); err != nil {
				return err
			}
		}
	}
	lifecycle.Sleep(ctx, 200*time.Millisecond) // the last ones are still on their way
	fmt.Printf(`{"done":true,"enqueued":%d,"completed":%d}`+"\n", sent, completed.Load())
	return nil
}
