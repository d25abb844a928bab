//go:build unix

package vigie

import (
	"syscall"
	"time"
)

// cpuSeconds is the processor time that this process has used, of user and system.
func cpuSeconds() *float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return nil
	}
	seconds := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	return &seconds
}
