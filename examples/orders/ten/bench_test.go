package ten

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/treaty-events/treaty/examples/orders/generated/go/events"
)

var placed = []byte(`{"order_id":"ord_1","customer_id":"c_9","total_minor":4599,"currency":"USD","lines":[{"sku":"MUG-RED","quantity":2,"unit_minor":1200},{"sku":"TEE-XL","quantity":1,"unit_minor":2199}],"placed_at":"2026-04-10T15:17:31Z"}`)

// What the generated type costs to decode, beside encoding/json on a struct of the
// same fields.
func BenchmarkDecode(b *testing.B) {
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var data events.OrderPlacedPayload
			if err := data.UnmarshalJSON(placed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var data struct {
				OrderID    string `json:"order_id"`
				CustomerID string `json:"customer_id"`
				TotalMinor int64  `json:"total_minor"`
				Currency   string `json:"currency"`
				Lines      []struct {
					SKU       string `json:"sku"`
					Quantity  int64  `json:"quantity"`
					UnitMinor int64  `json:"unit_minor"`
				} `json:"lines"`
				PlacedAt time.Time `json:"placed_at"`
			}
			if err := json.Unmarshal(placed, &data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
