package amqp_test

import (
	"os"
	"testing"

	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/brokertest"
)

// TestReal is the suite on a RabbitMQ that runs already: there is no other.
func TestReal(t *testing.T) {
	address := os.Getenv("TREATY_AMQP")
	if address == "" {
		t.Skip("TREATY_AMQP is no address: make integration sets it")
	}
	h := brokertest.Harness{
		Adapter: amqp.Adapter, URL: "amqp://" + address, Absent: "amqp://127.0.0.1:1", Refused: "amqp://guest:wrong-password@" + address,
		Through:  func(proxy string) string { return "amqp://" + proxy },
		Behind:   address,
		Ordered:  map[string]string{"amqp.singleActiveConsumer": "true"},
		Disagree: map[string]string{"amqp.exchangeType=topic": "inequivalent arg 'type'"},
	}
	t.Run("quorum", func(t *testing.T) { brokertest.Run(t, h) })
}
