package topology

import (
	"hash/crc32"
	"slices"
	"strconv"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

// KnownBy is the identity by which the broker is to know duplicates of an event that
// is sent under what d promises, see [Identity]. It is "" where the contract has
// consumers alone know them: then nobody pays for the broker's knowing.
func KnownBy(d *contract.Delivery, e *event.Event, group string) string {
	if d != nil && d.Dedupe != nil && d.Dedupe.Where == "consumer" {
		return ""
	}
	if d == nil || d.Dedupe == nil || len(d.Dedupe.By) == 0 || slices.Equal(d.Dedupe.By, []string{"source", "id"}) {
		return Identity(e, group)
	}
	var b []byte
	for _, name := range d.Dedupe.By {
		b = append(strconv.AppendQuote(b, Value(e, name)), ' ')
	}
	return finish(b, e, group)
}

// Identity is what a broker may know a duplicate of an event by: its source and
// id, and a sum of what it says. A broker drops a duplicate without a word, and an
// event that claims the id of another has to reach the consumers, which
// dead-letter it as a collision; so the sum sets it apart. The group is "" but in
// a dead letter, where the groups of a channel meet.
func Identity(e *event.Event, group string) string {
	var room [256]byte
	b := append(room[:0], e.Source...)
	b = append(append(append(b, ' '), e.ID...), ' ')
	return finish(b, e, group)
}

// finish adds the sum and the group.
func finish(b []byte, e *event.Event, group string) string {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	sum := uint64(offset)
	for i := range len(e.Type) {
		sum = (sum ^ uint64(e.Type[i])) * prime
	}
	sum = (sum ^ 0xff) * prime // which is in no text
	for i := range len(e.Subject) {
		sum = (sum ^ uint64(e.Subject[i])) * prime
	}
	// Both have instructions of their own, and take a tenth of what FNV would.
	sum ^= uint64(crc32.Checksum(e.Data, crc32.MakeTable(crc32.Castagnoli)))<<32 | uint64(crc32.ChecksumIEEE(e.Data))
	b = strconv.AppendUint(b, sum, 36)
	if group != "" {
		b = append(append(b, ' '), group...)
	}
	return string(b)
}
