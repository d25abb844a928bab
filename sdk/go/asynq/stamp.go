package vigieasynq

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Header is the asynq task header that carries the times of a job from its producer
// to its worker: version, enqueued and eligible in Unix nanoseconds (eligible is `-`
// where nobody knows), and an id that no other task has, with semicolons between:
//
//	1;1795450071669123000;1795450072000000000;9f3c2e1a5b7d4e60
const Header = "vigie-stamp"

// stamp is that header, read.
type stamp struct {
	enqueued, eligible time.Time
	id                 string
}

func newStamp(enqueued, eligible time.Time) string {
	var bits [8]byte
	_, _ = rand.Read(bits[:]) // never fails
	due := "-"
	if !eligible.IsZero() {
		due = strconv.FormatInt(eligible.UnixNano(), 10)
	}
	return "1;" + strconv.FormatInt(enqueued.UnixNano(), 10) + ";" + due + ";" + hex.EncodeToString(bits[:])
}

// parseStamp reads a header without allocating. What is no stamp of ours is none at all.
func parseStamp(text string) (stamp, bool) {
	version, rest, _ := strings.Cut(text, ";")
	enqueued, rest, _ := strings.Cut(rest, ";")
	eligible, id, found := strings.Cut(rest, ";")
	nanos, err := strconv.ParseInt(enqueued, 10, 64)
	if version != "1" || !found || err != nil || id == "" || len(id) > 64 {
		return stamp{}, false
	}
	read := stamp{enqueued: time.Unix(0, nanos), id: id}
	if eligible == "-" {
		return read, true
	}
	if nanos, err = strconv.ParseInt(eligible, 10, 64); err != nil {
		return stamp{}, false
	}
	read.eligible = time.Unix(0, nanos)
	return read, true
}

// dueAt is when asynq lets a task go that is to be processed at a time: its scores are
// whole seconds, cut off, and what is due already goes at once.
func dueAt(at, now time.Time) time.Time {
	if due := time.Unix(at.Unix(), 0); due.After(now) {
		return due
	}
	return now
}
