package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

type request struct {
	Load      *[]loadedSeries `json:"load"`
	Functions bool            `json:"functions"`
	Query     string          `json:"query"`
	Time      *int64          `json:"time"`
	Start     int64           `json:"start"`
	End       int64           `json:"end"`
	Step      int64           `json:"step"`
}

// SERIES: samples by ascending time, no time in both lists.
type loadedSeries struct {
	Labels     map[string]string `json:"labels"`
	Floats     []floatPoint      `json:"floats,omitempty"`
	Histograms []histogramPoint  `json:"histograms,omitempty"`
}

// ANSWER: of an error only kind and text, of a scalar one float, of a string its text.
type answer struct {
	Kind     string         `json:"kind"` // scalar, string, vector, matrix; error: parse, execution, timeout, canceled, storage
	Text     string         `json:"text,omitempty"`
	Series   []loadedSeries `json:"series,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
	Infos    []string       `json:"infos,omitempty"`
	Failed   bool           `json:"failed,omitempty"`
}

// floatPoint is [time, "value"].
type floatPoint struct {
	Time  int64
	Value float64
}

func (p floatPoint) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{p.Time, float(p.Value)})
}

func (p *floatPoint) UnmarshalJSON(text []byte) error {
	pair := [2]any{&p.Time, (*float)(&p.Value)}
	return json.Unmarshal(text, &pair)
}

// histogramPoint is [time, {…}].
type histogramPoint struct {
	Time  int64
	Value sparse
}

func (p histogramPoint) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{p.Time, p.Value})
}

func (p *histogramPoint) UnmarshalJSON(text []byte) error {
	pair := [2]any{&p.Time, &p.Value}
	return json.Unmarshal(text, &pair)
}

// float is a number as text.
type float float64

func (f float) MarshalJSON() ([]byte, error) {
	if value.IsStaleNaN(float64(f)) {
		return []byte(`"stale"`), nil
	}
	return json.Marshal(strconv.FormatFloat(float64(f), 'g', -1, 64))
}

func (f *float) UnmarshalJSON(text []byte) error {
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return err
	}
	if word == "stale" {
		*f = float(math.Float64frombits(value.StaleNaN))
		return nil
	}
	number, err := strconv.ParseFloat(word, 64)
	*f = float(number)
	return err
}

// bucket is [index, "count"]; indexes ascend.
type bucket struct {
	Index int32
	Count float64
}

func (b bucket) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{b.Index, float(b.Count)})
}

func (b *bucket) UnmarshalJSON(text []byte) error {
	pair := [2]any{&b.Index, (*float)(&b.Count)}
	return json.Unmarshal(text, &pair)
}

// sparse is a native histogram with absolute counts by index.
type sparse struct {
	Schema        int32    `json:"schema"`
	ZeroThreshold float    `json:"zero_threshold"`
	ZeroCount     float    `json:"zero_count"`
	Count         float    `json:"count"`
	Sum           float    `json:"sum"`
	Positive      []bucket `json:"positive,omitempty"`
	Negative      []bucket `json:"negative,omitempty"`
	Bounds        []float  `json:"bounds,omitempty"`
	Hint          string   `json:"hint"` // unknown, reset, continues, gauge
}

var hints = map[string]histogram.CounterResetHint{
	"unknown": histogram.UnknownCounterReset, "reset": histogram.CounterReset,
	"continues": histogram.NotCounterReset, "gauge": histogram.GaugeType,
}

func (s sparse) native() (*histogram.FloatHistogram, error) {
	hint, known := hints[s.Hint]
	if !known {
		return nil, fmt.Errorf("a histogram's hint is one of unknown, reset, continues, gauge: %q", s.Hint)
	}
	native := &histogram.FloatHistogram{
		CounterResetHint: hint, Schema: s.Schema, ZeroThreshold: float64(s.ZeroThreshold),
		ZeroCount: float64(s.ZeroCount), Count: float64(s.Count), Sum: float64(s.Sum),
	}
	native.PositiveSpans, native.PositiveBuckets = spans(s.Positive)
	native.NegativeSpans, native.NegativeBuckets = spans(s.Negative)
	for _, bound := range s.Bounds {
		native.CustomValues = append(native.CustomValues, float64(bound))
	}
	return native, native.Validate()
}

func spans(buckets []bucket) (spans []histogram.Span, counts []float64) {
	next := int32(0)
	for place, one := range buckets {
		if place == 0 || one.Index != next {
			spans = append(spans, histogram.Span{Offset: one.Index - next})
		}
		spans[len(spans)-1].Length++
		next = one.Index + 1
		counts = append(counts, one.Count)
	}
	return spans, counts
}

func ofNative(native *histogram.FloatHistogram) sparse {
	s := sparse{
		Schema: native.Schema, ZeroThreshold: float(native.ZeroThreshold), ZeroCount: float(native.ZeroCount),
		Count: float(native.Count), Sum: float(native.Sum),
		Positive: buckets(native.PositiveSpans, native.PositiveBuckets),
		Negative: buckets(native.NegativeSpans, native.NegativeBuckets),
	}
	for word, hint := range hints {
		if hint == native.CounterResetHint {
			s.Hint = word
		}
	}
	for _, bound := range native.CustomValues {
		s.Bounds = append(s.Bounds, float(bound))
	}
	return s
}

func buckets(spans []histogram.Span, counts []float64) (all []bucket) {
	index := int32(0)
	for _, span := range spans {
		index += span.Offset
		for range span.Length {
			all = append(all, bucket{index, counts[len(all)]})
			index++
		}
	}
	return all
}
