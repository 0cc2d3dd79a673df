package kafka

import (
	"context"
	"net"
)

// SetDial makes all connections from now on.
func SetDial(f func(ctx context.Context, network, address string) (net.Conn, error)) { dial = f }
