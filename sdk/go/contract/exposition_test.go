package contract

import (
	"net/http/httptest"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"vigie.example/vigie"
)

// Prometheus's own parser reads the text form.
func TestPrometheusReadsTheText(t *testing.T) {
	for name, v := range map[string]*vigie.Recorder{"fresh": vigie.New(vigie.Options{}), "busy": busy(vigie.Options{})} {
		request := httptest.NewRequest("GET", vigie.PathMetrics, nil)
		request.Header.Set("Accept", "text/plain")
		recorder := httptest.NewRecorder()
		v.Endpoint().ServeHTTP(recorder, request)
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(recorder.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if families["go_goroutines"].GetMetric()[0].GetGauge().GetValue() < 1 {
			t.Errorf("%s: no goroutines", name)
		}
		if name != "busy" {
			continue
		}
		runs := uint64(0)
		for _, one := range families["job_run_seconds"].GetMetric() {
			runs += one.GetHistogram().GetSampleCount()
			if buckets := one.GetHistogram().GetBucket(); buckets[len(buckets)-1].GetCumulativeCount() != one.GetHistogram().GetSampleCount() {
				t.Errorf("the last bucket must hold all: %v", one)
			}
		}
		if runs != 3 {
			t.Errorf("%d runs, want 3", runs)
		}
	}
}
