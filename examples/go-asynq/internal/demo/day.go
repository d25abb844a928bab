package demo

import (
	"math"
	"time"

	"vigie.example/go-asynq/internal/plan"
)

// The queues with a story; the others (critical, default, low) just work.
const (
	QueuePaused   = "invoices"      // paused with waiting tasks
	QueueGrowing  = "thumbnails"    // more comes in than goes out
	QueueHanging  = "receipts"      // its worker hangs now and then
	QueueOrphan   = "legacy-export" // nobody works on it
	QueueGrouping = "digests"       // tasks wait in a group and become one
)

// The four task types.
const (
	Payment = "payment:capture"
	Email   = "email:send"
	Image   = "image:resize"
	Report  = "report:build"
)

// Types in a fixed order, for ledger runs.
var Types = []string{Payment, Email, Image, Report}

// QueueOf is where a type goes when nothing special happens.
func QueueOf(taskType string) string {
	switch taskType {
	case Payment:
		return "critical"
	case Report:
		return "low"
	default:
		return "default"
	}
}

// Task is one thing to enqueue.
type Task struct {
	Queue, Type string
	Payload     plan.Payload
	Delay       time.Duration
	Retention   time.Duration
	MaxRetry    int
	Group       string
}

type flow struct {
	queue, taskType string
	perSecond       float64
	sleepMs         [2]int
	bursts          bool
	delayed         float64 // this share is scheduled, 20 to 90 s ahead
	next            float64 // seconds since the start
}

// Day yields the tasks of one demo.
type Day struct {
	rand  *plan.Rand
	flows []flow
	n     int
}

// NewDay starts a day; equal seeds give equal days.
func NewDay(seed uint32) *Day {
	return &Day{rand: plan.NewRand(seed), flows: []flow{
		{queue: "critical", taskType: Payment, perSecond: 2, sleepMs: [2]int{20, 90}},
		{queue: "default", taskType: Email, perSecond: 3, sleepMs: [2]int{30, 250}, bursts: true},
		{queue: "default", taskType: Image, perSecond: 1.5, sleepMs: [2]int{100, 600}},
		{queue: "low", taskType: Report, perSecond: 0.6, sleepMs: [2]int{200, 1500}, delayed: 0.4},
		{queue: QueueHanging, taskType: Email, perSecond: 1.5, sleepMs: [2]int{30, 120}},
		{queue: QueueGrowing, taskType: Image, perSecond: 2, sleepMs: [2]int{850, 950}},
		{queue: QueuePaused, taskType: Report, perSecond: 0.4, sleepMs: [2]int{50, 200}},
		{queue: QueueOrphan, taskType: Report, perSecond: 0.15, sleepMs: [2]int{50, 200}},
		{queue: QueueGrouping, taskType: Email, perSecond: 0.5, sleepMs: [2]int{20, 60}},
	}}
}

// Opening is what already waits when the curtain rises.
func (d *Day) Opening() []Task {
	counts := map[string]int{QueuePaused: 18, QueueOrphan: 9, QueueGrowing: 25}
	var tasks []Task
	for i := range d.flows {
		f := &d.flows[i]
		for range counts[f.queue] {
			tasks = append(tasks, d.task(f, 0))
		}
	}
	for i := range 6 {
		later := d.task(&d.flows[3], 0)
		later.Delay = time.Duration(8+11*i) * time.Second
		tasks = append(tasks, later)
	}
	return tasks
}

// Due are the tasks whose time has come between the last call and elapsed.
func (d *Day) Due(elapsed time.Duration) []Task {
	var tasks []Task
	for i := range d.flows {
		f := &d.flows[i]
		for f.next <= elapsed.Seconds() {
			tasks = append(tasks, d.task(f, elapsed))
			rate := f.perSecond
			if f.bursts && Burst.Open(elapsed) {
				rate *= 10
			}
			f.next += -math.Log(1-d.rand.Float()) / rate
		}
	}
	return tasks
}

func (d *Day) task(f *flow, elapsed time.Duration) Task {
	d.n++
	t := Task{
		Queue: f.queue, Type: f.taskType, MaxRetry: 3,
		Payload: plan.Payload{N: d.n, SleepMs: d.rand.Between(f.sleepMs[0], f.sleepMs[1])},
	}
	failing := 0.06
	if f.taskType == Image && BadSpell.Open(elapsed) {
		failing = 0.5
	}
	switch x := d.rand.Float(); {
	case x < 0.01:
		t.Payload.Fatal = true
	case x < 0.02:
		t.Payload.Fail, t.MaxRetry = 3, 2 // all of its attempts: ends in the archive
	case x < failing:
		t.Payload.Fail = d.rand.Between(1, 2)
	}
	if d.rand.Float() < f.delayed {
		t.Delay = time.Duration(d.rand.Between(20, 90)) * time.Second
	}
	if f.taskType == Payment {
		t.Retention = 2 * time.Minute
	}
	if f.queue == QueueGrouping {
		t.Group = "daily"
	}
	return t
}
