package schema

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Values as a person would write them, by the name that they stand under. All
// of it is made up: addresses are of the domains and networks kept for examples
// (RFC 2606, RFC 5737, RFC 3849).

var (
	givenNames   = [...]string{"Ana", "Bruno", "Chiara", "Dmitri", "Elif", "Femi", "Grace", "Hiro", "Ines", "Jonas", "Kavya", "Lena", "Mateo", "Noor", "Olga", "Priya"}
	familyNames  = [...]string{"Almeida", "Becker", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jensen", "Kowalski", "Lima", "Moreau", "Novak", "Okafor", "Rossi"}
	cities       = [...]string{"Lisbon", "Berlin", "Turin", "Kyiv", "Izmir", "Lagos", "Leeds", "Osaka", "Porto", "Tampere", "Pune", "Graz"}
	streets      = [...]string{"Mill Lane 4", "Harbour Street 17", "Station Road 8", "Church Square 2", "Garden Row 31", "Old Bridge 5"}
	countries    = [...]string{"PT", "DE", "IT", "UA", "TR", "NG", "GB", "JP", "FI", "IN", "AT"}
	languages    = [...]string{"pt", "de", "it", "uk", "tr", "en", "ja", "fi", "hi"}
	currencies   = [...]string{"EUR", "USD", "GBP", "JPY", "CHF", "SEK"}
	companies    = [...]string{"Northwind Supplies", "Harbour Books", "Green Valley Foods", "Blue Kite Logistics", "Old Town Coffee", "Cedar Tools"}
	things       = [...]string{"desk lamp", "coffee beans", "garden chair", "notebook", "water bottle", "wool scarf", "bicycle bell", "tea pot"}
	statuses     = [...]string{"active", "pending", "closed", "shipped", "paid"}
	colours      = [...]string{"green", "blue", "grey", "orange", "white"}
	words        = [...]string{"amber", "birch", "copper", "dune", "ember", "fjord", "grove", "harbour", "iris", "juniper", "lagoon", "meadow", "north", "olive", "pebble", "river"}
	sentences    = [...]string{"Left at the front desk.", "Please call before delivery.", "Second attempt after a timeout.", "Asked for a smaller box.", "Nothing else to report."}
	naturalZones = [...]string{"Europe/Lisbon", "Europe/Berlin", "Asia/Tokyo", "Africa/Lagos", "UTC"}
)

func pick(rng *rand.Rand, list []string) string { return list[rng.IntN(len(list))] }

// nameWords splits customer_id, customerId and customer-id into words.
func nameWords(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			if lower {
				b.WriteByte(' ')
			}
			b.WriteRune(r - 'A' + 'a')
			lower = false
		case r == '_' || r == '-' || r == '.' || r == '/' || r == ':':
			b.WriteByte(' ')
			lower = false
		default:
			b.WriteRune(r)
			lower = true
		}
	}
	return strings.Fields(b.String())
}

// naturalText is a text that suits a name.
func naturalText(name string, rng *rand.Rand) string {
	parts := nameWords(name)
	has := func(any ...string) bool {
		for _, w := range parts {
			for _, a := range any {
				if w == a {
					return true
				}
			}
		}
		return false
	}
	last := ""
	if len(parts) > 0 {
		last = parts[len(parts)-1]
	}
	switch {
	case last == "id" || last == "key" || last == "ref" || last == "number" || last == "code" && has("order", "tracking"):
		stem := "id"
		if len(parts) > 1 {
			stem = parts[len(parts)-2]
			if len(stem) > 3 {
				stem = stem[:3]
			}
		}
		return stem + "_" + strconv.Itoa(1000+rng.IntN(9000))
	case has("uuid", "guid"):
		return naturalFormat("uuid", name, rng)
	case has("email", "mail"):
		return naturalFormat("email", name, rng)
	case has("url", "uri", "link", "href", "website", "homepage"):
		return naturalFormat("uri", name, rng)
	case has("host", "hostname", "domain"):
		return naturalFormat("hostname", name, rng)
	case has("ip"):
		return naturalFormat("ipv4", name, rng)
	case last == "at" || has("timestamp", "datetime", "time"):
		return naturalFormat("date-time", name, rng)
	case has("date", "day", "birthday"):
		return naturalFormat("date", name, rng)
	case has("first", "given") || last == "firstname":
		return pick(rng, givenNames[:])
	case has("last", "family", "surname") || last == "lastname":
		return pick(rng, familyNames[:])
	case has("company", "organisation", "organization", "vendor", "merchant", "seller", "brand"):
		return pick(rng, companies[:])
	case has("name", "user", "username", "customer", "author", "owner", "contact", "recipient"):
		return pick(rng, givenNames[:]) + " " + pick(rng, familyNames[:])
	case has("city", "town"):
		return pick(rng, cities[:])
	case has("street", "address", "line1"):
		return pick(rng, streets[:])
	case has("country", "region"):
		return pick(rng, countries[:])
	case has("currency"):
		return pick(rng, currencies[:])
	case has("language", "lang", "locale"):
		return pick(rng, languages[:])
	case has("timezone", "zone", "tz"):
		return pick(rng, naturalZones[:])
	case has("phone", "mobile", "tel"):
		return fmt.Sprintf("+44 20 7946 0%03d", rng.IntN(1000))
	case has("zip", "postcode", "postal"):
		return fmt.Sprintf("%05d", 10000+rng.IntN(89999))
	case has("version"):
		return fmt.Sprintf("%d.%d.%d", 1+rng.IntN(4), rng.IntN(10), rng.IntN(10))
	case has("status", "state"):
		return pick(rng, statuses[:])
	case has("color", "colour"):
		return pick(rng, colours[:])
	case has("product", "item", "title", "subject", "label"):
		return pick(rng, things[:])
	case has("description", "comment", "note", "message", "reason", "text", "summary", "body"):
		return pick(rng, sentences[:])
	case has("path", "file", "filename"):
		return "/" + pick(rng, words[:]) + "/" + pick(rng, words[:]) + ".txt"
	case has("hash", "digest", "checksum", "sha"):
		return fmt.Sprintf("%016x", rng.Uint64())
	case has("sku"):
		return fmt.Sprintf("SKU-%04d", rng.IntN(10000))
	}
	return pick(rng, words[:])
}

