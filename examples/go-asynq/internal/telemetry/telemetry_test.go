package telemetry

import (
	"context"
	"testing"
	"time"
)

func TestOffByDefaultAndLoopbackOnly(t *testing.T) {
	v, stop, err := Start("", "s", "i")
	if v != nil || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
	stop(context.Background())
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if _, stop, err := Start(address, "s", "i"); err == nil {
			stop(context.Background())
			t.Errorf("%s must be refused", address)
		}
	}
	if v, stop, err = Start("127.0.0.1:0", "s", "i"); v == nil || err != nil {
		t.Fatalf("got %v, %v", v, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	stop(ctx)
}
