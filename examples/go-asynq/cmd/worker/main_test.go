package main

import (
	"reflect"
	"testing"
)

func TestParseServer(t *testing.T) {
	queues, n, err := parseServer("critical:6,default@8")
	if want := map[string]int{"critical": 6, "default": 1}; err != nil || n != 8 || !reflect.DeepEqual(queues, want) {
		t.Errorf("got %v, %d, %v", queues, n, err)
	}
	for _, bad := range []string{"a:1", "a:0@1", ":1@1", "a@0", "a:x@2"} {
		if _, _, err := parseServer(bad); err == nil {
			t.Errorf("%q must be refused", bad)
		}
	}
}
