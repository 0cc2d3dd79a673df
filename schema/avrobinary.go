package schema

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// ValidAvro reports whether data is one datum of an Avro schema in Avro's
// binary encoding and nothing else. It makes nothing of the bytes: there is no
// allocation for a valid datum. Nesting deeper than 512 is refused. For a
// schema of another language the answer is false. It is safe for concurrent
// use.
func (s *Schema) ValidAvro(data []byte) bool {
	if s.avro == nil {
		return false
	}
	d := avroData{data: data}
	return d.read(s.avro, 0) && d.at == len(data)
}

// ValidateAvro is ValidAvro with what is wrong: the first fault, since what
// follows one has no meaning.
func (s *Schema) ValidateAvro(data []byte) []Problem {
	if s.ValidAvro(data) {
		return nil
	}
	if s.avro == nil {
		return []Problem{{Node: s.rule.node, Message: "the schema is no Avro schema; validate JSON with it"}}
	}
	d := avroData{data: data, explaining: true}
	if d.read(s.avro, 0) {
		d.say(s.avro, "%s after the end of the datum; write one datum for each event, without a container file around it", plural(len(data)-d.at, "byte"))
	}
	span, pointer := keywordSpan(d.typ.node, "type")
	return []Problem{{Instance: pathPointer(d.path), Node: d.typ.node, Keyword: "type", Schema: span, SchemaPointer: pointer, Message: fmt.Sprintf("byte %d: %s", d.at, d.why)}}
}

// avroData reads a datum ("Binary Encoding" of the specification).
type avroData struct {
	data       []byte
	at         int
	empty      int // items read that took no bytes
	explaining bool
	path       []string
	typ        *avroType
	why        string
}

// maxEmptyItems bounds the items that take no bytes, of which a few bytes could
// announce any number.
const maxEmptyItems = 1 << 16

func (d *avroData) say(t *avroType, format string, args ...any) bool {
	if d.explaining && d.why == "" {
		d.typ, d.why = t, fmt.Sprintf(format, args...)
	}
	return false
}

func (d *avroData) within(token string, t *avroType, depth int) bool {
	if !d.explaining {
		return d.read(t, depth+1)
	}
	d.path = append(d.path, token)
	if !d.read(t, depth+1) {
		return false
	}
	d.path = d.path[:len(d.path)-1]
	return true
}

// number reads a variable-length zig-zag number.
func (d *avroData) number(t *avroType, bits int) (int64, bool) {
	n, size := binary.Varint(d.data[d.at:])
	switch {
	case size == 0:
		return 0, d.say(t, "the data ends within %s", t.describe())
	case size < 0 || bits == 32 && (n != int64(int32(n)) || size > 5):
		return 0, d.say(t, "a number does not fit %d bits", bits)
	}
	d.at += size
	return n, true
}

func (d *avroData) take(t *avroType, n int64) ([]byte, bool) {
	if n < 0 {
		return nil, d.say(t, "a length is %d", n)
	}
	if n > int64(len(d.data)-d.at) {
		return nil, d.say(t, "%s should have %d bytes, but %d are left", t.describe(), n, len(d.data)-d.at)
	}
	b := d.data[d.at : d.at+int(n)]
	d.at += int(n)
	return b, true
}

