//go:build !unix

package vigie

// cpuSeconds is not known on this system.
func cpuSeconds() *float64 { return nil }
