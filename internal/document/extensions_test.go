package document

import (
	"strings"
	"testing"
)

func TestKeyFault(t *testing.T) {
	for name, want := range map[string]string{
		"subject": "", "paymentid": "", "x2": "", "/data/order_id": "", "/data/a~1b": "", "/subject": "",
		"": "is empty", "payment_id": `did you mean "paymentid"?`, "paymentId": `did you mean "paymentid"?`, "§": "neither an attribute name",
		"data": "/data/order_id", "/data/a~2": "~",
	} {
		if got := KeyFault(name); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, and not %q", name, got, want)
		}
	}
}
