// Command remote-write sends one request of remote write 2.0 with Prometheus's own client, and prints what the
// client makes of the answer. It takes the server's URL and the time of the samples in Unix milliseconds.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	writev2 "github.com/prometheus/client_golang/exp/api/remote/genproto/v2"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: remote-write URL MILLISECONDS")
	}
	at, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("the time is no number of milliseconds: %w", err)
	}
	client, err := remote.NewAPI(os.Args[1], remote.WithAPIPath("api/v1/write"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stats, err := client.Write(ctx, remote.WriteV2MessageType, request(at))
	fmt.Printf("samples=%d histograms=%d exemplars=%d\n", stats.Samples, stats.Histograms, stats.Exemplars)
	return err
}

// request has two floats of one series and a native histogram of another.
func request(at int64) *writev2.Request {
	symbols := writev2.NewSymbolTable()
	counter := symbols.SymbolizeLabels([]string{"__name__", "jobs_total", "queue", "größe\n\"x\""}, nil)
	latency := symbols.SymbolizeLabels([]string{"__name__", "wait_seconds", "queue", "emails"}, nil)
	help, unit := symbols.Symbolize("Seconds waited."), symbols.Symbolize("seconds")
	return &writev2.Request{
		Timeseries: []*writev2.TimeSeries{
			{
				LabelsRefs: counter,
				Samples:    []*writev2.Sample{{Value: 1, Timestamp: at - 1000}, {Value: 2.5, Timestamp: at}},
				Metadata:   &writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER},
			},
			{
				LabelsRefs: latency,
				Histograms: []*writev2.Histogram{{
					Count:          &writev2.Histogram_CountInt{CountInt: 6},
					Sum:            9.5,
					Schema:         2,
					ZeroThreshold:  1e-9,
					ZeroCount:      &writev2.Histogram_ZeroCountInt{ZeroCountInt: 1},
					PositiveSpans:  []*writev2.BucketSpan{{Offset: -2, Length: 2}, {Offset: 3, Length: 1}},
					PositiveDeltas: []int64{1, 1, 0},
					Timestamp:      at,
				}},
				Metadata: &writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM, HelpRef: help, UnitRef: unit},
			},
		},
		Symbols: symbols.Symbols(),
	}
}
