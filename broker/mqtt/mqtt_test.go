package mqtt_test

import (
	"os"
	"testing"

	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/mqtt"
)

func harness(user, address, query string) brokertest.Harness {
	return brokertest.Harness{
		Adapter: mqtt.Adapter,
		URL:     "mqtt://" + user + address + query,
		Absent:  "mqtt://127.0.0.1:1",
		Through: func(proxy string) string { return "mqtt://" + user + proxy + query },
		Behind:  address,
	}
}

func TestConformance(t *testing.T) {
	address := serve(t, "treaty", "secret")
	h := harness("treaty:secret@", address, "")
	h.Refused = "mqtt://treaty:wrong-password@" + address
	brokertest.Run(t, h)
}

func TestConformanceMember(t *testing.T) {
	brokertest.Run(t, harness("treaty:secret@", serve(t, "treaty", "secret"), "?member=one"))
}

// TestReal is the suite on a broker that runs already.
func TestReal(t *testing.T) {
	address := os.Getenv("TREATY_MQTT")
	if address == "" {
		t.Skip("TREATY_MQTT is no address: make integration sets it")
	}
	t.Run("sharing", func(t *testing.T) { brokertest.Run(t, harness("", address, "")) })
	t.Run("member", func(t *testing.T) { brokertest.Run(t, harness("", address, "?member=one")) })
}
