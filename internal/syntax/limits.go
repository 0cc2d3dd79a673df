package syntax

// Limits protect the reader of a hostile file. The zero value of a field
// means its default.
type Limits struct {
	InputBytes int // one file; default 32 MiB
	Nodes      int // of one file, expanded aliases included; default 2,000,000
	Depth      int // nesting; default 512
	AliasBytes int // source bytes that aliases may repeat; default 10 times the input, at least 1 MiB
}

// Defaults, see Limits.
const (
	DefaultInputBytes  = 32 << 20
	DefaultNodes       = 2_000_000
	DefaultDepth       = 512
	defaultAliasFactor = 10
	defaultAliasFloor  = 1 << 20
)

func (l Limits) withDefaults(input int) Limits {
	if l.InputBytes == 0 {
		l.InputBytes = DefaultInputBytes
	}
	if l.Nodes == 0 {
		l.Nodes = DefaultNodes
	}
	if l.Depth == 0 {
		l.Depth = DefaultDepth
	}
	if l.AliasBytes == 0 {
		l.AliasBytes = max(defaultAliasFactor*input, defaultAliasFloor)
	}
	return l
}

// Ids of the rules that this package reports under.
const (
	RuleSyntax       = "syntax"        // malformed YAML or JSON
	RuleDuplicateKey = "duplicate-key" // a mapping has a key twice
	RuleEncoding     = "encoding"      // invalid UTF-8, a NUL byte, UTF-16
	RuleMultiple     = "multiple-documents"
	RuleLimit        = "limit" // a limit of Limits was reached; the message names it
)
