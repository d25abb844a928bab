package vigie

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// processStart is when this package was initialized, a few milliseconds after the process began.
var processStart = time.Now()

// runtimeJSON is the process itself on the wire. Null: the operating system does not tell.
type runtimeJSON struct {
	Go           string     `json:"go"`
	Module       *string    `json:"module"`
	Revision     *string    `json:"revision"`
	Modified     *bool      `json:"modified"`
	Goroutines   uint64     `json:"goroutines"`
	Processors   int        `json:"processors"`
	CPUSeconds   *float64   `json:"cpu_seconds_total"`
	OpenFiles    *int       `json:"open_files"`
	Memory       memoryJSON `json:"memory"`
	GarbageTimes gcJSON     `json:"gc"`
}

type memoryJSON struct {
	Heap      uint64  `json:"heap_bytes"`
	HeapCount uint64  `json:"heap_objects"`
	Runtime   uint64  `json:"runtime_bytes"`
	Limit     *uint64 `json:"limit_bytes"`
	Resident  *uint64 `json:"resident_bytes"`
}

type gcJSON struct {
	Cycles int64   `json:"cycles_total"`
	Pause  float64 `json:"pause_seconds_total"`
	Last   moment  `json:"last"`
}

// readRuntime asks the runtime, without stopping the world.
func readRuntime(info build) runtimeJSON {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/objects:objects"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(samples)
	value := func(place int) uint64 {
		if samples[place].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return samples[place].Value.Uint64()
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	answer := runtimeJSON{
		Go: runtime.Version(), Module: orNil(info.module), Revision: orNil(info.revision), Modified: info.modified,
		Goroutines: value(0), Processors: runtime.GOMAXPROCS(0),
		CPUSeconds: cpuSeconds(), OpenFiles: openFiles(),
		Memory:       memoryJSON{Heap: value(1), HeapCount: value(2), Runtime: value(3), Resident: residentBytes()},
		GarbageTimes: gcJSON{Cycles: gc.NumGC, Pause: gc.PauseTotal.Seconds()},
	}
	if gc.NumGC > 0 {
		answer.GarbageTimes.Last = moment(gc.LastGC)
	}
	if limit := value(4); limit > 0 && limit < math.MaxInt64 {
		answer.Memory.Limit = &limit
	}
	return answer
}
