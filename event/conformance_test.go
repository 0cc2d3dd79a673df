package event_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/event"
	"go.yaml.in/yaml/v4"
)

// conformance is the folder of cloudevents/conformance, which is not part of
// the project: without it these tests say that they did not run.
func conformance(t *testing.T) string {
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "testdata")
	}
	dir = filepath.Join(dir, "cloudevents-conformance")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the files of cloudevents/conformance are not at %s; set TREATY_TESTDATA", dir)
	}
	return dir
}

// TestFeatures runs the scenarios of the bindings: their steps are few, so they
// are read here.
func TestFeatures(t *testing.T) {
	ran := 0
	for _, name := range []string{"http-protocol-binding.feature", "kafka-protocol-binding.feature"} {
		text, err := os.ReadFile(filepath.Join(conformance(t), "features", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "Scenario")[1:] {
			title, rest, _ := strings.Cut(part, "\n")
			title = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(title, " Outline"), ":"))
			rest, examples, _ := strings.Cut(rest, "Examples:")
			values := []string{""}
			if rows := table(examples); len(rows) > 1 {
				values = values[:0]
				for _, row := range rows[1:] {
					values = append(values, row[0])
				}
			}
			for _, v := range values {
				t.Run(strings.ReplaceAll(title, "<contentType>", v), func(t *testing.T) {
					scenario(t, strings.ReplaceAll(rest, "<contentType>", v))
				})
				ran++
			}
		}
	}
	if ran != 7 {
		t.Errorf("%d scenarios, where there were 7", ran)
	}
}

func table(text string) (rows [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		rows = append(rows, row)
	}
	return rows
}

// docString is what stands between the next pair of triple quotes, less the
// indentation of the first.
func docString(text string) (doc, rest string) {
	before, after, _ := strings.Cut(text, `"""`)
	indent := before[strings.LastIndexByte(before, '\n')+1:]
	doc, rest, _ = strings.Cut(after, `"""`)
	doc = strings.ReplaceAll(doc, "\n"+indent, "\n")
	return strings.TrimPrefix(strings.TrimRight(doc, " "), "\n"), rest
}

func scenario(t *testing.T, text string) {
	var m event.Message
	binding := event.Kafka
	doc, rest := docString(text)
	if strings.Contains(text, "HTTP request") {
		binding = event.HTTP
		head, body, _ := strings.Cut(doc, "\n\n")
		body = strings.TrimSuffix(body, "\n")
		lines := strings.Split(head, "\n")
		var kept []string
		for _, line := range lines {
			if !strings.HasPrefix(line, "Content-Length:") { // it counts an indentation that is not the body's
				kept = append(kept, line)
			}
		}
		raw := strings.Join(kept, "\r\n") + "\r\nConnection: close\r\nTransfer-Encoding: identity\r\n\r\n"
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Replace(raw, "Transfer-Encoding: identity\r\n", "", 1))))
		if err != nil {
			t.Fatal(err)
		}
		request.Body = io.NopCloser(strings.NewReader(body))
		m.FromMap(request.Header)
		m.Body, _ = io.ReadAll(request.Body)
	} else {
		m.Body = []byte(doc)
		headers, after, _ := strings.Cut(rest, "When parsed")
		for _, row := range table(headers)[1:] {
			m.Headers = append(m.Headers, event.Header{Name: row[0], Value: event.TextValue(row[1])})
		}
		rest = after
	}
	e := decode(t, binding, m)
	attributes, data, _ := strings.Cut(rest, "the data is equal")
	rows := table(attributes)
	if len(rows) < 6 {
		t.Fatalf("the scenario has %d attributes", len(rows))
	}
	wanted := map[string]any{}
	for _, row := range rows[1:] {
		wanted[row[0]] = row[1]
	}
	got := object(t, e)
	delete(got, "data")
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got %v, want %v", got, wanted)
	}
	doc, _ = docString(data)
	var a, b any
	if json.Unmarshal(e.Data, &a) != nil || json.Unmarshal([]byte(doc), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("data %s, want %s", e.Data, doc)
	}
}

// TestConformanceEvents sends the events of the suite through every binding.
func TestConformanceEvents(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(conformance(t), "yaml", "*", "*.yaml"))
	more, _ := filepath.Glob(filepath.Join(conformance(t), "yaml", "*.yaml"))
	n, old, control := 0, 0, 0
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		for {
			var doc struct {
				ContextAttributes map[string]any `yaml:"ContextAttributes"`
				Data              string         `yaml:"Data"`
			}
			if err := decoder.Decode(&doc); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(file, err)
			}
			n++
			members := map[string]any{}
			for k, v := range doc.ContextAttributes {
				if k == "Extensions" {
					for name, v := range v.(map[string]any) {
						members[name] = v
					}
					continue
				}
				members[k] = v
			}
			switch members["specversion"] {
			case 1.0:
				members["specversion"] = "1.0"
			case 0.3:
				members["specversion"] = "0.3"
			}
			kind, _ := members["datacontenttype"].(string)
			if event.IsJSON(kind) {
				members["data"] = json.RawMessage(doc.Data)
			} else {
				members["data"] = doc.Data
			}
			whole, err := json.Marshal(members)
			if err != nil {
				t.Fatal(file, err)
			}
			e, err := event.DecodeJSON(whole)
			switch {
			case members["specversion"] == "0.3":
				// CloudEvents 0.3 is another specification: refused, and said so.
				if err == nil || !strings.Contains(err.Error(), "specversion") {
					t.Error(file, err)
				}
				old++
				continue
			case strings.Contains(string(whole), `}\n"`):
				// The suite's block scalar puts a line feed into an extension, which no
				// attribute may have (CloudEvents §2): refused, and read without it.
				if err == nil || !strings.Contains(err.Error(), "control character") {
					t.Error(file, err)
				}
				control++
				if e, err = event.DecodeJSON([]byte(strings.ReplaceAll(string(whole), `}\n"`, `}"`))); err != nil {
					t.Fatal(file, err)
				}
			case err != nil:
				t.Fatal(file, err)
			}
			for _, b := range []*event.Binding{event.HTTP, event.Kafka, event.AMQP, event.MQTT, event.NATS, event.PubSub} {
				for _, mode := range []event.Mode{event.BinaryMode, event.StructuredMode} {
					got := decode(t, b, encode(t, b, e, mode))
					wanted := *e
					if mode == event.BinaryMode && wanted.DataContentType == "" {
						wanted.DataContentType = "application/json"
					}
					wanted.Data = bytes.TrimSpace(wanted.Data)
					got.Data = bytes.TrimSpace(got.Data)
					same(t, got, &wanted, false)
				}
			}
		}
	}
	if n != 15 || old != 7 || control != 2 {
		t.Errorf("%d events, %d of version 0.3, %d with a control character; there were 15, 7 and 2", n, old, control)
	}
}
