package treaty

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
)

// StateVariable names the folder of the files in which consumers remember what
// they have handled.
const StateVariable = "TREATY_STATE"

// openStore opens the file of the group, see NewConsumer, and has it closed at
// the end. What the channels of the contract want remembered longest counts.
func (c *Consumer) openStore() error {
	folder, err := c.stateFolder()
	if err != nil {
		return fmt.Errorf("running %s: finding where to remember what was handled: %w; set %s, or give a store with the option Store", c.group, err, StateVariable)
	}
	window := store.DefaultWindow
	for _, in := range c.inlets {
		window = max(window, in.window())
	}
	file := filepath.Join(folder, url.PathEscape(c.group)+".dedupe")
	st, err := bolt.Open(file, bolt.Window(window))
	if err != nil {
		return fmt.Errorf("running %s: opening where to remember what was handled: %w; processes of a group that are several need a store that they share, see the option Store", c.group, err)
	}
	c.store, c.close = st, st.Close
	return nil
}

// window is how long the contract has consumers of a channel remember its events, 0
// where it does not say.
func (in *inlet) window() time.Duration {
	if d := in.Delivery; d != nil && d.Dedupe != nil && d.Dedupe.Where != "broker" {
		return d.Dedupe.Window
	}
	return 0
}

// remembersLongEnough is an error where a store, or an inbox, says that it forgets
// earlier than the contract has it: a duplicate would have its effect again.
func (c *Consumer) remembersLongEnough() error {
	remembers, ok := c.store.(store.Windower)
	if c.inbox != nil {
		remembers, ok = c.inbox.(store.Windower)
	}
	for _, in := range c.inlets {
		if ok && in.window() > remembers.Window() {
			return usage("running %s: the contract has events of %s remembered for %s, and the store forgets them after %s; open it with a longer Window", c.group, in.Name, in.window(), remembers.Window())
		}
	}
	return nil
}

func (c *Consumer) stateFolder() (string, error) {
	if folder := os.Getenv(StateVariable); folder != "" {
		return folder, nil
	}
	if b, ok := c.broker.(interface{ Folder() string }); ok {
		return b.Folder(), nil
	}
	if folder := os.Getenv("XDG_STATE_HOME"); folder != "" {
		return filepath.Join(folder, "treaty"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "treaty"), nil
}
