package diag

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	fields := []string{"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "externalDocs", "bindings"}
	for _, test := range []struct {
		word string
		from []string
		want string // "" for none
	}{
		{"adress", fields, "address"},
		{"Address", fields, "address"},
		{"addresses", fields, "address"},
		{"mesages", fields, "messages"},
		{"external_docs", fields, "externalDocs"},
		{"external-docs", fields, "externalDocs"},
		{"tag", fields, "tags"},
		{"descirption", fields, "description"},
		{"zebra", fields, ""},
		{"", fields, ""},
		{"a", []string{"b", "ab"}, ""},
		{"id", []string{"di", "if"}, ""},
		{"qo", []string{"qos", "url"}, "qos"},
		{"sned", []string{"send", "receive"}, "send"},
		{"host", []string{"port"}, ""},
		{"send", []string{"send"}, ""},                  // the word is no answer to itself
		{"cat", []string{"car", "bat"}, "car"},          // the longer common beginning
		{"cat", []string{"cab", "car"}, "cab"},          // then the alphabet
		{"kafka", []string{"kafkas", "KAFKA"}, "KAFKA"}, // case is nearer than a letter
		{"straße", []string{"strasse", "STRAẞE"}, "STRAẞE"},
		{"größe", []string{"grösse", "größen"}, "größen"},
		{"--", []string{"__"}, "__"},
		{strings.Repeat("x", 5000), []string{strings.Repeat("x", 5001)}, ""},
		{strings.Repeat("x", 5000), []string{strings.Repeat("X", 5000)}, strings.Repeat("X", 5000)},
	} {
		for range 3 {
			got, ok := Nearest(test.word, test.from)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("Nearest(%.20q) = %.20q, %v; want %.20q", test.word, got, ok, test.want)
			}
			rand.Shuffle(len(test.from), func(i, j int) { test.from[i], test.from[j] = test.from[j], test.from[i] })
		}
	}
}

func TestNearestAllocatesNothing(t *testing.T) {
	from := []string{"address", "messages", "größe", "externalDocs"}
	if n := testing.AllocsPerRun(20, func() { Nearest("mesages", from) }); n != 0 {
		t.Errorf("%v allocations a call, want none", n)
	}
}

// The band may leave out only what is over the limit anyway.
func TestDistanceAgainstWholeTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() []rune {
		w := make([]rune, random.IntN(9))
		for i := range w {
			w[i] = rune('a' + random.IntN(3))
		}
		return w
	}
	for range 20000 {
		a, b, limit := word(), word(), random.IntN(5)
		want := min(wholeDistance(a, b), limit+1)
		if got := distance(a, b, limit); got != want {
			t.Fatalf("distance(%q, %q, %d) = %d, want %d", string(a), string(b), limit, got, want)
		}
	}
}

func wholeDistance(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			default:
				cost := 1
				if a[i-1] == b[j-1] {
					cost = 0
				}
				d[i][j] = min(d[i-1][j-1]+cost, d[i-1][j]+1, d[i][j-1]+1)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
	}
	return d[len(a)][len(b)]
}
