package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// Limits bound what reading a document may cost. Zero fields are the defaults
// of the packages that keep them.
type Limits struct {
	syntax.Limits
	RefDepth int // references that lead from one to the next
	Files    int // files of one document
}

// LimitNames are the names of the limits, as messages about them have them.
var LimitNames = []string{"alias-bytes", "depth", "files", "input-bytes", "nodes", "ref-depth"}

// maxDepth is the deepest nesting that may be asked for: readers call
// themselves for each level, and a stack has an end.
const maxDepth = 10_000

// Set changes a limit by its name.
func (l *Limits) Set(name string, n int) error {
	if !slices.Contains(LimitNames, name) {
		return fmt.Errorf("there is no limit %q; %s", name, Hint(name, LimitNames))
	}
	if n < 1 {
		return fmt.Errorf("limit %s has to be a whole number above 0", name)
	}
	switch name {
	case "alias-bytes":
		l.AliasBytes = n
	case "depth":
		if n > maxDepth {
			return fmt.Errorf("limit depth cannot be raised over %d", maxDepth)
		}
		l.Depth = n
	case "files":
		l.Files = n
	case "input-bytes":
		l.InputBytes = n
	case "nodes":
		l.Nodes = n
	case "ref-depth":
		l.RefDepth = n
	}
	return nil
}

// SetText changes a limit by NAME=N, as it is written on a command line.
func (l *Limits) SetText(text string) error {
	name, number, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("limit %q has no number; write NAME=N, such as depth=1000", text)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		n = 0
	}
	return l.Set(name, n)
}

// OrDefault is the limits with the defaults of a file in place of zeros.
func (l Limits) OrDefault() Limits {
	if l.InputBytes == 0 {
		l.InputBytes = syntax.DefaultInputBytes
	}
	return l
}
