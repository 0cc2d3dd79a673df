package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/broker"
)

// TestPaths: a path that says nothing to a broker is refused before anything is
// dialled, and a password is not told.
func TestPaths(t *testing.T) {
	for _, url := range []string{"kafka://u:hunter2@127.0.0.1:1/orders", "nats://u:hunter2@127.0.0.1:1/orders", "mqtt://u:hunter2@127.0.0.1:1/orders", "pubsub://project/orders"} {
		b, err := broker.Open(t.Context(), url, adapters...)
		if err == nil {
			b.Close()
		}
		if !errors.Is(err, broker.ErrUsage) || !strings.Contains(err.Error(), `the path "/orders" says nothing to this broker; `) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
