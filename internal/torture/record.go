package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The files of records.
const (
	ofProducer = "producer.jsonl"
	ofConsumer = "consumer.jsonl"
	ofLate     = "late.jsonl"
	ofRun      = "run.jsonl"
)

// Record is a line of a record file.
type Record struct {
	At      int64          `json:"at"` // microseconds of the wall clock
	By      string         `json:"by"` // the process
	What    string         `json:"what"`
	N       int            `json:"n"` // the number of the event, as its data have it; -1 for none
	ID      string         `json:"id,omitempty"`
	Key     string         `json:"key,omitempty"`
	Seq     int            `json:"seq,omitempty"`
	Attempt int            `json:"attempt,omitempty"`
	At2     string         `json:"position,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Since   int64          `json:"since,omitempty"`   // like At
	Through map[string]int `json:"through,omitempty"` // of states, by key
	Err     string         `json:"err,omitempty"`
	All     []int          `json:"all,omitempty"` // events of one call
}

// What a record says.
const (
	publishing = "publishing"   // All are about to be published
	published  = "acknowledged" // All were; or committed, where they go through an outbox
	writing    = "writing"      // All are about to be committed with their rows
	relayed    = "relayed"      // All that came out of the outbox were acknowledged
	refused    = "refused"      // the publishing of N failed
	entered    = "entered"      // the handler was called
	effect     = "effect"       // it had its effect
	failed     = "failed"       // it returned an error
	outcome    = "outcome"      // of the delivery, see Reason
	doneAll    = "done"         // the producer has published everything
	dying      = "dying"        // the process kills itself
	began      = "began"
	ready      = "ready" // a consumer has subscribed
	ended      = "ended"
	killed     = "killed"
	fault      = "fault"

	// of those who come late
	replaying  = "replaying"  // a replay is about to begin
	replayed   = "replayed"   // it has come to its end, without an error
	handed     = "handed"     // N was handed over
	snapshots  = "snapshots"  // the states of keys were acknowledged
	subscribed = "subscribed" // a group that joins does, to a log that begins Since; 0 is the beginning
	asking     = "asking"     // it asks for a backfill
	known      = "known"      // it knows the event N, or the state of a key
	unmarked   = "unmarked"   // it was handed a state as if that were news
	marked     = "marked"     // Reason: it was marked as replayed
)

// recorder appends to a file that other processes append to as well. A line is
// written by one call, which the system does not mix with another's.
type recorder struct {
	by   string
	file *os.File
}

func record(dir, name, by string) (*recorder, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &recorder{by, f}, nil
}

func (r *recorder) add(one Record) {
	one.At, one.By = time.Now().UnixMicro(), r.by
	line, err := json.Marshal(&one)
	if err == nil {
		_, err = r.file.Write(append(line, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the record cannot be written:", err)
		os.Exit(2) // a run without records proves nothing
	}
}

// tail reads the lines that have been added to a file.
type tail struct {
	path string
	at   int64
}

func (t *tail) read(each func(Record)) error {
	f, err := os.Open(t.path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, t.at, 1<<40))
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	t.at += int64(whole)
	for line := range bytes.Lines(text[:whole]) {
		// A process that is killed while it writes may leave the beginning of a line, to
		// which the next adds its own. What it did not get to say it did not do.
		if i := bytes.LastIndex(line, []byte(`{"at":`)); i > 0 {
			line = line[i:]
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("%s has a line that is no record: %w", t.path, err)
		}
		each(r)
	}
	return nil
}
