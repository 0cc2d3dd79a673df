package schema

// Verdict answers whether every value of one schema is a value of another.
type Verdict uint8

// The verdicts. The zero value is Undecided.
const (
	Undecided    Verdict = iota // the proof and the search both stopped short; Reason says where
	Contained                   // proved: there is no witness
	NotContained                // a witness was found and checked on both sides
)

// String is the verdict's name in the output of commands.
func (v Verdict) String() string {
	switch v {
	case Contained:
		return "contained"
	case NotContained:
		return "not-contained"
	}
	return "unknown"
}

// Containment is a verdict with what it rests on.
type Containment struct {
	Verdict Verdict
	Witness []byte // of NotContained: a value of the sub-schema that the super-schema refuses, as JSON
	Reason  string // of NotContained: why it is refused; of Undecided: the keyword and place that stopped the proof
	// Problem is, of NotContained, what the super-schema has against the
	// witness: where in it, and by which keyword. For Avro only its Instance is
	// set.
	Problem Problem
}
