// Command treaty reviews event contracts. See the README for what it does.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/treaty-events/treaty/internal/cli"
)

// collectAbove is the memory from which the garbage collector works. A review
// is over in milliseconds, so collecting earlier only costs time.
const collectAbove = 160 << 20

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(collectAbove)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, cli.FromOS())
	stop()
	os.Exit(code)
}
