package vigie

import (
	"bytes"
	"os"
	"strconv"
)

// residentBytes is the memory that is in RAM.
func residentBytes() *uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil
	}
	words := bytes.Fields(text)
	if len(words) < 2 {
		return nil
	}
	pages, err := strconv.ParseUint(string(words[1]), 10, 64)
	if err != nil {
		return nil
	}
	size := pages * uint64(os.Getpagesize())
	return &size
}

// openFiles counts the file descriptors, without the one that counting takes.
func openFiles() *int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	count := len(names) - 1
	return &count
}