func (d *avroData) read(t *avroType, depth int) bool {
	if depth > maxWireDepth {
		return d.say(t, "the datum is nested deeper than %d", maxWireDepth)
	}
	switch t.kind {
	case avroNull:
		return true
	case avroBoolean:
		b, ok := d.take(t, 1)
		if ok && b[0] > 1 {
			d.at--
			return d.say(t, "a boolean is the byte %d, but has to be 0 or 1", b[0])
		}
		return ok
	case avroInt, avroLong:
		bits := 64
		if t.kind == avroInt {
			bits = 32
		}
		n, ok := d.number(t, bits)
		if ok && !t.logical.holdsNumber(n) {
			return d.say(t, "%d is no %s", n, t.logical)
		}
		return ok
	case avroFloat:
		_, ok := d.take(t, 4)
		return ok
	case avroDouble:
		_, ok := d.take(t, 8)
		return ok
	case avroString, avroBytes:
		n, ok := d.number(t, 64)
		if !ok {
			return false
		}
		b, ok := d.take(t, n)
		switch {
		case !ok:
		case t.kind == avroString && !utf8.Valid(b):
			return d.say(t, "a string is no valid UTF-8")
		case !t.holdsBytes(b):
			return d.say(t, "%q is no %s", b, t.logical)
		}
		return ok
	case avroFixed:
		b, ok := d.take(t, int64(t.size))
		if ok && !t.holdsBytes(b) {
			return d.say(t, "%x is no %s", b, t.logical)
		}
		return ok
	case avroEnum:
		n, ok := d.number(t, 32)
		if ok && (n < 0 || n >= int64(len(t.symbols))) {
			return d.say(t, "%s has %s, so there is none of number %d", t.describe(), plural(len(t.symbols), "symbol"), n)
		}
		return ok
	case avroUnion:
		n, ok := d.number(t, 64)
		if ok && (n < 0 || n >= int64(len(t.branches))) {
			return d.say(t, "the union has %s, so there is none of number %d", plural(len(t.branches), "type"), n)
		}
		return ok && d.read(t.branches[n], depth+1)
	case avroRecord:
		for i := range t.fields {
			if !d.within(t.fields[i].name, t.fields[i].typ, depth) {
				return false
			}
		}
		return true
	case avroArray, avroMap:
		return d.blocks(t, depth)
	}
	return d.say(t, "the type could not be read")
}

// blocks reads an array or a map: blocks of items, each with its count and, if
// that is negative, its size in bytes, up to one without items.
func (d *avroData) blocks(t *avroType, depth int) bool {
	for at := 0; ; {
		n, ok := d.number(t, 64)
		if !ok {
			return false
		}
		end := -1
		if n < 0 {
			size, ok := d.number(t, 64)
			if !ok {
				return false
			}
			if size < 0 || size > int64(len(d.data)-d.at) || n == -1<<63 {
				return d.say(t, "a block should have %d bytes, but %d are left", size, len(d.data)-d.at)
			}
			n, end = -n, d.at+int(size)
		}
		if n == 0 {
			return true
		}
		for ; n > 0; n-- {
			before := d.at
			token := ""
			if t.kind == avroMap {
				size, ok := d.number(t, 64)
				if !ok {
					return false
				}
				key, ok := d.take(t, size)
				if !ok {
					return false
				}
				if !utf8.Valid(key) {
					return d.say(t, "a key is no valid UTF-8")
				}
				if d.explaining {
					token = string(key)
				}
			} else if d.explaining {
				token = strconv.Itoa(at)
			}
			if !d.within(token, t.items, depth) {
				return false
			}
			if d.at == before {
				if d.empty++; d.empty > maxEmptyItems {
					return d.say(t, "there are more than %d items that take no bytes", maxEmptyItems)
				}
			}
			at++
		}
		if end >= 0 && d.at != end {
			return d.say(t, "a block says that it ends at byte %d", end)
		}
	}
}

// Milliseconds of a day; the logical type time-micros has a thousand times as
// many.
const dayMillis = 24 * 60 * 60 * 1000

func (l avroLogical) holdsNumber(n int64) bool {
	switch l.name {
	case "time-millis":
		return n >= 0 && n < dayMillis
	case "time-micros":
		return n >= 0 && n < dayMillis*1000
	}
	return true
}

func (t *avroType) holdsBytes(b []byte) bool {
	switch l := t.logical; l.name {
	case "uuid":
		return t.kind == avroFixed || isUUID(asString(b))
	case "decimal":
		if digits := (len(b)*8 - 1) * 30103 / 100000; digits < l.precision {
			return true // so many bytes cannot hold more
		}
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		return n.CmpAbs(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(l.precision)), nil)) < 0
	}
	return true
}
