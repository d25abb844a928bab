package plan

import (
	"encoding/json"
	"fmt"
)

// Payload is what a job carries: the instructions that its handler obeys.
type Payload struct {
	N       int  `json:"n"`
	SleepMs int  `json:"sleep_ms"`
	Fail    int  `json:"fail,omitempty"`  // this many first attempts fail
	Fatal   bool `json:"fatal,omitempty"` // fails at once and for good, no retry
}

// Encode returns the payload as the JSON that travels through the broker.
func (p Payload) Encode() []byte {
	raw, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a payload of numbers always encodes: %v", err))
	}
	return raw
}

// Decode reads a payload; an error here is a job of somebody else.
func Decode(raw []byte) (Payload, error) {
	var p Payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("payload is not a job of these examples: %w", err)
	}
	return p, nil
}

// Job is one entry of a ledger run.
type Job struct {
	Payload
	Kind     string
	Type     string
	Attempts int // attempts allowed in all, the first included
	DelayMs  int // 0: at once
}

// The kinds of a ledger run; every 20 jobs hold each of them this often:
// ok 13, retry1 2, retry2 1, exhaust 1, fatal 1, delayed 2.
const (
	KindOK      = "ok"
	KindRetry1  = "retry1"  // fails once, then succeeds
	KindRetry2  = "retry2"  // fails twice, then succeeds
	KindExhaust = "exhaust" // fails until no attempt is left
	KindFatal   = "fatal"   // one failing attempt, never retried
	KindDelayed = "delayed" // scheduled, then succeeds
)

var mixture = [20]string{
	KindOK, KindOK, KindRetry1, KindOK, KindOK, KindDelayed, KindOK, KindOK, KindFatal, KindOK,
	KindOK, KindRetry2, KindOK, KindOK, KindExhaust, KindOK, KindRetry1, KindOK, KindDelayed, KindOK,
}

var sleepsMs = [11]int{5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 500}

// LedgerJob is job n (from 0) of the run with this seed over these job types.
func LedgerJob(seed uint32, n int, types []string) Job {
	r := NewRand(seed + uint32(n)*0x9E3779B1)
	job := Job{
		Payload:  Payload{N: n, SleepMs: sleepsMs[r.Between(0, len(sleepsMs)-1)]},
		Kind:     mixture[n%len(mixture)],
		Type:     types[(n+n/len(mixture))%len(types)],
		Attempts: 4,
	}
	switch job.Kind {
	case KindRetry1:
		job.Fail = 1
	case KindRetry2:
		job.Fail = 2
	case KindExhaust:
		job.Attempts, job.Fail = 3, 3
	case KindFatal:
		job.Fatal = true
	case KindDelayed:
		job.DelayMs = r.Between(1000, 3000)
	}
	return job
}

// Expect is what a run comes to when no worker dies.
type Expect struct {
	Jobs           int `json:"jobs"`
	Succeeded      int `json:"succeeded"`
	FailedForGood  int `json:"failed_for_good"`
	FailedAttempts int `json:"failed_attempts"`
	Delayed        int `json:"delayed"`
}

// Total sums up the first n jobs.
func Total(seed uint32, n int, types []string) Expect {
	e := Expect{Jobs: n}
	for i := range n {
		switch job := LedgerJob(seed, i, types); job.Kind {
		case KindFatal:
			e.FailedForGood++
			e.FailedAttempts++
		case KindExhaust:
			e.FailedForGood++
			e.FailedAttempts += job.Attempts
		default:
			e.Succeeded++
			e.FailedAttempts += job.Fail
			if job.DelayMs > 0 {
				e.Delayed++
			}
		}
	}
	return e
}
