// Command worker consumes asynq queues: the demo's tasks or a ledger run's.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"vigie.example/go-asynq/internal/demo"
	"vigie.example/go-asynq/internal/ledger"
	"vigie.example/go-asynq/internal/lifecycle"
	"vigie.example/go-asynq/internal/redislink"
	"vigie.example/go-asynq/internal/tasks"
	"vigie.example/go-asynq/internal/telemetry"
	vigie "vigie.example/vigie"
	vigieasynq "vigie.example/vigie/asynq"
)

const usage = `worker consumes asynq queues until SIGTERM, SIGINT or the death of its parent.

  REDIS_URL=redis://127.0.0.1:6379/0 worker --demo --name a --queues critical:6,default:3,low:1 --concurrency 8
  worker --ledger a.jsonl --queues critical:6,default:3,low:1 --concurrency 16

Flags:
`

// lastLook is how long a stopping worker waits for Vigie to fetch its last entries.
const lastLook = 700 * time.Millisecond

// also collects the repeatable --also flag: more asynq servers in this process.
type also []string

func (a *also) String() string     { return strings.Join(*a, " ") }
func (a *also) Set(v string) error { *a = append(*a, v); return nil }

type options struct {
	demo, lifeline bool
	name, ledger   string
	vigie          string
	queues         string
	also           also
	concurrency    int
	retryDelay     time.Duration
	poll           time.Duration
	hangQueue      string
	hang           demo.Window
}

func parse() options {
	var o options
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.BoolVar(&o.demo, "demo", false, "demo mode: no ledger, tasks of --hang-queue may hang")
	flag.StringVar(&o.ledger, "ledger", "", "ledger mode: append start and finish of each attempt to this file")
	flag.StringVar(&o.name, "name", "worker", "name in this process's own lines")
	flag.StringVar(&o.queues, "queues", "critical:6,default:3,low:1", "queue:priority,...")
	flag.Var(&o.also, "also", "queue:priority,...@concurrency: another asynq server in this process (repeatable)")
	flag.IntVar(&o.concurrency, "concurrency", 8, "tasks at once of the server of --queues")
	flag.DurationVar(&o.retryDelay, "retry-delay", time.Second, "delay before each retry (asynq counts in whole seconds)")
	flag.DurationVar(&o.poll, "poll", 250*time.Millisecond, "how often asynq looks at empty queues, and at twice this for due tasks")
	flag.StringVar(&o.hangQueue, "hang-queue", "", "demo: tasks of this queue hang while the window is open")
	flag.DurationVar(&o.hang.After, "hang-after", 10*time.Second, "start of the first hang")
	flag.DurationVar(&o.hang.For, "hang-for", 65*time.Second, "length of a hang")
	flag.DurationVar(&o.hang.Every, "hang-every", 5*time.Minute, "a hang begins every so often")
	flag.StringVar(&o.vigie, "vigie", os.Getenv("VIGIE_LISTEN"), telemetry.Usage+" (default $VIGIE_LISTEN)")
	flag.BoolVar(&o.lifeline, "lifeline", false, "also exit when standard input ends")
	flag.Parse()
	if o.demo == (o.ledger != "") {
		fatal(fmt.Errorf("choose one mode: --demo or --ledger FILE"))
	}
	return o
}

func main() {
	o := parse()
	writer, err := ledger.Open(o.ledger)
	fatal(err)
	client, err := redislink.Open(redislink.URLFromEnv())
	fatal(err)
	ctx, cancel := lifecycle.Context(o.lifeline)
	defer cancel()
	recorder, stop, err := telemetry.Start(o.vigie, "go-asynq-worker", o.name)
	fatal(err)
	handler := &tasks.Handler{
		Ledger: writer, Log: slog.New(recorder.LogHandler(nil)),
		HangQueue: o.hangQueue, Hang: o.hang, Started: time.Now(),
	}
	servers, err := start(o, client, recorder, handler)
	fatal(err)
	fmt.Printf("%s: %d asynq server(s) at work\n", o.name, len(servers))
	redislink.Watch(ctx, client, o.name, os.Stdout)
	var group sync.WaitGroup
	for _, server := range servers {
		group.Go(server.Shutdown)
	}
	group.Wait()
	last, over := context.WithTimeout(context.Background(), lastLook)
	defer over()
	stop(last)
	fatal(writer.Close())
}

func start(o options, client *redis.Client, recorder *vigie.Recorder, handler *tasks.Handler) ([]*asynq.Server, error) {
	specs := []string{o.queues + "@" + strconv.Itoa(o.concurrency)}
	var servers []*asynq.Server
	for _, spec := range append(specs, o.also...) {
		queues, concurrency, err := parseServer(spec)
		if err != nil {
			return nil, err
		}
		server := asynq.NewServerFromRedisClient(client, config(o, recorder, queues, concurrency))
		if err := server.Start(vigieasynq.Middleware(recorder)(handler)); err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func config(o options, recorder *vigie.Recorder, queues map[string]int, concurrency int) asynq.Config {
	c := asynq.Config{
		Concurrency: concurrency,
		Queues:      queues,
		Logger:      redislink.SilentLogger{},
		RetryDelayFunc: vigieasynq.RetryDelay(recorder, func(int, error, *asynq.Task) time.Duration {
			return o.retryDelay
		}),
		TaskCheckInterval:        o.poll,
		DelayedTaskCheckInterval: 2 * o.poll,
		// Longer than any task but a hanging one: those go back to their queue.
		ShutdownTimeout: 1200 * time.Millisecond,
	}
	if queues[demo.QueueGrouping] > 0 {
		c.GroupAggregator = asynq.GroupAggregatorFunc(tasks.Aggregate)
		c.GroupGracePeriod = 10 * time.Second
		c.GroupMaxDelay = 20 * time.Second
		c.GroupMaxSize = 50
	}
	return c
}

// parseServer reads "critical:6,default:3@8"; a priority left out is 1.
func parseServer(spec string) (map[string]int, int, error) {
	list, number, found := strings.Cut(spec, "@")
	concurrency, err := strconv.Atoi(number)
	if !found || err != nil || concurrency < 1 {
		return nil, 0, fmt.Errorf("%q: write it as queue:priority,...@concurrency", spec)
	}
	queues := map[string]int{}
	for _, item := range strings.Split(list, ",") {
		name, weight, weighted := strings.Cut(item, ":")
		priority := 1
		if weighted {
			if priority, err = strconv.Atoi(weight); err != nil || priority < 1 {
				return nil, 0, fmt.Errorf("%q: a priority is a number above 0", item)
			}
		}
		if name == "" {
			return nil, 0, fmt.Errorf("%q: a queue has no name", spec)
		}
		queues[name] = priority
	}
	return queues, concurrency, nil
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(2)
	}
}
