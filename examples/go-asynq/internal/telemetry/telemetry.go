// Package telemetry lets a process speak to Vigie when it is told where.
package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	vigie "vigie.example/vigie"
)

// Usage is the help of the flag whose value Start takes.
const Usage = "loopback address where Vigie reads metrics, logs, events and jobs of this process; empty: none, and nothing is recorded"

// release is what the processes of this example say that they run.
const release = "2.1"

// Start serves the four paths of the contract at address and returns the recorder
// behind them. With an empty address it is nil, which is a recorder switched off.
// VIGIE_JOBS says how many job records it keeps for a reader that is away.
// stop ends the serving; a reader has until ctx ends to fetch the last entries.
func Start(address, service, instance string) (v *vigie.Recorder, stop func(context.Context), err error) {
	if address == "" {
		return nil, func(context.Context) {}, nil
	}
	options := vigie.Options{Service: service, Version: release, Instance: instance}
	if text := os.Getenv("VIGIE_JOBS"); text != "" {
		if options.Jobs, err = strconv.Atoi(text); err != nil {
			return nil, nil, fmt.Errorf("VIGIE_JOBS is no number: %w", err)
		}
	}
	listener, err := Loopback("--vigie", address)
	if err != nil {
		return nil, nil, err
	}
	v = vigie.New(options)
	server := &http.Server{Handler: v.Endpoint(), ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	fmt.Printf("%s: http://%s%s\n", instance, listener.Addr(), vigie.PathMetrics)
	v.Event("start", instance, "subject", instance)
	return v, func(ctx context.Context) {
		_ = v.Drain(ctx) // without a reader the time is up at some point
		_ = server.Close()
	}, nil
}

// Loopback listens on an address that only this machine can reach: none of these
// endpoints has access control. Flag is named in the error.
func Loopback(flag, address string) (net.Listener, error) {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if !resolved.IP.IsLoopback() {
		return nil, fmt.Errorf("%s %s: only a loopback address is allowed", flag, address)
	}
	listener, err := net.ListenTCP("tcp", resolved)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return listener, nil
}
