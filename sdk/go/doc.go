// Package vigie makes a Go service speak to Vigie: its requests, jobs, log lines,
// events and runtime figures, over HTTP, in the contract of docs/go-api.md.
//
//	v := vigie.New(vigie.Options{Service: "orders"})
//	slog.SetDefault(slog.New(v.LogHandler(slog.NewTextHandler(os.Stderr, nil))))
//	http.Handle("/api/v1/", v.Endpoint())
//
// and, where there is more to tell:
//
//	http.ListenAndServe(addr, v.Requests(mux))            // requests by route
//	v.Event("deploy", "orders 1.4.2", "subject", "orders") // a mark on every chart
//	mux.Use(vigieasynq.Middleware(v))                      // module vigie.example/vigie/asynq
//
// Nothing here dials out, starts a goroutine or writes a file: figures are kept in
// memory until Vigie reads them. What is kept is bounded; when Vigie stays away
// for too long the oldest entries go, and how many is told on the wire. No call
// waits for a reader: the only locks are held for an append or a copy.
//
// A nil *Recorder is a recorder that is switched off: every method may be called
// and costs a comparison.
package vigie
