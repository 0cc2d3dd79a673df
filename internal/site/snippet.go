package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/internal/topology"
)

// Snippet is code to begin with.
type Snippet struct{ Label, Language, Code string }

// quote is a text as one word of a shell.
func quote(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:=@%+,", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func compact(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// snippets is code for an event type: that which treaty generates in use, and the
// tools of the shell.
func (u *Use) snippets(x *Example) []Snippet {
	g := u.Service.generated(u.Event.Type)
	if g == nil || x == nil || x.Structured == "" {
		return nil
	}
	name, data := g.Name, ""
	if g.Payload != nil {
		data = g.Payload.Name
	}
	doc := quote(u.Service.Source.Name)
	var out []Snippet
	add := func(label, language, format string, args ...any) {
		out = append(out, Snippet{label, language, fmt.Sprintf(format, args...)})
	}
	if data != "" {
		add("Go", "go", `// treaty generate go %s -o internal/events
producer, err := events.NewProducer(broker)
_, err = producer.Publish%s(ctx, %q, events.%s{ /* … */ })

consumer, err := events.NewConsumer(broker, "my-service", events.Handlers{
	%s: func(ctx context.Context, d *treaty.Delivered, data events.%s) error {
		return nil // acknowledged
	},
})
err = consumer.Run(ctx)
`, doc, name, x.Subject, data, name, data)
	}
	add("TypeScript", "typescript", `// treaty generate typescript %s -o src/events
import { parse%s, create%s, serialize%s } from "./events/index.js";

const event = parse%s(text); // throws where it does not hold to the contract
console.log(event.id, event.data);
`, doc, name, name, name, name)
	add("Java", "java", `// treaty generate java %s -o src/main/java
switch (Events.parse(text)) { // throws where it does not hold to the contract
    case %s event -> handle(event.id(), event.data());
    default -> { } // a type that is not ours
}
`, doc, name)
	add("Python", "python", `# treaty generate python %s -o events
from events import %s, parse_event

event = parse_event(text)  # raises where it does not hold to the contract
if isinstance(event, %s):
    print(event.id, event.data)
`, doc, name, name)
	body := compact(x.Structured)
	add("curl", "sh", "curl http://127.0.0.1:8080/events \\\n  -H 'content-type: application/cloudevents+json' \\\n  --data-raw %s\n", quote(body))
	ch := u.Message.Channel
	protocol, host := "", ""
	if len(ch.Servers) > 0 {
		protocol, host = ch.Servers[0].Protocol, ch.Servers[0].Host
	} else if p := ch.Protocols(); len(p) > 0 {
		protocol = p[0]
	}
	at := ch.Address
	if set, err := topology.Channel(ch, nil); err == nil {
		at = set.Address
	}
	switch protocol {
	case "nats":
		add("nats", "sh", "nats sub %s\n\nnats pub -H 'content-type:application/cloudevents+json' %s %s\n", quote(at), quote(at), quote(body))
	case "mqtt", "mqtt5", "mqtts", "secure-mqtt":
		add("mosquitto", "sh", "mosquitto_sub -V 5 -t %s\n\nmosquitto_pub -V 5 -t %s -D publish content-type application/cloudevents+json -m %s\n", quote(at), quote(at), quote(body))
	case "amqp", "amqps":
		add("amqp-tools", "sh", "amqp-publish -e %s -C application/cloudevents+json -b %s\n", quote(at), quote(body))
	default:
		host = firstOf(host, "127.0.0.1:9092")
		key := ""
		if x.Subject != "" {
			key = " -k " + quote(x.Subject)
		}
		add("kcat", "sh", "kcat -C -b %s -t %s -f '%%k %%s\\n'\n\nprintf %%s %s |\n  kcat -P -b %s -t %s%s -H content-type=application/cloudevents+json\n", quote(host), quote(at), quote(body), quote(host), quote(at), key)
	}
	add("treaty", "sh", "treaty tail --broker URL %s --type %s\n\ntreaty publish --broker URL %s --type %s --sample 1\n", doc, quote(u.Event.Type), doc, quote(u.Event.Type))
	return out
}
