// Command process runs a command several times and prints what it cost as a
// whole process: user and system CPU, wall time, and the largest resident set,
// each as minimum, median and maximum. With a second command after "--", the
// two take turns, so that both see the same state of a noisy machine, and the
// ratio of the medians is printed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

type cost struct{ cpu, wall, rss []float64 }

func main() {
	runs := flag.Int("runs", 15, "runs of each command")
	flag.Parse()
	commands := split(flag.Args())
	if len(commands) == 0 {
		fmt.Fprintln(os.Stderr, "usage: process [-runs N] COMMAND... [-- COMMAND...]")
		os.Exit(2)
	}
	costs := make([]cost, len(commands))
	for range *runs {
		for i, c := range commands {
			if err := costs[i].run(c); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	for i, c := range commands {
		fmt.Printf("%v\n", c)
		line("cpu ms", costs[i].cpu)
		line("wall ms", costs[i].wall)
		line("peak MB", costs[i].rss)
	}
	if len(commands) == 2 {
		fmt.Printf("ratio of the medians, first to second: cpu %.3f, peak %.3f\n",
			median(costs[0].cpu)/median(costs[1].cpu), median(costs[0].rss)/median(costs[1].rss))
	}
}

func split(args []string) [][]string {
	var out [][]string
	start := 0
	for i := 0; i <= len(args); i++ {
		if i == len(args) || args[i] == "--" {
			if i > start {
				out = append(out, args[start:i])
			}
			start = i + 1
		}
	}
	return out
}

// run measures one run. An exit code of 1 is a command that found something,
// which is no failure here.
func (c *cost) run(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 {
		return fmt.Errorf("%v: %v", command, err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	c.cpu = append(c.cpu, ms(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()))
	c.wall = append(c.wall, ms(wall))
	c.rss = append(c.rss, float64(usage.Maxrss)/1024)
	return nil
}

func line(name string, v []float64) {
	slices.Sort(v)
	fmt.Printf("  %-8s min %8.1f  median %8.1f  max %8.1f\n", name, v[0], median(v), v[len(v)-1])
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
