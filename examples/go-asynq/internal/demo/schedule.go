// Package demo is the day in the life of a queue: what is enqueued when, and
// when a worker hangs. It is pure (time is an argument), so it can be tested
// and gives the same day for the same seed.
package demo

import "time"

// Window is a stretch of time that comes back: the first begins at After, lasts
// For, and begins anew every Every (0: only once).
type Window struct {
	After, For, Every time.Duration
}

// Left is how much of the window remains at elapsed; 0 outside of it.
func (w Window) Left(elapsed time.Duration) time.Duration {
	if w.For <= 0 || elapsed < w.After {
		return 0
	}
	into := elapsed - w.After
	if w.Every > 0 {
		into %= w.Every
	}
	return max(0, w.For-into)
}

// Open says whether elapsed lies inside.
func (w Window) Open(elapsed time.Duration) bool { return w.Left(elapsed) > 0 }

// The events of the day. The first burst comes early, so that the first twenty
// seconds already show something.
var (
	Burst    = Window{After: 12 * time.Second, For: 6 * time.Second, Every: 3 * time.Minute}
	BadSpell = Window{After: 60 * time.Second, For: 40 * time.Second, Every: 5 * time.Minute}
	// The paused queue is let go for a moment now and then, and empties.
	Resumed = Window{After: 200 * time.Second, For: 15 * time.Second, Every: 5 * time.Minute}
)
