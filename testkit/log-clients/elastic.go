package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
)

// elastic is the bulk indexer of Elasticsearch's own client, with documents in the Elastic Common Schema.
type elastic struct{ indexer esutil.BulkIndexer }

func newElastic(url string) (client, error) {
	made, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:           []string{url},
		CompressRequestBody: true,
		RetryOnStatus:       []int{429, 502, 503, 504},
		MaxRetries:          1_000,
		RetryBackoff:        func(int) time.Duration { return 200 * time.Millisecond },
	})
	if err != nil {
		return nil, err
	}
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: made, Index: "logs-shop-default", NumWorkers: 1, FlushInterval: 100 * time.Millisecond,
		OnError: func(_ context.Context, err error) { fmt.Fprintln(os.Stderr, "elasticsearch:", err) },
	})
	return elastic{indexer}, err
}

func (c elastic) log(ctx context.Context, one entry) error {
	document, err := json.Marshal(map[string]any{
		"@timestamp": one.Time, "message": one.Message, "log": map[string]any{"level": one.Level},
		"service": map[string]any{"name": service}, "host": map[string]any{"name": host}, "ecs": map[string]any{"version": "8.11.0"},
		"queue": one.Queue, "job": one.Job, "number": one.Number,
	})
	if err != nil {
		return err
	}
	return c.indexer.Add(ctx, esutil.BulkIndexerItem{Action: "create", Body: bytes.NewReader(document)})
}

func (c elastic) close(ctx context.Context) error {
	if err := c.indexer.Close(ctx); err != nil {
		return err
	}
	stats := c.indexer.Stats()
	fmt.Printf("added=%d created=%d failed=%d requests=%d\n", stats.NumAdded, stats.NumCreated, stats.NumFailed, stats.NumRequests)
	if stats.NumFailed > 0 || stats.NumAdded != stats.NumCreated {
		return fmt.Errorf("not all was created: %+v", stats)
	}
	return nil
}
