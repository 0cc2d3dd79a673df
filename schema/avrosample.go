package schema

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// maxAvroDepth is how deep samples of types that contain themselves go before
// they take the least that there is.
const maxAvroDepth = 5

func sampleAvro(t *avroType, seed uint64, n int) ([][]byte, error) {
	g := &avroSampler{least: newLeastData(t)}
	if g.least.of(t) == nil {
		return nil, ErrUnsatisfiable
	}
	var all [][]byte
	for i := range n {
		g.rng = rand.New(rand.NewPCG(seed, uint64(i)))
		all = append(all, g.datum(t, "", 0))
	}
	return all, nil
}

type avroSampler struct {
	rng   *rand.Rand
	least *leastData
}

// datum makes a value for a field of a name, in the JSON encoding.
func (g *avroSampler) datum(t *avroType, name string, depth int) []byte {
	rng := g.rng
	if depth > maxAvroDepth || t.items != nil && g.least.of(t.items) == nil {
		return g.least.of(t)
	}
	switch t.kind {
	case avroBoolean:
		return strconv.AppendBool(nil, rng.IntN(2) == 0)
	case avroInt, avroLong:
		return []byte(g.whole(t, name))
	case avroFloat, avroDouble:
		return []byte(naturalNumber(name, false, rng))
	case avroString:
		if t.logical.name == "uuid" {
			return AppendJSON(nil, text(naturalFormat("uuid", name, rng)))
		}
		return AppendJSON(nil, text(naturalText(name, rng)))
	case avroBytes, avroFixed:
		return g.bytes(t)
	case avroEnum:
		return AppendJSON(nil, text(pick(rng, t.symbols)))
	case avroArray, avroMap:
		b := []byte{"[{"[t.kind-avroArray]}
		keys := map[string]bool{}
		for i := range rng.IntN(3) + 1 - depth/3 {
			var item []byte
			if t.kind == avroMap {
				key := pick(rng, words[:])
				if keys[key] {
					continue
				}
				keys[key] = true
				item = append(AppendJSON(nil, text(key)), ':')
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, item...), g.datum(t.items, strings.TrimSuffix(name, "s"), depth+1)...)
		}
		return append(b, "]}"[t.kind-avroArray])
	case avroUnion:
		var possible []*avroType
		for _, b := range t.branches {
			if g.least.of(b) != nil && (b.kind != avroNull || rng.IntN(4) == 0) {
				possible = append(possible, b)
			}
		}
		if len(possible) == 0 {
			return g.least.of(t)
		}
		b := possible[rng.IntN(len(possible))]
		return tagged(b, g.datum(b, name, depth+1))
	case avroRecord:
		b := []byte{'{'}
		for i, f := range t.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(strconv.AppendQuote(b, f.name), ':'), g.datum(f.typ, f.name, depth+1)...)
		}
		return append(b, '}')
	}
	return g.least.of(t)
}

func (g *avroSampler) whole(t *avroType, name string) string {
	// Days, seconds and so on of a moment from 2024 on.
	const start = 1_704_067_200
	seconds := start + g.rng.Int64N(3*365*24*60*60)
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	switch strings.TrimPrefix(t.logical.name, "local-") {
	case "date":
		return n(seconds / (24 * 60 * 60))
	case "time-millis":
		return n(g.rng.Int64N(dayMillis))
	case "time-micros":
		return n(g.rng.Int64N(dayMillis) * 1000)
	case "timestamp-millis":
		return n(seconds * 1e3)
	case "timestamp-micros":
		return n(seconds * 1e6)
	case "timestamp-nanos":
		return n(seconds * 1e9)
	}
	return naturalNumber(name, true, g.rng)
}

// bytes are random, but for decimals, which are small and positive.
func (g *avroSampler) bytes(t *avroType) []byte {
	size := t.size
	if t.kind == avroBytes {
		size = 4 + g.rng.IntN(8)
	}
	data := make([]byte, min(size, maxDatum/8))
	for i := range data {
		data[i] = byte(g.rng.Uint32())
	}
	switch t.logical.name {
	case "decimal":
		clear(data)
		if len(data) > 0 {
			data[len(data)-1] = byte(g.rng.IntN(10)) // one digit fits every precision
		}
	case "big-decimal":
		data = []byte{2, 42, 4} // the bytes of 21, with a scale of 2
	case "duration":
		clear(data)
		data[4] = byte(1 + g.rng.IntN(30)) // days
	}
	b := []byte{'"'}
	for _, c := range data {
		b = fmt.Appendf(b, `\u%04x`, c)
	}
	return append(b, '"')
}

// missAvro goes through the types of the schema and spoils each in the ways that
// it can be.
func (s *Schema) missAvro(seed uint64, n int) ([]Miss, error) {
	least := newLeastData(s.avro)
	if least.of(s.avro) == nil {
		return nil, ErrUnsatisfiable
	}
	var wrong [][]byte
	var walk func(t *avroType, wrap func([]byte) []byte, above []*avroType)
	walk = func(t *avroType, wrap func([]byte) []byte, above []*avroType) {
		if slices.Contains(above, t) || len(wrong) > maxPlaces || least.of(t) == nil {
			return
		}
		above = append(slices.Clip(above), t)
		spoil := func(texts ...string) {
			for _, text := range texts {
				if datum := wrap([]byte(text)); datum != nil {
					wrong = append(wrong, datum)
				}
			}
		}
		switch t.kind {
		case avroNull:
			spoil("0")
		case avroBoolean:
			spoil(`"yes"`)
		case avroInt:
			spoil(`"1"`, "0.5", "2147483648")
		case avroLong:
			spoil(`"1"`, "0.5", "9223372036854775808")
		case avroFloat, avroDouble:
			spoil(`"1.5"`)
		case avroString:
			spoil("0")
		case avroBytes:
			spoil("0", `"€"`)
		case avroFixed:
			spoil(`"` + strings.Repeat("a", min(t.size, 1000)+1) + `"`)
		case avroEnum:
			unknown := "UNKNOWN"
			for slices.Contains(t.symbols, unknown) {
				unknown += "_"
			}
			spoil(`"` + unknown + `"`)
		case avroArray:
			spoil("{}")
			walk(t.items, func(b []byte) []byte { return wrap(slices.Concat([]byte("["), b, []byte("]"))) }, above)
		case avroMap:
			spoil("[]")
			walk(t.items, func(b []byte) []byte { return wrap(slices.Concat([]byte(`{"key":`), b, []byte("}"))) }, above)
		case avroUnion:
			spoil(`{"unknown":0}`)
			for _, b := range t.branches {
				if b.kind != avroNull {
					walk(b, func(datum []byte) []byte { return wrap(tagged(b, datum)) }, above)
				}
			}
		case avroRecord:
			spoil("[]")
			for i, f := range t.fields {
				without := *t
				without.fields = slices.Delete(slices.Clone(t.fields), i, i+1)
				spoil(string(least.record(&without, -1, nil)))
				walk(f.typ, func(b []byte) []byte { return wrap(least.record(t, i, b)) }, above)
			}
		}
	}
	walk(s.avro, func(b []byte) []byte { return b }, nil)
	rng := rand.New(rand.NewPCG(seed, 1))
	rng.Shuffle(len(wrong), func(i, j int) { wrong[i], wrong[j] = wrong[j], wrong[i] })
	var all []Miss
	for _, datum := range wrong {
		if len(all) == n {
			break
		}
		if problems := s.ValidateJSON(datum); len(problems) == 1 {
			all = append(all, Miss{datum, problems[0]})
		}
	}
	return all, nil
}
