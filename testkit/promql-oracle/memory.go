package main

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// memory is a storage: series by ascending labels.
type memory []series

type series struct {
	labels  labels.Labels
	samples samples
}

// sample is a histogram where it has one, else a float.
type sample struct {
	time      int64
	float     float64
	histogram *histogram.FloatHistogram
}

func newMemory(loaded []loadedSeries) (memory, error) {
	all := make(memory, 0, len(loaded))
	for _, one := range loaded {
		held := series{labels: labels.FromMap(one.Labels)}
		for _, point := range one.Floats {
			held.samples = append(held.samples, sample{time: point.Time, float: point.Value})
		}
		for _, point := range one.Histograms {
			native, err := point.Value.native()
			if err != nil {
				return nil, fmt.Errorf("%v at %d: %w", held.labels, point.Time, err)
			}
			held.samples = append(held.samples, sample{time: point.Time, histogram: native})
		}
		slices.SortFunc(held.samples, func(a, b sample) int { return int(a.time - b.time) })
		all = append(all, held)
	}
	slices.SortFunc(all, func(a, b series) int { return labels.Compare(a.labels, b.labels) })
	return all, nil
}

// Querier reads what is between two times, both included.
func (m memory) Querier(from, to int64) (storage.Querier, error) {
	return querier{m, from, to}, nil
}

type querier struct {
	stored   memory
	from, to int64
}

func (q querier) Select(_ context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	from, to := q.from, q.to
	if hints != nil {
		from, to = hints.Start, hints.End
	}
	var found []storage.Series
	for _, one := range q.stored {
		first := sort.Search(len(one.samples), func(i int) bool { return one.samples[i].time >= from })
		end := sort.Search(len(one.samples), func(i int) bool { return one.samples[i].time > to })
		if first < end && matches(one.labels, matchers) {
			found = append(found, series{one.labels, one.samples[first:end]})
		}
	}
	return &seriesSet{found: found, place: -1}
}

func matches(of labels.Labels, matchers []*labels.Matcher) bool {
	return !slices.ContainsFunc(matchers, func(one *labels.Matcher) bool { return !one.Matches(of.Get(one.Name)) })
}

func (q querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, fmt.Errorf("the oracle lists no label values: the engine asks for none")
}

func (q querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, fmt.Errorf("the oracle lists no label names: the engine asks for none")
}

func (q querier) Close() error { return nil }

type seriesSet struct {
	found []storage.Series
	place int
}

func (s *seriesSet) Next() bool                        { s.place++; return s.place < len(s.found) }
func (s *seriesSet) At() storage.Series                { return s.found[s.place] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

func (s series) Labels() labels.Labels { return s.labels }

func (s series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return copying{storage.NewListSeriesIterator(s.samples)}
}

// copying hands out copies of histograms: the engine changes what it is given.
type copying struct{ chunkenc.Iterator }

func (c copying) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	time, held := c.Iterator.AtFloatHistogram(nil)
	if into == nil {
		return time, held.Copy()
	}
	held.CopyTo(into)
	return time, into
}

// samples of one series by ascending time.
type samples []sample

func (s samples) Get(place int) chunks.Sample { return s[place] }
func (s samples) Len() int                    { return len(s) }

func (s sample) T() int64                      { return s.time }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.float }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return s.histogram }

func (s sample) Type() chunkenc.ValueType {
	if s.histogram != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

func (s sample) Copy() chunks.Sample {
	if s.histogram != nil {
		s.histogram = s.histogram.Copy()
	}
	return s
}
