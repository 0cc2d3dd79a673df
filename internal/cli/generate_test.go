package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
)

// The generated code of the example is what treaty generates of it now.
func TestGeneratedExampleIsFresh(t *testing.T) {
	dir, err := filepath.Abs("../../examples/orders")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	env := Env{Args: []string{"generate", "--check"}, Dir: dir, Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }}
	if code := Run(context.Background(), env); code != 0 {
		t.Errorf("treaty generate --check exits with %d; run treaty generate in examples/orders\n%s", code, out.String())
	}
}
