package topology

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

var update = flag.Bool("update", false, "rewrite what the cases expect")

// TestCases reads contract.yaml of every case, with the parameters of params, and
// holds what is said of each channel, of each group, and of the key of each
// event in events on each channel, against want.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string]string{}
			for _, f := range a.Files {
				in[f.Name] = string(f.Data)
			}
			got := said(t, in)
			last := &a.Files[len(a.Files)-1]
			if last.Name != "want" {
				t.Fatal("want is not last")
			}
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if string(last.Data) != got {
				t.Errorf("said\n%s\nand not\n%s", got, last.Data)
			}
		})
	}
}

func said(t *testing.T, in map[string]string) string {
	fsys := fstest.MapFS{"contract.yaml": {Data: []byte(in["contract.yaml"])}}
	c, _, err := contract.Load(context.Background(), "contract.yaml", contract.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	params := map[string]string{}
	for _, p := range strings.Fields(in["params"]) {
		name, value, _ := strings.Cut(p, "=")
		params[name] = value
	}
	var b bytes.Buffer
	for _, ch := range c.Channels {
		made, err := Channel(ch, params)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", ch.Name, err)
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", ch.Name, made.Address)
		var names []string
		for name := range made.Settings {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&b, "  %s: %s\n", name, made.Settings[name])
		}
		for line := range strings.Lines(in["events"]) {
			e, err := event.DecodeJSON([]byte(strings.TrimSpace(line)))
			if err != nil {
				t.Fatal(err)
			}
			key, err := Key(ch, e)
			fmt.Fprintf(&b, "  key of %s: %q", e.ID, key)
			if err != nil {
				fmt.Fprintf(&b, ", %v", err)
			}
			b.WriteByte('\n')
			if ch.Delivery == nil || ch.Delivery.Dedupe == nil {
				continue
			}
			fmt.Fprintf(&b, "  known again by")
			for _, name := range ch.Delivery.Dedupe.By {
				fmt.Fprintf(&b, " %q", Value(e, name))
			}
			if err := KnownAgain(ch, e); err != nil {
				fmt.Fprintf(&b, ", %v", err)
			}
			b.WriteByte('\n')
		}
	}
	for _, op := range c.Operations {
		if g := Group(op); g != "" {
			fmt.Fprintf(&b, "group of %s: %s\n", op.Name, g)
		}
	}
	return b.String()
}

// Data that are JSON are not said to be none because they are more than is looked
// through for a key.
func TestKeyOfMuch(t *testing.T) {
	ch := &contract.Channel{Name: "orders", Delivery: &contract.Delivery{Ordering: &contract.Ordering{Scope: "key", Key: "/data/order"}}}
	for limit, list := range map[string]string{"nodes of 2000000": strings.Repeat("0,", 2_000_000) + "0", "depth of 512": strings.Repeat("[", 600) + strings.Repeat("]", 600)} {
		e := &event.Event{Data: []byte(`{"order":"x","list":[` + list + `]}`)}
		if _, err := Key(ch, e); err == nil || !strings.HasPrefix(err.Error(), "the data is over the limit "+limit) || strings.Contains(err.Error(), "--limit") {
			t.Errorf("%.200v", err)
		}
	}
}
