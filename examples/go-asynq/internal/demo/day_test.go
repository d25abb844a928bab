package demo

import (
	"reflect"
	"testing"
	"time"
)

func TestSameSeedSameDay(t *testing.T) {
	a, b := NewDay(5), NewDay(5)
	if !reflect.DeepEqual(a.Opening(), b.Opening()) || !reflect.DeepEqual(a.Due(time.Minute), b.Due(time.Minute)) {
		t.Error("two days of one seed differ")
	}
}

func TestEveryStoryHappensWithinTwentySeconds(t *testing.T) {
	day := NewDay(1)
	tasks := day.Opening()
	for s := range 20 {
		tasks = append(tasks, day.Due(time.Duration(s)*time.Second)...)
	}
	queues := map[string]int{}
	failing, delayed, retained := 0, 0, 0
	for _, task := range tasks {
		queues[task.Queue]++
		if task.Payload.Fail > 0 || task.Payload.Fatal {
			failing++
		}
		if task.Delay > 0 {
			delayed++
		}
		if task.Retention > 0 {
			retained++
		}
	}
	for _, q := range []string{"critical", "default", "low", QueuePaused, QueueGrowing, QueueHanging, QueueOrphan, QueueGrouping} {
		if queues[q] == 0 {
			t.Errorf("nothing for %s", q)
		}
	}
	if failing == 0 || delayed == 0 || retained == 0 {
		t.Errorf("failing %d, delayed %d, retained %d", failing, delayed, retained)
	}
}

func TestRateStaysSmall(t *testing.T) {
	day := NewDay(3)
	n := 0
	for s := range 600 {
		n += len(day.Due(time.Duration(s) * time.Second))
	}
	if perSecond := float64(n) / 600; perSecond < 8 || perSecond > 20 {
		t.Errorf("%.1f tasks/s over ten minutes", perSecond)
	}
}

func TestWindow(t *testing.T) {
	w := Window{After: 10 * time.Second, For: 5 * time.Second, Every: time.Minute}
	for _, c := range []struct{ at, left time.Duration }{
		{9, 0}, {10, 5}, {14, 1}, {15, 0}, {70, 5}, {76, 0},
	} {
		if got := w.Left(c.at * time.Second); got != c.left*time.Second {
			t.Errorf("at %ds: %v left, want %ds", c.at, got, c.left)
		}
	}
	if (Window{}).Open(time.Hour) {
		t.Error("the empty window is never open")
	}
}
