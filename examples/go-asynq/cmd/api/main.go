// Command api is the process that enqueues: the demo's endless day, a counted
// ledger run, or what is posted to it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/hibiken/asynq"

	"vigie.example/go-asynq/internal/ledger"
	"vigie.example/go-asynq/internal/lifecycle"
	"vigie.example/go-asynq/internal/redislink"
	"vigie.example/go-asynq/internal/telemetry"
	vigieasynq "vigie.example/vigie/asynq"
)

const usage = `api enqueues asynq tasks.

  REDIS_URL=redis://127.0.0.1:6379/0 api --demo              until SIGTERM, SIGINT or the death of its parent
  api --ledger api.jsonl --jobs 200 --rate 50                exactly 200 tasks, then it exits
  api --demo --listen 127.0.0.1:8080                         also takes POST /enqueue

Flags:
`

// lastLook is how long a stopping process waits for Vigie to fetch its last entries.
const lastLook = 700 * time.Millisecond

type options struct {
	demo, lifeline    bool
	name, ledger, run string
	listen, vigie     string
	jobs              int
	rate              float64
	seed              uint
	retention         time.Duration
}

func parse() options {
	var o options
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.BoolVar(&o.demo, "demo", false, "demo mode: a day in the life of a queue, endless")
	flag.StringVar(&o.ledger, "ledger", "", "ledger mode: append each enqueue to this file")
	flag.IntVar(&o.jobs, "jobs", 100, "ledger: how many tasks")
	flag.Float64Var(&o.rate, "rate", 20, "ledger: tasks a second")
	flag.StringVar(&o.run, "run", strconv.FormatInt(time.Now().UnixMilli(), 36), "ledger: prefix of the task ids")
	flag.DurationVar(&o.retention, "retention", time.Hour, "ledger: how long completed tasks are kept")
	flag.UintVar(&o.seed, "seed", 1, "equal seeds give equal workloads")
	flag.StringVar(&o.name, "name", "api", "name in this process's own lines")
	flag.StringVar(&o.listen, "listen", "", "loopback address for POST /enqueue; empty: none")
	flag.StringVar(&o.vigie, "vigie", os.Getenv("VIGIE_LISTEN"), telemetry.Usage+" (default $VIGIE_LISTEN)")
	flag.BoolVar(&o.lifeline, "lifeline", false, "also exit when standard input ends")
	flag.Parse()
	if o.demo == (o.ledger != "") {
		fatal(fmt.Errorf("choose one mode: --demo or --ledger FILE"))
	}
	if o.jobs < 1 || o.rate <= 0 {
		fatal(fmt.Errorf("--jobs and --rate must be above 0"))
	}
	return o
}

func main() {
	o := parse()
	writer, err := ledger.Open(o.ledger)
	fatal(err)
	redisClient, err := redislink.Open(redislink.URLFromEnv())
	fatal(err)
	recorder, stopTelling, err := telemetry.Start(o.vigie, "go-asynq-api", o.name)
	fatal(err)
	var client enqueuer = asynq.NewClientFromRedisClient(redisClient)
	if recorder != nil {
		client = vigieasynq.NewClient(recorder, asynq.NewClientFromRedisClient(redisClient))
	}
	ctx, cancel := lifecycle.Context(o.lifeline)
	defer cancel()
	if o.listen != "" {
		stop, err := serve(o.listen, client, recorder)
		fatal(err)
		defer stop()
	}
	watched := make(chan struct{})
	watchCtx, stopWatch := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		redislink.Watch(watchCtx, redisClient, o.name, os.Stdout)
	}()
	if o.demo {
		runDemo(ctx, uint32(o.seed), client, redisClient)
	} else {
		fatal(runLedger(ctx, o, client, writer))
	}
	stopWatch()
	<-watched
	last, over := context.WithTimeout(context.Background(), lastLook)
	defer over()
	stopTelling(last)
	fatal(writer.Close())
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(2)
	}
}
