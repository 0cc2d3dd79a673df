// Package race tells tests whether the race detector watches them: it makes them up to
// ten times as slow.
package race

// Rounds is how often something is tried that has one goroutine: a quarter of it with
// the race detector, which finds nothing there.
func Rounds(n int) int {
	if Enabled {
		return n / 4
	}
	return n
}
