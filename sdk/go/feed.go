package vigie

import "sync"

// chunkSize is how many slots a feed takes at a time.
const chunkSize = 1024

// stretch is how many entries a reader copies before it lets writers in again.
const stretch = 256

// feed is a bounded ring of entries, numbered from 1. When it is full, by count
// or by size, the oldest entry makes room.
//
// Slots come in chunks, each made when first needed: a ring that is never full
// costs what it holds, and no append ever moves what is there.
type feed[T any] struct {
	mu     sync.Mutex
	chunks [][]T
	sizes  [][]int32 // bytes of each entry; nil where size is not bounded
	max    int
	// Numbers: kept are oldest ≤ n < next.
	oldest, next uint64
	bytes        int
	maxBytes     int
	// offered is the highest number that any reader was given or has passed over;
	// confirmed the highest that a reader has come back with.
	offered, confirmed uint64
	// dropped counts the entries that left before any reader had them.
	dropped uint64
}

// newFeed keeps at most max entries of at most maxBytes together; 0: any size.
func newFeed[T any](max, maxBytes int) *feed[T] {
	chunks := (max + chunkSize - 1) / chunkSize
	f := &feed[T]{chunks: make([][]T, chunks), max: max, oldest: 1, next: 1, maxBytes: maxBytes}
	if maxBytes > 0 {
		f.sizes = make([][]int32, chunks)
	}
	return f
}

// append adds an entry of so many bytes.
func (f *feed[T]) append(entry T, size int) {
	f.mu.Lock()
	f.push(entry, size)
	f.mu.Unlock()
}

// push is append for who holds the lock already.
func (f *feed[T]) push(entry T, size int) uint64 {
	for f.next-f.oldest >= uint64(f.max) {
		f.drop()
	}
	for f.maxBytes > 0 && f.bytes+size > f.maxBytes && f.oldest < f.next {
		f.drop()
	}
	number := f.next
	f.next++
	chunk, place := f.place(number)
	if f.chunks[chunk] == nil {
		f.grow(chunk)
	}
	f.chunks[chunk][place] = entry
	if f.maxBytes > 0 {
		f.sizes[chunk][place] = int32(size)
		f.bytes += size
	}
	return number
}

func (f *feed[T]) grow(chunk int) {
	size := min(chunkSize, f.max-chunk*chunkSize)
	f.chunks[chunk] = make([]T, size)
	if f.maxBytes > 0 {
		f.sizes[chunk] = make([]int32, size)
	}
}

func (f *feed[T]) place(number uint64) (chunk, place int) {
	slot := int(number % uint64(f.max))
	return slot / chunkSize, slot % chunkSize
}

// drop lets go of the oldest entry and of what it points to.
func (f *feed[T]) drop() {
	chunk, place := f.place(f.oldest)
	var none T
	f.chunks[chunk][place] = none
	if f.maxBytes > 0 {
		f.bytes -= int(f.sizes[chunk][place])
	}
	if f.oldest > f.offered {
		f.dropped++
	}
	f.oldest++
}

// page is what a reader gets: entries in order, and where it stands.
type page[T any] struct {
	entries []numbered[T]
	// last is the number up to which the reader now has everything: the next `after`.
	last uint64
	// missed counts entries between the asked place and the first one given that are gone.
	missed uint64
	// more says that entries were left behind only because the page is full.
	more bool
}

type numbered[T any] struct {
	number uint64
	entry  T
}

// readAfter copies up to limit entries that keep wants (nil: all) and that are
// numbered above after, together of at most maxBytes by cost (nil: not counted).
func (f *feed[T]) readAfter(after uint64, limit, maxBytes int, keep func(*T) bool, cost func(*T) int) page[T] {
	var result page[T]
	f.mu.Lock()
	defer f.mu.Unlock()
	after = min(after, f.next-1)
	f.confirmed = max(f.confirmed, after)
	if after+1 < f.oldest {
		result.missed = f.oldest - after - 1
		after = f.oldest - 1
	}
	bytes := 0
	for done := 0; after+1 < f.next; done++ {
		if done > 0 && done%stretch == 0 {
			f.offered = max(f.offered, after)
			f.mu.Unlock()
			f.mu.Lock()
			// Overtaken by writers: end here, the next page says what is missing.
			if after+1 < f.oldest {
				break
			}
		}
		chunk, place := f.place(after + 1)
		entry := &f.chunks[chunk][place]
		if keep == nil || keep(entry) {
			if cost != nil {
				bytes += cost(entry)
			}
			if len(result.entries) == limit || (bytes > maxBytes && len(result.entries) > 0) {
				result.more = true
				break
			}
			result.entries = append(result.entries, numbered[T]{after + 1, *entry})
		}
		after++
	}
	f.offered = max(f.offered, after)
	result.last = after
	result.more = result.more || after+1 < f.next
	return result
}

// end is the number of the newest entry, 0 when there was none yet.
func (f *feed[T]) end() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next - 1
}

// read says whether a reader has confirmed everything up to number.
func (f *feed[T]) read(number uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.confirmed >= number
}

// standing is a feed's place and losses for the metrics.
type standing struct {
	total, kept, dropped uint64
}

func (f *feed[T]) standing() standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return standing{total: f.next - 1, kept: f.next - f.oldest, dropped: f.dropped}
}
