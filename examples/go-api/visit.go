package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// Between two visits, on average.
	visitPause = 120 * time.Millisecond
	// The first deploy, and how often another follows.
	deployAfter, deployEvery = 25 * time.Second, 4 * time.Minute
	// One visit of so many asks for an answer that fails.
	failOneOf = 60
)

// visit asks the addresses in turn for work until ctx ends, and now and then says that a
// version was deployed. What does not answer is asked again in its turn.
func visit(ctx context.Context, addresses []string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	began, deploys := time.Now(), 0
	for n := 0; ; n++ {
		address := addresses[n%len(addresses)]
		method, target := http.MethodGet, fmt.Sprintf("%s/work?ms=%d&status=%d", address, 5+rand.IntN(60), status())
		if due := deployAfter + time.Duration(deploys)*deployEvery; time.Since(began) >= due {
			deploys++
			method, target = http.MethodPost, fmt.Sprintf("%s/deploy?version=1.4.%d", address, deploys)
		}
		// A slow answer must not keep the others waiting.
		go call(ctx, client, method, target, strconv.Itoa(n))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(rand.Int64N(int64(2 * visitPause)))):
		}
	}
}

func status() int {
	if rand.IntN(failOneOf) == 0 {
		return http.StatusBadGateway
	}
	return http.StatusOK
}

func call(ctx context.Context, client *http.Client, method, target, id string) {
	request, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return // an address that is none: the line of the process's start shows it
	}
	request.Header.Set("X-Request-Id", "visit-"+id)
	answer, err := client.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}
