package check

import (
	"strings"
	"testing"
)

func TestPastForms(t *testing.T) {
	l := english()
	for _, w := range strings.Fields(`paid sent bought sold lost shipped begun began broken broke chosen chose gone went left made met read put
 set cut reset upset split quit held kept told taken took withdrawn withdrew overdrawn written wrote rewritten undone resent repaid
 prepaid overpaid rebuilt built found founded given gave hidden hit hurt known laid led lent let lit meant proven proved ridden rang
 risen seen sought shaken shown showed shut slept slid slit spent spilt spilled spun spread stolen stuck struck sworn swept swum taught
 torn thought thrown understood undertaken upheld woken worn won wound wrung frozen forgotten forgiven forbidden forecast drawn drunk
 driven eaten fallen fed felt fought fled flown dealt dug done caught cast cost burnt burned bound bitten bled blown bred brought
 broadcast beaten become became bet bid bent borne born awoken arisen
 created updated deleted cancelled canceled changed shipped stopped planned referred applied copied refunded approved expired failed
 completed started accepted rejected archived restored activated verified notified synced mapped added logged moved used tied
 agreed disagreed freed guaranteed refereed decreed panicked played delayed`) {
		if w == "become" {
			continue // the base as well, see below
		}
		if !l.isPast(w) {
			t.Errorf("%q is taken for no past form", w)
		}
	}
	for _, w := range strings.Fields(`pay send buy sell lose ship begin break choose go leave make meet create update delete cancel change
 feed need seed speed bed red embed exceed proceed succeed weed greed hundred shred indeed infrared output outset run come become
 payment order customer cancellation creation paying creating event snapshot status ed d`) {
		if l.isPast(w) {
			t.Errorf("%q is taken for a past form", w)
		}
	}
}

func TestPastOf(t *testing.T) {
	for _, line := range strings.Split(`pay paid|send sent|resend resent|buy bought|sell sold|lose lost|begin began|break broken|choose chosen|write written
rewrite rewritten|withdraw withdrawn|take taken|undo undone|put put|reset reset|run ran|overdraw overdrawn|prepay prepaid|rebuild rebuilt
create created|update updated|delete deleted|ship shipped|stop stopped|plan planned|refer referred|prefer preferred|commit committed
submit submitted|transfer transferred|cancel cancelled|apply applied|copy copied|pay paid|play played|deploy deployed|refund refunded
approve approved|expire expired|fix fixed|renew renewed|sync synced|quit quit|equip equipped|visit visited|edit edited|deliver delivered
register registered|log logged|unplug unplugged|record recorded|reopen reopened|load loaded|book booked|drop dropped|see seen|die died
agree agreed|mimic mimicked|allow allowed|open opened|offer offered|credit credited|deposit deposited|control controlled|go gone`, "\n") {
		for _, pair := range strings.Split(line, "|") {
			verb, want, _ := strings.Cut(pair, " ")
			if verb == "go" {
				want = "went"
			}
			if got := english().pastOf(verb); got != want {
				t.Errorf("the past of %q is %q, want %q", verb, got, want)
			}
		}
	}
}

