package plan

import "testing"

// The same numbers stand in examples/workload/plan.test.js.
func TestSequenceIsTheOneOfTheNodeExamples(t *testing.T) {
	r := NewRand(42)
	want := []uint32{2581720956, 1925393290, 3661312704, 2876485805}
	for i, w := range want {
		if got := r.Uint32(); got != w {
			t.Errorf("number %d of seed 42: got %d, want %d", i, got, w)
		}
	}
}

func TestMixtureOfTwentyJobs(t *testing.T) {
	got := Total(7, 20, []string{"a", "b"})
	want := Expect{Jobs: 20, Succeeded: 18, FailedForGood: 2, FailedAttempts: 2 + 2 + 3 + 1, Delayed: 2}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEveryTypeSeesEveryKind(t *testing.T) {
	types := []string{"a", "b", "c", "d"}
	seen := map[string]bool{}
	for n := range 80 {
		job := LedgerJob(1, n, types)
		seen[job.Type+"/"+job.Kind] = true
		if job.SleepMs < 5 || job.SleepMs > 500 {
			t.Errorf("job %d sleeps %d ms", n, job.SleepMs)
		}
	}
	if len(seen) != 4*6 {
		t.Errorf("80 jobs cover %d of 24 pairs of type and kind", len(seen))
	}
}

func TestPayloadSurvivesTheBroker(t *testing.T) {
	in := Payload{N: 3, SleepMs: 8, Fail: 2}
	out, err := Decode(in.Encode())
	if err != nil || out != in {
		t.Errorf("got %+v, %v", out, err)
	}
	if _, err := Decode([]byte("not json")); err == nil {
		t.Error("a foreign payload must be refused")
	}
}
