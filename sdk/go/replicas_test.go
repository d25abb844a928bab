package vigie

import (
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// Three replicas behind one address that takes them in turn, one of them restarted in
// between: a reader who sends every cursor it has gets each event once.
func TestReplicasBehindABalancerAreReadExactlyOnce(t *testing.T) {
	replicas := []*Recorder{New(Options{}), New(Options{}), New(Options{})}
	cursors, seen, written := map[string]string{}, map[string]int{}, 0
	for round := range 60 {
		if round == 30 {
			replicas[1] = New(Options{})
		}
		for _, replica := range replicas {
			replica.Event("n", strconv.Itoa(written))
			written++
		}
		// Without a break between the last read and the restart nothing is lost either.
		for turn := range len(replicas) {
			query := url.Values{"limit": {"50"}}
			for _, cursor := range cursors {
				query.Add("after", cursor)
			}
			page := get(t, replicas[turn], PathEvents+"?"+query.Encode())
			boot := page["boot"].(string)
			if _, known := cursors[boot]; known != page["resumed"].(bool) || known && page["gap"].(bool) {
				t.Errorf("round %d: known %v, got %v", round, known, page)
			}
			cursors[boot] = page["next"].(string)
			for _, one := range page["events"].([]any) {
				seen[one.(map[string]any)["message"].(string)]++
			}
		}
	}
	for number := range written {
		if count := seen[strconv.Itoa(number)]; count != 1 {
			t.Fatalf("event %d was read %d times", number, count)
		}
	}
}

// While jobs run on many goroutines every metrics answer stands exactly at its cursor.
func TestTotalsNeverDisagreeWithTheirCursor(t *testing.T) {
	v := New(Options{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for n := range 3000 {
				v.StartJob(Job{Queue: "q", Type: strconv.Itoa(n % 7)}).Finish(Ending{Outcome: outcomes[n%len(outcomes)], Then: Done})
			}
		})
	}
	for range 50 {
		series, last, _ := v.jobs.snapshot()
		sum := uint64(0)
		for _, one := range series {
			for _, count := range one.ended {
				sum += count
			}
			if one.run.count != one.unknownWaits {
				t.Fatalf("%d runs, %d without a wait", one.run.count, one.unknownWaits)
			}
		}
		if sum != last {
			t.Fatalf("totals say %d, the cursor %d", sum, last)
		}
	}
	workers.Wait()
	recorder := httptest.NewRecorder()
	v.Endpoint().ServeHTTP(recorder, httptest.NewRequest("GET", PathJobs+"?limit=10000", nil))
	if v.jobs.end() != 12_000 || recorder.Code != 200 {
		t.Errorf("%d records, %d", v.jobs.end(), recorder.Code)
	}
}
