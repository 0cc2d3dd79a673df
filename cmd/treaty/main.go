// Command treaty reviews event contracts. See the README for what it does.
package main

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/treaty-events/treaty/internal/cli"
)

// collectAbove is the memory at which the garbage collector begins to work. Most
// commands are over in milliseconds and never get there, so collecting earlier
// only costs time.
const collectAbove = 160 << 20

// collectLate turns the garbage collector off until collectAbove is reached,
// and has it work as usual from there: a limit alone would have it run without
// end once what is really needed comes near to it. Go's own settings win.
func collectLate() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(collectAbove)
	first := &struct{ next *int }{} // collected by the first collection
	runtime.AddCleanup(first, func(int) {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
	}, 0)
}

func main() {
	collectLate()
	os.Exit(cli.Run(context.Background(), cli.FromOS()))
}
