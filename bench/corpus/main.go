// Command corpus writes the large document that checking is measured on:
// channels with four messages each, every message with headers, a payload of three
// properties and an example. The text depends on the counts alone.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
)

func main() {
	channels := flag.Int("channels", 500, "number of channels")
	perChannel := flag.Int("messages", 4, "messages of each channel")
	edits := flag.Int("edits", 0, "number of payloads that are changed, each in one of four ways")
	flag.Parse()
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	write(w, *channels, *perChannel, *edits)
}

var facts = []string{"created", "paid", "shipped", "cancelled", "refunded", "archived", "restored", "renamed"}

func write(w *bufio.Writer, channels, perChannel, edits int) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("asyncapi: 3.0.0")
	p("info:")
	p("  title: A large estate")
	p("  version: 1.0.0")
	p("  description: Every event of a company, in one document.")
	p("  contact: {name: Platform, email: platform@example.com}")
	p("x-compatibility: {readers: tolerant}")
	p("servers:")
	p("  prod:")
	p("    host: kafka.prod.example.com:9092")
	p("    protocol: kafka")
	p("channels:")
	for c := range channels {
		p("  domain%d.events:", c)
		p("    address: domain%d.events", c)
		p("    description: What happens in domain %d.", c)
		p("    messages:")
		for m := range perChannel {
			p("      D%dM%d:", c, m)
			p("        $ref: '#/components/messages/D%dM%d'", c, m)
		}
		p("    x-delivery:")
		p("      guarantee: at-least-once")
		p("      ordering: {scope: key, key: subject}")
		p("      dedupe: {by: [source, id], window: P7D, where: consumer}")
		p("      retention: {policy: delete, time: P7D}")
	}
	p("operations:")
	for c := range channels {
		p("  publishDomain%d:", c)
		p("    action: send")
		p("    summary: Tell what happened in domain %d.", c)
		p("    channel:")
		p("      $ref: '#/channels/domain%d.events'", c)
		p("    messages:")
		for m := range perChannel {
			p("      - $ref: '#/channels/domain%d.events/messages/D%dM%d'", c, c, m)
		}
	}
	p("components:")
	p("  messages:")
	for c := range channels {
		for m := range perChannel {
			p("    D%dM%d:", c, m)
			p("      summary: A fact about an entity.")
			p("      contentType: application/cloudevents+json")
			p("      headers:")
			p("        type: object")
			p("        required: [type, subject]")
			p("        properties:")
			p("          type: {type: string, const: domain%d.%s.v1}", c, facts[m%len(facts)])
			p("          subject: {type: string, minLength: 1}")
			p("      payload:")
			p("        $ref: '#/components/schemas/D%dM%dPayload'", c, m)
			p("      examples:")
			p("        - name: usual")
			p("          payload: {entity_id: ent_%d, total_minor: 4599, currency: USD}", m)
		}
	}
	p("  schemas:")
	for c := range channels {
		for m := range perChannel {
			p("    D%dM%dPayload:", c, m)
			p("      type: object")
			p("      required: [entity_id, total_minor, currency]")
			p("      properties:")
			p("        entity_id: {type: string, minLength: 1}")
			least, currency := 0, "^[A-Z]{3}$"
			if every := channels * perChannel / max(edits, 1); edits > 0 && (c*perChannel+m)%every == 0 {
				switch (c*perChannel + m) / every % 4 {
				case 0:
					currency = "^[A-Z]{3,4}$"
				case 1:
					currency = "^(EUR|USD)$"
				case 2:
					least = 1
				case 3:
					p("        note: {type: string, maxLength: 200}")
				}
			}
			p("        total_minor: {type: integer, minimum: %d}", least)
			p("        currency: {type: string, pattern: '%s'}", currency)
		}
	}
}
