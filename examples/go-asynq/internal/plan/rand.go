// Package plan decides, from a seed alone, what each job of a run does. The
// Node examples hold the same algorithm, so that one seed means one workload.
package plan

// Rand is mulberry32: 32 bits of state, the same numbers in Go and JavaScript.
// It is for workloads, never for secrets.
type Rand struct{ state uint32 }

// NewRand starts a sequence; equal seeds give equal sequences.
func NewRand(seed uint32) *Rand { return &Rand{state: seed} }

// Uint32 returns the next number of the sequence.
func (r *Rand) Uint32() uint32 {
	r.state += 0x6D2B79F5
	t := r.state
	t = (t ^ t>>15) * (t | 1)
	t = (t + (t^t>>7)*(t|61)) ^ t
	return t ^ t>>14
}

// Float returns the next number in [0, 1).
func (r *Rand) Float() float64 { return float64(r.Uint32()) / (1 << 32) }

// Between returns a whole number in [low, high].
func (r *Rand) Between(low, high int) int {
	return low + int(r.Float()*float64(high-low+1))
}
