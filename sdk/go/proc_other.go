//go:build !linux

package vigie

// residentBytes is not known on this system.
func residentBytes() *uint64 { return nil }

// openFiles is not known on this system.
func openFiles() *int { return nil }
