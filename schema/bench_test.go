package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

// manySchemas is the shape of a large contract: each schema with ten
// properties, two of them references to shared ones, and an example.
func manySchemas(count int) string {
	var b strings.Builder
	b.WriteString("definitions:\n  money: {type: object, required: [amount, currency], properties: {amount: {type: number, minimum: 0}, currency: {type: string, pattern: '^[A-Z]{3}$'}}}\n")
	b.WriteString("  id: {type: string, format: uuid}\nschemas:\n")
	for i := range count {
		fmt.Fprintf(&b, `  m%d:
    type: object
    required: [id, total, at]
    properties:
      id: {$ref: '#/definitions/id'}
      total: {$ref: '#/definitions/money'}
      at: {type: string, format: date-time}
      status: {type: string, enum: [placed, paid, shipped]}
      count: {type: integer, minimum: 1, maximum: %d}
      note: {type: string, maxLength: 200}
      email: {type: string, format: email}
      code: {type: string, pattern: '^[A-Z]{2}-[0-9]+$'}
      tags: {type: array, items: {type: string}, uniqueItems: true}
      flag: {type: boolean, default: false}
    additionalProperties: false
    examples:
      - {id: 123e4567-e89b-12d3-a456-426614174000, total: {amount: 12.5, currency: EUR}, at: '2026-01-31T12:00:00Z', status: paid, count: 3, note: n, email: a@example.com, code: AB-12, tags: [a, b], flag: true}
`, i, i+5)
	}
	return b.String()
}

// BenchmarkContract checks the schemas of a large contract and validates an
// example of each, with nothing compiled before.
func BenchmarkContract(b *testing.B) {
	root := node(b, manySchemas(2000))
	schemas := root.Get("schemas").Items
	resolve := localReferences(root)
	quiet := func(d diag.Diagnostic) { b.Fatal(d.Message) }
	b.Run("Check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, s := range schemas {
				Check(s, AsyncAPI, resolve, quiet)
			}
		}
	})
	b.Run("CheckValues", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := NewCompiler(resolve)
			for _, s := range schemas {
				CheckValues(s, AsyncAPI, c, quiet)
			}
		}
	})
	b.Run("CompileAndValidate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := NewCompiler(resolve)
			for _, s := range schemas {
				compiled, err := c.Compile(s, AsyncAPI)
				if err != nil {
					b.Fatal(err)
				}
				if ps := compiled.Validate(s.Get("examples").Items[0]); ps != nil {
					b.Fatal(ps)
				}
			}
		}
	})
}
