package regular

import "testing"

func BenchmarkParse(b *testing.B) {
	for _, e := range []string{`^[A-Z]{3}$`, `^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`, `^x-`, `^.{1,255}$`} {
		b.Run(e, func(b *testing.B) {
			for b.Loop() {
				if _, err := Parse(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSolve(b *testing.B) {
	in, _ := Parse(`^[A-Z]{3}$`)
	out, _ := Parse(`^(EUR|USD)$`)
	for b.Loop() {
		(&Query{In: []*Lang{in}, NotIn: []*Lang{out}, MaxLen: -1}).Solve()
	}
}
