package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// oracle is Prometheus's engine over series in memory.
type oracle struct {
	engine *promql.Engine
	stored memory
}

// newOracle sets what a Prometheus 3 with its default flags has, and besides experimental functions, fill modifiers and
// names of Unicode letters and dots without quotes.
func newOracle() *oracle {
	minute := time.Minute.Milliseconds()
	return &oracle{engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  time.Minute,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return minute },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnableDelayedNameRemoval: false,
		Parser: parser.NewParser(parser.Options{
			EnableExperimentalFunctions: true,
			EnableBinopFillModifiers:    true,
			EnableUnquotedUTF8Names:     true,
		}),
	})}
}

func (o *oracle) answer(asked request) (any, error) {
	switch {
	case asked.Functions:
		return map[string]any{"functions": functions()}, nil
	case asked.Load != nil:
		stored, err := newMemory(*asked.Load)
		o.stored = stored
		return map[string]int{"loaded": len(stored)}, err
	default:
		return o.query(asked), nil
	}
}

func (o *oracle) query(asked request) answer {
	background := context.Background()
	var query promql.Query
	var err error
	if asked.Time != nil {
		query, err = o.engine.NewInstantQuery(background, o.stored, nil, asked.Query, moment(*asked.Time))
	} else {
		step := time.Duration(asked.Step) * time.Millisecond
		query, err = o.engine.NewRangeQuery(
			background, o.stored, nil, asked.Query, moment(asked.Start), moment(asked.End), step)
	}
	if err != nil {
		return answer{Failed: true, Kind: "parse", Text: err.Error()}
	}
	defer query.Close()
	result := query.Exec(background)
	if result.Err != nil {
		return answer{Failed: true, Kind: kindOf(result.Err), Text: result.Err.Error()}
	}
	said := ofValue(result.Value)
	said.Warnings, said.Infos = result.Warnings.AsStrings(asked.Query, 0, 0)
	return said
}

func moment(milliseconds int64) time.Time {
	return time.UnixMilli(milliseconds).UTC()
}

// kindOf tells failures apart as Prometheus's HTTP API does.
func kindOf(err error) string {
	var canceled promql.ErrQueryCanceled
	var timeout promql.ErrQueryTimeout
	var storage promql.ErrStorage
	switch {
	case errors.As(err, &canceled):
		return "canceled"
	case errors.As(err, &timeout):
		return "timeout"
	case errors.As(err, &storage):
		return "storage"
	default:
		return "execution"
	}
}

func ofValue(value parser.Value) answer {
	said := answer{Kind: string(value.Type())}
	switch value := value.(type) {
	case promql.Scalar:
		said.Series = []loadedSeries{{Floats: []floatPoint{{value.T, value.V}}}}
	case promql.String:
		said.Text = value.V
	case promql.Vector:
		for _, sample := range value {
			one := loadedSeries{Labels: sample.Metric.Map()}
			if sample.H != nil {
				one.Histograms = []histogramPoint{{sample.T, ofNative(sample.H)}}
			} else {
				one.Floats = []floatPoint{{sample.T, sample.F}}
			}
			said.Series = append(said.Series, one)
		}
	case promql.Matrix:
		for _, series := range value {
			one := loadedSeries{Labels: series.Metric.Map()}
			for _, point := range series.Floats {
				one.Floats = append(one.Floats, floatPoint{point.T, point.F})
			}
			for _, point := range series.Histograms {
				one.Histograms = append(one.Histograms, histogramPoint{point.T, ofNative(point.H)})
			}
			said.Series = append(said.Series, one)
		}
	default:
		panic(fmt.Sprintf("the engine answers a %T", value))
	}
	return said
}

// signature says how a function is called.
type signature struct {
	Arguments []parser.ValueType `json:"arguments"`
	// Variadic arguments beyond those: 0 none, -1 any number.
	Variadic int              `json:"variadic"`
	Returns  parser.ValueType `json:"returns"`
}

func functions() map[string]signature {
	all := map[string]signature{}
	for name, one := range parser.Functions {
		all[name] = signature{one.ArgTypes, one.Variadic, one.ReturnType}
	}
	return all
}
