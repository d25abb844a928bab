package vigie

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"
)

func numbersOf[T any](found page[T]) (first, last uint64) {
	if len(found.entries) == 0 {
		return 0, 0
	}
	return found.entries[0].number, found.entries[len(found.entries)-1].number
}

func TestAFullRingDropsTheOldestAndSaysSo(t *testing.T) {
	f := newFeed[string](3000, 0)
	for n := range 5000 {
		f.append(strconv.Itoa(n+1), 0)
	}
	found := f.readAfter(10, 100, 0, nil, nil)
	if first, last := numbersOf(found); first != 2001 || last != 2100 || found.missed != 1990 || !found.more || found.last != 2100 {
		t.Errorf("got %d to %d, missed %d, last %d", first, last, found.missed, found.last)
	}
	for _, one := range found.entries {
		if one.entry != strconv.FormatUint(one.number, 10) {
			t.Fatalf("entry %d holds %q", one.number, one.entry)
		}
	}
	if at := f.standing(); at.dropped != 2000 || at.kept != 3000 || at.total != 5000 {
		t.Errorf("got %+v", at)
	}
	rest := f.readAfter(found.last, 10_000, 0, nil, nil)
	if first, last := numbersOf(rest); first != 2101 || last != 5000 || rest.more || rest.missed != 0 {
		t.Errorf("got %d to %d", first, last)
	}
	f.append("x", 0)
	if f.standing().dropped != 2000 {
		t.Error("what was read does not count as dropped when it leaves")
	}
}

func TestBytesBoundAFeedAndAPage(t *testing.T) {
	f := newFeed[string](1000, 1000)
	for range 30 {
		f.append("x", 100)
	}
	if kept := f.standing().kept; kept != 10 {
		t.Errorf("%d kept, want 10", kept)
	}
	found := f.readAfter(0, 100, 250, nil, func(*string) int { return 100 })
	if len(found.entries) != 2 || !found.more {
		t.Errorf("%d in a page of 250 bytes", len(found.entries))
	}
	huge := f.readAfter(found.last, 100, 50, nil, func(*string) int { return 100 })
	if len(huge.entries) != 1 {
		t.Error("an entry above the page's bound must go alone, or the reader never gets past it")
	}
}

func TestAFilterAdvancesTheCursor(t *testing.T) {
	f := newFeed[int](100, 0)
	for n := range 50 {
		f.append(n, 0)
	}
	found := f.readAfter(0, 10, 0, func(n *int) bool { return *n == 7 }, nil)
	if len(found.entries) != 1 || found.last != 50 || found.more {
		t.Errorf("got %+v", found)
	}
	if found = f.readAfter(99999, 10, 0, nil, nil); found.last != 50 || len(found.entries) != 0 {
		t.Errorf("a cursor from the future stands at the end: %+v", found)
	}
}

// Writers and one slow reader at once: each entry comes once, in order, or is counted as missed.
func TestNothingIsReadTwiceOrLostUnseen(t *testing.T) {
	f := newFeed[int](2000, 0)
	var writers sync.WaitGroup
	const each = 20_000
	for range 4 {
		writers.Go(func() {
			for n := range each {
				f.append(n, 0)
			}
		})
	}
	finished := make(chan struct{})
	go func() { writers.Wait(); close(finished) }()
	var after, got, missed uint64
	for ended := false; ; {
		found := f.readAfter(after, 700, 0, nil, nil)
		missed += found.missed
		for _, one := range found.entries {
			if one.number != after+found.missed+1 {
				t.Fatalf("%d follows %d with %d missed", one.number, after, found.missed)
			}
			after, found.missed = one.number, 0
			got++
		}
		if ended && !found.more {
			break
		}
		select {
		case <-finished:
			ended = true
		default:
		}
	}
	if got+missed != 4*each || f.standing().dropped != missed {
		t.Errorf("%d read, %d missed, %d counted as dropped; %d written", got, missed, f.standing().dropped, 4*each)
	}
}

func TestDrainWaitsForAReader(t *testing.T) {
	v := New(Options{})
	v.Event("deploy", "x")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := v.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody read, got %v", err)
	}
	v.events.readAfter(0, 10, 0, nil, nil)
	if v.events.read(1) {
		t.Error("sent is not yet read")
	}
	v.events.readAfter(1, 10, 0, nil, nil)
	if err := v.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestHistogramsAreExactInCountSumMinAndMax(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 2 * time.Hour} {
		h.add(d)
	}
	wire := h.wire()
	if h.counts[0] != 1 || h.counts[1] != 1 || h.counts[len(bounds)] != 1 || wire.Sum != 7200.003 || *wire.Min != 0.001 || *wire.Max != 7200 {
		t.Errorf("got %+v", wire)
	}
	if empty := new(histogram).wire(); empty.Min != nil || empty.Max != nil {
		t.Error("an empty histogram has no extremes")
	}
}
