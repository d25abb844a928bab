package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"vigie.example/go-asynq/internal/redislink"
)

func TestOnlyLoopbackIsServed(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		if stop, err := serve(address, nil, nil); err == nil {
			stop()
			t.Errorf("%s must be refused", address)
		}
	}
	stop, err := serve("127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

func TestBadOrdersAreRefusedAndAMissingRedisIsSaid(t *testing.T) {
	rc, err := redislink.Open("redis://127.0.0.1:1/0") // nobody listens on port 1
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	handler := routes(asynq.NewClientFromRedisClient(rc))
	for body, status := range map[string]int{
		"?":                      http.StatusBadRequest,
		`{"type":"x"}`:           http.StatusBadRequest,
		`{"type":"email:send"}`:  http.StatusServiceUnavailable,
		strings.Repeat(" ", 1e5): http.StatusBadRequest,
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/enqueue", strings.NewReader(body)))
		if answer.Code != status {
			t.Errorf("%.30q: got %d, want %d", body, answer.Code, status)
		}
	}
}