// TestReadName names: how they read, and the fact that they stand for.
func TestReadName(t *testing.T) {
	for _, c := range []struct {
		name string
		want reading
		to   string // "" where nothing can be proposed; of a fact, not looked at
	}{
		{"paid", fact, ""}, {"email_changed", fact, ""}, {"emailChanged", fact, ""}, {"EmailChanged", fact, ""}, {"signed_up", fact, ""},
		{"logged_in", fact, ""}, {"checked_out", fact, ""}, {"rolled_back", fact, ""}, {"paid_in_full", fact, ""}, {"went_live", fact, ""},
		{"added_to_cart", fact, ""}, {"completed_successfully", fact, ""}, {"became_available", fact, ""}, {"password-reset", fact, ""},
		{"PaymentFailed", fact, ""}, {"HTTPCallFailed", fact, ""}, {"timed_out", fact, ""}, {"order_not_found", fact, ""}, {"taken_over", fact, ""},
		{"pay", command, "paid"}, {"create", command, "created"}, {"cancel", command, "cancelled"}, {"send", command, "sent"},
		{"create_order", command, "order_created"}, {"createOrder", command, "order_created"}, {"order_cancel", command, "order_cancelled"},
		{"OrderCancel", command, "order_cancelled"}, {"email_change", either, "email_changed"}, {"refund", either, "refunded"},
		{"update_email_address", command, "email_address_updated"}, {"sign_up", command, "signed_up"}, {"add_to_cart", command, "added_to_cart"},
		{"log_in", command, "logged_in"}, {"on_hold", thing, ""}, {"out_of_stock", thing, ""}, {"withdraw", command, "withdrawn"}, {"exceed", command, "exceeded"}, {"proceed", command, "proceeded"},
		{"succeed", command, "succeeded"}, {"feed", either, "fed"}, {"run", either, "ran"}, {"user_delete", command, "user_deleted"},
		{"send_invoice", command, "invoice_sent"}, {"resend", command, "resent"}, {"order_ship", either, "order_shipped"},
		{"paying", progressive, "paid"}, {"creating", progressive, "created"}, {"order_shipping", progressive, "order_shipped"},
		{"pays", present, "paid"}, {"creates", present, "created"}, {"applies", present, "applied"},
		{"updates", present, "updated"}, {"refunds", thing, "refunded"},
		{"payment", thing, "paid"}, {"cancellation", thing, "cancelled"}, {"creation", thing, "created"}, {"deletion", thing, "deleted"},
		{"shipment", thing, "shipped"}, {"registration", thing, "registered"}, {"confirmation", thing, "confirmed"}, {"migration", thing, "migrated"},
		{"login", thing, "logged_in"}, {"checkout", thing, "checked_out"}, {"failure", thing, "failed"}, {"approval", thing, "approved"},
		{"customer", thing, ""}, {"user_status", thing, ""}, {"heartbeat", thing, ""}, {"temperature", thing, ""}, {"", thing, ""},
		{"order_paid_event", filler, "order_paid"}, {"OrderPaidEvent", filler, "order_paid"}, {"order_create_event", command, "order_created"},
	} {
		n := english().readName(words(c.name))
		if n.reading != c.want {
			t.Errorf("%q reads as %d (%q), want %d", c.name, n.reading, n.word, c.want)
		}
		if got := strings.Join(n.better, "_"); c.want != fact && got != c.to {
			t.Errorf("%q becomes %q, want %q", c.name, got, c.to)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"email_changed": "email changed", "EmailChanged": "email changed", "emailChanged": "email changed", "email-changed": "email changed",
		"HTTPFailed": "http failed", "s3Uploaded": "s3 uploaded", "_paid_": "paid", "": "", "ID": "id", "userID": "user id", "ÄnderungErfolgt": "änderung erfolgt",
	} {
		if got := strings.Join(words(name), " "); got != want {
			t.Errorf("words(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCutVersion(t *testing.T) {
	for _, c := range []struct {
		text, base, version string
		house               bool
	}{
		{"orders.paid.v1", "orders.paid", "1", true}, {"orders.paid.v12", "orders.paid", "12", true},
		{"orders.paid", "orders.paid", "", false}, {"orders.paid/v1", "orders.paid", "1", false}, {"orders.paid-v2", "orders.paid", "2", false},
		{"orders.paid_v2", "orders.paid", "2", false}, {"orders.paid.V1", "orders.paid", "1", false}, {"OrderPaidV1", "OrderPaid", "1", false},
		{"orders.paid.v1.0", "orders.paid", "1", false}, {"orders.paid.1", "orders.paid", "1", false}, {"orders.paid.2.1.0", "orders.paid", "2", false},
		{"orders.ipv4", "orders.ipv4", "", false}, {"v1", "v1", "", false}, {"1", "1", "", false}, {"", "", "", false}, {".", ".", "", false},
		{"orders.v1.paid", "orders.v1.paid", "", false}, {"device.S3", "device.S3", "", false}, {"orders.paid.v", "orders.paid.v", "", false},
	} {
		base, version, house := cutVersion(c.text)
		if base != c.base || version != c.version || house != c.house {
			t.Errorf("cutVersion(%q) = %q, %q, %v; want %q, %q, %v", c.text, base, version, house, c.base, c.version, c.house)
		}
	}
}

func TestSuggested(t *testing.T) {
	known := map[string]bool{"orders": true, "users": true}
	for text, want := range map[string]string{
		"orders.pay.v1": "orders.paid.v1", "user.create.v1": "user.created.v1", "OrderCancel": "orders.cancelled.v1", "orders.paid": "orders.paid.v1",
		"orders.payment.v1": "orders.paid.v1", "orders.create_order.v1": "orders.created.v1", "CreateOrder": "orders.created.v1",
		"createInvoice": "invoice.created.v1", "com.example.orders.pay.v2": "com.example.orders.paid.v2", "users.emailChange.v1": "users.email_changed.v1",
		"users.email-change.v1": "users.email-changed.v1", "orders/paid/v1": "orders.paid.v1", "orders.v1.paid": "orders.paid.v1",
		"OrderPaidV2": "orders.paid.v2", "orders.paid.v1.0": "orders.paid.v1", "orders.customer.v1": "", "https://example.com/orders/pay": "",
		"": "", "v1": "", "pay": "paid.v1", "order_paid": "orders.paid.v1", "Orders.Paid": "orders.paid.v1",
	} {
		if got := suggested(text, known); got != want {
			t.Errorf("suggested(%q) = %q, want %q", text, got, want)
		}
		if want == "" {
			continue
		}
		// What is suggested is not found fault with again.
		if again := parseType(want); !again.house || english().readName(words(again.last())).reading != fact {
			t.Errorf("%q, suggested for %q, is not right itself", want, text)
		}
	}
}

func TestMatchType(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"orders.pay.v1", "orders.pay.v1", true}, {"orders.pay.v1", "orders.pay.v2", false}, {"com.github.*", "com.github.push", true},
		{"*", "", true}, {"*.v1", "a.v1", true}, {"*.v1", "a.v2", false}, {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false}, {"a*a", "a", false},
	} {
		if got := matchType(c.pattern, c.text); got != c.want {
			t.Errorf("matchType(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

// FuzzSuggested: no fault is found with what is suggested for a type, whatever
// that is.
func FuzzSuggested(f *testing.F) {
	for _, text := range []string{"orders.pay.v1", "OrderCancel", "a/b/c-v2", "..", "v1.v2", "Ä.ÖÜ", "x__y.V9", "pay_event", "1.2.3", "orders.paid.v1.0", "on_hold"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		better := suggested(text, nil)
		if better == "" {
			return
		}
		if again := parseType(better); !again.house || english().readName(words(again.last())).reading != fact {
			t.Errorf("%q becomes %q, which is not right itself", text, better)
		}
	})
}
