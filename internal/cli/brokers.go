package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/broker/kafka"
	"github.com/treaty-events/treaty/broker/mqtt"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/broker/pubsub"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
)

// adapters are the brokers that the commands reach.
var adapters = []broker.Adapter{embedded.Adapter, nats.Adapter, kafka.Adapter, amqp.Adapter, mqtt.Adapter, pubsub.Adapter}

// brokerFlags are the flags of the commands that talk to a broker.
type brokerFlags struct {
	broker string
	params []string
	on     string // a channel's name
}

func (f *brokerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.broker, "broker", "", "the broker's `URL`: embedded:FOLDER, nats://, kafka://, amqp://, mqtt://, pubsub://")
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "a parameter of the channel's address, as `NAME=VALUE`")
	cmd.Flags().StringVar(&f.on, "channel", "", "the channel of the contract, by its `NAME`")
}

// named says that a broker was named.
func (f *brokerFlags) named() error {
	if f.broker == "" {
		return errors.New("no broker is named; give --broker, such as --broker embedded:./events or --broker nats://127.0.0.1")
	}
	return nil
}

// kept says that a broker was named that is there after the command. One without
// a folder is for commands that are all that there is to it.
func (f *brokerFlags) kept() error {
	if err := f.named(); err != nil {
		return err
	}
	folder, ok := strings.CutPrefix(f.broker, "embedded:")
	if folder, _, _ = strings.Cut(folder, "?"); ok && strings.Trim(folder, "/") == "" {
		return fmt.Errorf("--broker %s names no folder, and its events would be gone with this command; write --broker embedded:./events", f.broker)
	}
	return nil
}

// parameters reads --param.
func (f *brokerFlags) parameters() (map[string]string, error) {
	all := map[string]string{}
	for _, text := range f.params {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--param %s has no value; write --param NAME=VALUE", text)
		}
		all[name] = value
	}
	return all, nil
}

// channelNamed finds a channel by its name or its address.
func channelNamed(c *contract.Contract, name string) (*contract.Channel, error) {
	var names []string
	for _, ch := range c.Channels {
		if ch.Name == name || ch.Address == name {
			return ch, nil
		}
		names = append(names, ch.Name)
	}
	return nil, fmt.Errorf("--channel %s: the contract has no such channel; %s", name, near(name, names))
}

func near(name string, names []string) string {
	if n, ok := diag.Nearest(name, names); ok {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(names) > 8 {
		names = append(names[:8:8], "…")
	}
	return "it has " + strings.Join(names, ", ")
}

// contractOf loads the one document that the arguments name. A contract with
// errors is used as far as it was understood; what is wrong with it is for check
// to say.
func (a *app) contractOf(ctx context.Context, args []string) (*contract.Contract, error) {
	if err := a.loadConfig(); err != nil {
		return nil, err
	}
	s, err := a.onlyDocument(args)
	if err != nil {
		return nil, err
	}
	c, found, err := a.load(ctx, s)
	if err != nil {
		return nil, err
	}
	errs := 0
	for _, d := range found {
		if d.Severity == diag.Error {
			errs++
		}
	}
	if errs > 0 && !a.quiet {
		fmt.Fprintf(a.env.Stderr, "treaty: %s has %s; treaty check says which\n", a.shownSource(s), count(errs, "error"))
	}
	if len(c.Channels) == 0 {
		return nil, fmt.Errorf("%s describes no channel, so there is nothing to send or to watch", a.shownSource(s))
	}
	return c, nil
}

// problem is what is wrong with an event, in the JSON of publish and tail.
type problem struct {
	Rule    string `json:"rule"`
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// faults holds an event against its channel; what is for information is left
// out.
func faults(e *check.EventCheck, text []byte, name string, ch *contract.Channel) []problem {
	problems := []problem{}
	for _, d := range e.Check(diag.NewFile(name, string(text)), ch) {
		if d.Severity > diag.Info {
			problems = append(problems, problem{d.Rule, d.Pointer, d.Message})
		}
	}
	return problems
}

// malformed is the rule of what is no event.
const malformed = "event-envelope"

// open opens the broker. A folder is one below the working directory.
func (a *app) open(ctx context.Context, f *brokerFlags) (broker.Broker, error) {
	url := f.broker
	if rest, ok := strings.CutPrefix(url, "embedded:"); ok && rest != "" && !strings.HasPrefix(rest, "//") {
		path, query, asked := strings.Cut(rest, "?")
		if url = "embedded:" + a.absolute(path); asked {
			url += "?" + query
		}
	}
	return broker.Open(ctx, url, adapters...)
}
