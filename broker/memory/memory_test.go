package memory_test

import (
	"context"
	"testing"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/memory"
)

func TestConformance(t *testing.T) {
	first := memory.New()
	adapter := broker.Adapter{Schemes: []string{"memory"}, Open: func(context.Context, *broker.Target) (broker.Broker, error) {
		return first.Another(), nil
	}}
	brokertest.Run(t, brokertest.Harness{Adapter: adapter, URL: "memory:", Declares: true})
}
