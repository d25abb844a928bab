package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"vigie.example/go-asynq/internal/demo"
	"vigie.example/go-asynq/internal/plan"
	"vigie.example/go-asynq/internal/telemetry"
	vigie "vigie.example/vigie"
)

// order is the body of POST /enqueue.
type order struct {
	Type    string `json:"type"`
	Queue   string `json:"queue"` // empty: the type's own
	DelayMs int    `json:"delay_ms"`
	SleepMs int    `json:"sleep_ms"`
	Fail    int    `json:"fail"`
	Retries int    `json:"retries"`
}

// serve listens on a loopback address and nothing else: the endpoint has no
// access control.
func serve(address string, client enqueuer, recorder *vigie.Recorder) (stop func(), err error) {
	listener, err := telemetry.Loopback("--listen", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: recorder.Requests(routes(client)), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	fmt.Printf("api: POST http://%s/enqueue\n", listener.Addr())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}, nil
}

func routes(client enqueuer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /enqueue", func(w http.ResponseWriter, r *http.Request) {
		var o order
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<14)).Decode(&o); err != nil {
			http.Error(w, "the body must be JSON: "+err.Error(), http.StatusBadRequest)
			return
		}
		if !slices.Contains(demo.Types, o.Type) || o.SleepMs < 0 || o.SleepMs > 60_000 {
			http.Error(w, fmt.Sprintf("type must be one of %v, sleep_ms 0 to 60000", demo.Types), http.StatusBadRequest)
			return
		}
		if o.Queue == "" {
			o.Queue = demo.QueueOf(o.Type)
		}
		payload := plan.Payload{SleepMs: o.SleepMs, Fail: o.Fail}
		info, err := client.EnqueueContext(r.Context(), asynq.NewTask(o.Type, payload.Encode()), asynq.Queue(o.Queue),
			asynq.MaxRetry(o.Retries), asynq.ProcessIn(time.Duration(o.DelayMs)*time.Millisecond))
		if err != nil {
			http.Error(w, "cannot enqueue: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": info.ID, "queue": info.Queue, "state": info.State.String()})
	})
	return mux
}