// naturalFormat is a text of a format.
func naturalFormat(format, name string, rng *rand.Rand) string {
	date := func() string {
		return fmt.Sprintf("%d-%02d-%02d", 2024+rng.IntN(3), 1+rng.IntN(12), 1+rng.IntN(28))
	}
	clock := func() string { return fmt.Sprintf("%02d:%02d:%02dZ", rng.IntN(24), rng.IntN(60), rng.IntN(60)) }
	switch format {
	case "date-time":
		return date() + "T" + clock()
	case "date":
		return date()
	case "time":
		return clock()
	case "duration":
		return pick(rng, []string{"P1D", "PT30M", "P7D", "PT1H", "P1M", "PT15S"})
	case "email", "idn-email":
		return strings.ToLower(pick(rng, givenNames[:])+"."+pick(rng, familyNames[:])) + "@example." + pick(rng, []string{"com", "org", "net"})
	case "hostname", "idn-hostname", "hostname of draft-06":
		return pick(rng, words[:]) + ".example.com"
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", 1+rng.IntN(254))
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", 1+rng.IntN(65534))
	case "uri", "iri":
		return "https://" + pick(rng, words[:]) + ".example.com/" + pick(rng, words[:])
	case "uri-reference", "iri-reference":
		return "/" + pick(rng, words[:]) + "/" + strconv.Itoa(1+rng.IntN(900))
	case "uri-template":
		return "/" + pick(rng, words[:]) + "/{id}"
	case "uuid":
		return fmt.Sprintf("%08x-%04x-4%03x-%x%03x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), 8+rng.IntN(4), rng.IntN(1<<12), rng.Int64N(1<<48))
	case "json-pointer":
		return "/" + pick(rng, words[:]) + "/" + strconv.Itoa(rng.IntN(9))
	case "relative-json-pointer":
		return strconv.Itoa(rng.IntN(3)) + "/" + pick(rng, words[:])
	case "regex":
		return "^[a-z]+$"
	}
	return naturalText(name, rng)
}

// naturalNumber is a number that suits a name, as JSON writes it.
func naturalNumber(name string, whole bool, rng *rand.Rand) string {
	has := map[string]bool{}
	for _, w := range nameWords(name) {
		has[w] = true
	}
	n := func(low, high int) string { return strconv.Itoa(low + rng.IntN(high-low+1)) }
	fraction := func(low, high int) string {
		if whole {
			return n(low, high)
		}
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", low+rng.IntN(high-low+1), rng.IntN(100)), "0"), ".")
	}
	switch {
	case has["year"]:
		return n(1990, 2027)
	case has["month"]:
		return n(1, 12)
	case has["day"]:
		return n(1, 28)
	case has["hour"], has["hours"]:
		return n(0, 23)
	case has["minute"], has["minutes"], has["second"], has["seconds"]:
		return n(0, 59)
	case has["port"]:
		return pick(rng, []string{"443", "5432", "8080", "9092"})
	case has["age"]:
		return n(18, 80)
	case has["quantity"], has["count"], has["qty"], has["attempt"], has["attempts"], has["retries"]:
		return n(1, 12)
	case has["minor"], has["cents"]:
		return n(100, 25000)
	case has["price"], has["amount"], has["total"], has["cost"], has["fee"], has["tax"], has["balance"]:
		return fraction(1, 250)
	case has["percent"], has["percentage"]:
		return n(0, 100)
	case has["rate"], has["ratio"], has["score"], has["probability"]:
		return fraction(0, 0)
	case has["latitude"], has["lat"]:
		return fraction(36, 60)
	case has["longitude"], has["lon"], has["lng"]:
		return fraction(0, 40)
	case has["timestamp"], has["time"], has["at"], has["epoch"]:
		return n(1_760_000_000, 1_795_000_000)
	case has["id"]:
		return n(1000, 99999)
	case has["size"], has["bytes"], has["length"]:
		return n(128, 65536)
	}
	return fraction(0, 100)
}
