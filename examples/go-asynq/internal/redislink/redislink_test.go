package redislink

import "testing"

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ url, network, addr string }{
		{"redis://127.0.0.1:6390/3", "tcp", "127.0.0.1:6390"},
		{"unix:///run/redis.sock?db=2", "unix", "/run/redis.sock"},
		{"redis-socket:///run/redis.sock", "unix", "/run/redis.sock"},
	} {
		opt, err := Options(c.url)
		if err != nil || opt.Network != c.network || opt.Addr != c.addr {
			t.Errorf("%s: got %+v, %v", c.url, opt, err)
		}
	}
	if _, err := Options("http://127.0.0.1"); err == nil {
		t.Error("an address of another protocol must be refused")
	}
}
