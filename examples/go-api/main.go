// Command go-api is a small HTTP service with Vigie's SDK, one of several replicas
// behind a load balancer. It can be told to be slow, to fail, to log so many lines a
// second and to say that it was deployed.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"vigie.example/vigie"
)

// release is what the replicas say that they run; POST /deploy names the patches of it.
const release = "1.4"

const usage = `go-api is a replica of an HTTP service that speaks to Vigie.

  go-api --listen 127.0.0.1:8081 --instance api-1
  go-api --listen 127.0.0.1:8082 --instance api-2 --slow 400ms
  go-api --listen 127.0.0.1:8083 --instance api-3 --fail 0.5 --log-rate 5000 --log-lines 300000
  go-api --visit http://127.0.0.1:8081,http://127.0.0.1:8082     asks for work, and says that they were deployed

SIGTERM, SIGINT and the death of its parent end it.

  GET  /healthz                        200, or 503 while --fail is 1
  GET  /work?ms=100&status=502         takes so long and answers so
  POST /control?slow=2s&fail=0.1&log_rate=100&log_lines=0
  POST /deploy?version=1.4.2           an event of type deploy
  GET  /api/v1/metrics, /api/v1/logs, /api/v1/events, /api/v1/jobs

Flags:
`

type options struct {
	listen, instance, token string
	visit                   string
	logText                 string
	logEntries, logBytes    int
	drain                   time.Duration
	behaviour               behaviour
}

func parse() options {
	var o options
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.StringVar(&o.listen, "listen", cmp.Or(os.Getenv("VIGIE_LISTEN"), "127.0.0.1:0"),
		"loopback address; port 0: a free one, printed at the start (default $VIGIE_LISTEN)")
	flag.StringVar(&o.visit, "visit", os.Getenv("VIGIE_VISIT"), "serve nothing, but ask these addresses for work (default $VIGIE_VISIT)")
	flag.StringVar(&o.instance, "instance", "", "name of this replica; empty: host:pid")
	flag.StringVar(&o.token, "token", os.Getenv("VIGIE_TOKEN"), "bearer token that /api/v1/ asks for (default $VIGIE_TOKEN)")
	flag.StringVar(&o.logText, "log-to", "", "also write each line as JSON to this file; - is standard error")
	flag.IntVar(&o.logEntries, "log-entries", vigie.DefaultLogEntries, "log entries kept for Vigie")
	flag.IntVar(&o.logBytes, "log-bytes", vigie.DefaultLogBytes, "bytes of log entries kept for Vigie")
	flag.DurationVar(&o.drain, "drain", time.Second, "at SIGTERM: how long to wait for Vigie to fetch the last entries")
	flag.DurationVar(&o.behaviour.slow, "slow", 0, "each /work and /healthz takes so long more")
	flag.Float64Var(&o.behaviour.fail, "fail", 0, "this part of /work answers 500, from 0 to 1")
	flag.Func("spell", "be slow and fail only in this stretch, which comes back: after,for,every such as 40s,45s,5m", o.behaviour.spell.parse)
	flag.IntVar(&o.behaviour.logRate, "log-rate", 0, "log so many lines a second, numbered from 1")
	flag.Int64Var(&o.behaviour.logLines, "log-lines", 0, "stop after so many lines; 0: never")
	flag.Parse()
	return o
}

func main() {
	o := parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "go-api:", err)
		os.Exit(2)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go endWithParent(ctx, stop)
	if o.visit != "" {
		return visit(ctx, strings.Split(o.visit, ","))
	}
	return serve(ctx, o)
}

// endWithParent calls stop when the parent dies: nobody is left then who would end this process.
func endWithParent(ctx context.Context, stop func()) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for parent := os.Getppid(); os.Getppid() == parent; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
	stop()
}

func serve(ctx context.Context, o options) error {
	if err := o.behaviour.check(); err != nil {
		return err
	}
	listener, err := loopback(o.listen)
	if err != nil {
		return err
	}
	next, closeLog, err := logTo(o.logText)
	if err != nil {
		return err
	}
	defer closeLog()
	v := vigie.New(vigie.Options{
		Service: "go-api", Version: release, Instance: o.instance, Token: o.token, LogEntries: o.logEntries, LogBytes: o.logBytes,
	})
	service := newService(v, slog.New(v.LogHandler(next)), o.behaviour)
	server := &http.Server{Handler: service.routes(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	logged := make(chan struct{})
	go func() { defer close(logged); service.logLines(ctx) }()
	fmt.Printf("go-api: http://%s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	<-logged
	last, cancel := context.WithTimeout(context.Background(), o.drain)
	defer cancel()
	_ = v.Drain(last) // without a reader the time is up at some point
	_ = server.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// loopback refuses every address that another machine could reach.
func loopback(address string) (net.Listener, error) {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if !resolved.IP.IsLoopback() {
		return nil, fmt.Errorf("--listen %s: only a loopback address is allowed", address)
	}
	return net.ListenTCP("tcp", resolved)
}

// logTo is where lines go beside Vigie; nil: nowhere.
func logTo(path string) (slog.Handler, func(), error) {
	var out io.Writer
	done := func() {}
	switch path {
	case "":
		return nil, done, nil
	case "-":
		out = os.Stderr
	default:
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, done, fmt.Errorf("--log-to: %w", err)
		}
		out, done = file, func() { _ = file.Close() }
	}
	return slog.NewJSONHandler(out, nil), done, nil
}
