package vigie

import "time"

// bounds are the upper bounds of every histogram here, the same that Vigie shows
// in its own /metrics.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour,
}

// histogram counts durations. Count, sum, min and max are exact. Its owner's lock guards it.
type histogram struct {
	// counts has one place more than bounds: what is above them all.
	counts   [len(bounds) + 1]uint64
	sum      time.Duration
	min, max time.Duration
	count    uint64
}

func (h *histogram) add(d time.Duration) {
	place := 0
	for place < len(bounds) && d > bounds[place] {
		place++
	}
	h.counts[place]++
	h.sum += d
	if h.count == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.count++
}

// histogramJSON is a histogram on the wire. Min and max are null while it is empty.
type histogramJSON struct {
	Count  uint64   `json:"count"`
	Sum    float64  `json:"sum_seconds"`
	Min    *float64 `json:"min_seconds"`
	Max    *float64 `json:"max_seconds"`
	Counts []uint64 `json:"counts"`
}

func (h *histogram) wire() histogramJSON {
	wire := histogramJSON{Count: h.count, Sum: h.sum.Seconds(), Counts: h.counts[:]}
	if h.count > 0 {
		low, high := h.min.Seconds(), h.max.Seconds()
		wire.Min, wire.Max = &low, &high
	}
	return wire
}

func boundsSeconds() []float64 {
	seconds := make([]float64, len(bounds))
	for i, bound := range bounds {
		seconds[i] = bound.Seconds()
	}
	return seconds
}
