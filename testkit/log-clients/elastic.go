package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/elastic/go-elasticsearch/v8/esutil"
)

// elastic is the bulk indexer of Elasticsearch's own client, with documents in the Elastic Common Schema.
type elastic struct{ indexer esutil.BulkIndexer }

// oneByOne indexes each document by itself, every other with an id of its own.
type oneByOne struct{ api *elasticsearch.Client }

func connect(url string) (*elasticsearch.Client, error) {
	return elasticsearch.NewClient(elasticsearch.Config{
		Addresses:           []string{url},
		CompressRequestBody: true,
		RetryOnStatus:       []int{429, 502, 503, 504},
		MaxRetries:          1_000,
		RetryBackoff:        func(int) time.Duration { return 200 * time.Millisecond },
	})
}

func newOneByOne(url string) (client, error) {
	made, err := connect(url)
	if err != nil {
		return nil, err
	}
	return oneByOne{made}, nil
}

func (c oneByOne) log(ctx context.Context, one entry) error {
	document, err := document(one)
	if err != nil {
		return err
	}
	with := []func(*esapi.IndexRequest){c.api.Index.WithContext(ctx)}
	if one.Number%2 == 1 {
		with = append(with, c.api.Index.WithDocumentID(fmt.Sprint(one.Number)))
	}
	answer, err := c.api.Index("shop", bytes.NewReader(document), with...)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("the document was not created: %s", answer)
	}
	return nil
}

func (oneByOne) close(context.Context) error { return nil }

func newElastic(url string) (client, error) {
	made, err := connect(url)
	if err != nil {
		return nil, err
	}
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: made, Index: "logs-shop-default", NumWorkers: 1, FlushInterval: 100 * time.Millisecond,
		OnError: func(_ context.Context, err error) { fmt.Fprintln(os.Stderr, "elasticsearch:", err) },
	})
	return elastic{indexer}, err
}

func document(one entry) ([]byte, error) {
	return json.Marshal(map[string]any{
		"@timestamp": one.Time, "message": one.Message, "log": map[string]any{"level": one.Level},
		"service": map[string]any{"name": service}, "host": map[string]any{"name": host}, "ecs": map[string]any{"version": "8.11.0"},
		"queue": one.Queue, "job": one.Job, "number": one.Number,
	})
}

func (c elastic) log(ctx context.Context, one entry) error {
	document, err := document(one)
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
