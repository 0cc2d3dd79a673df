package pubsub_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/pubsub"
)

func TestConformance(t *testing.T) {
	s := pstest.NewServer()
	t.Cleanup(func() { s.Close() })
	brokertest.Run(t, brokertest.Harness{
		Adapter: pubsub.Adapter, URL: "pubsub://treaty?endpoint=" + s.Addr, Absent: "pubsub://treaty?endpoint=127.0.0.1:1",
		Through: func(proxy string) string { return "pubsub://treaty?endpoint=" + proxy }, Behind: s.Addr,
		Few: true, Settings: map[string]string{"pubsub.ackDeadline": "10"}, // the least: what a cut takes along comes again after it
	})
}

// TestCredentialsMissing: a file that is not there is a wrong URL, and nothing is
// denied.
func TestCredentialsMissing(t *testing.T) {
	if _, err := broker.Open(t.Context(), "pubsub://treaty?credentials="+t.TempDir()+"/none", pubsub.Adapter); !errors.Is(err, broker.ErrUsage) {
		t.Error(err)
	}
}
