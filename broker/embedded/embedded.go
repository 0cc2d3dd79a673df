// Package embedded is a broker inside the process: a NATS server with JetStream
// that keeps everything under one folder. It is the default, and needs nothing
// to be installed.
//
//	embedded:///var/lib/orders   this folder
//	embedded:./events            a folder beside the working directory
//	embedded:                    a folder of its own, gone when the broker is closed
//
// Parameters:
//
//	listen=127.0.0.1:4222  serve nats:// there too, so that other processes of this machine can join
//	sync=always            acknowledge what the disk has (survives a loss of power); otherwise what
//	                       the operating system has (survives the end of the process)
//
// One process at a time uses a folder. Channels are made when they are first
// used. Settings of channels are those of package nats.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/nats"
)

// Adapter opens embedded:.
var Adapter = broker.Adapter{Name: "embedded", Schemes: []string{"embedded"}, Params: []string{"listen", "sync"}, Open: open}

// MaxBytes is the greatest message that is taken.
const MaxBytes = 8 << 20

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	fail := func(kind, err error, advice string) (broker.Broker, error) {
		return nil, t.Fail("open", "", kind, err, advice)
	}
	if len(t.Hosts) > 0 {
		return fail(broker.ErrUsage, fmt.Errorf("%q stands where a host does", t.Hosts[0]), "a folder is written embedded:///folder or embedded:./folder")
	}
	if s := t.Params.Get("sync"); t.Params.Has("sync") && s != "always" {
		return fail(broker.ErrUsage, fmt.Errorf("sync=%s is none", s), "write sync=always, or leave it out")
	}
	folder, temporary := t.Path, false
	if folder == "" || folder == "/" {
		var err error
		if folder, err = os.MkdirTemp("", "treaty-broker-"); err != nil {
			return fail(nil, err, "")
		}
		temporary = true
	}
	clean := func() error {
		if temporary {
			return os.RemoveAll(folder)
		}
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fail(nil, err, "")
	}
	lock := flock.New(filepath.Join(folder, "lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return fail(broker.ErrDenied, errors.Join(fmt.Errorf("another process uses %s", folder), err), "let that one listen (embedded:FOLDER?listen=127.0.0.1:4222) and use nats://127.0.0.1:4222 here")
	}
	opts := &server.Options{
		ServerName: "treaty", DontListen: true, JetStream: true, StoreDir: folder, NoSigs: true, NoLog: true, NoSystemAccount: true,
		MaxPayload: MaxBytes, SyncAlways: t.Params.Get("sync") == "always", DisableJetStreamBanner: true,
	}
	if listen := t.Params.Get("listen"); listen != "" {
		host, port, err := net.SplitHostPort(listen)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || host == "" {
			_ = errors.Join(lock.Unlock(), clean())
			return fail(broker.ErrUsage, fmt.Errorf("listen=%s is no address", listen), "write listen=127.0.0.1:4222")
		}
		opts.DontListen, opts.Host, opts.Port = false, host, int(n)
		if n == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	s, err := server.NewServer(opts)
	if err != nil {
		_ = errors.Join(lock.Unlock(), clean())
		return fail(nil, err, "")
	}
	s.Start()
	stop := func() error {
		s.Shutdown()
		s.WaitForShutdown()
		return errors.Join(lock.Unlock(), clean())
	}
	wait := broker.DefaultTimeout
	if until, ok := ctx.Deadline(); ok {
		wait = time.Until(until)
	}
	if !s.ReadyForConnections(wait) || !s.JetStreamEnabled() {
		err := fmt.Errorf("it did not start within %s", wait)
		if !s.JetStreamEnabled() {
			err = fmt.Errorf("it cannot keep events in %s, or listen where it should", folder)
		}
		_ = stop()
		return fail(nil, err, "look at the rights of the folder, the room on the disk, and the port")
	}
	b, err := nats.Connect(ctx, t, "", natsgo.InProcessServer(s))
	if err != nil {
		_ = stop()
		return nil, err
	}
	b.AutoDeclare, b.OnClose = true, stop
	e := &Broker{Broker: b, folder: folder}
	if !opts.DontListen {
		e.url = s.ClientURL()
	}
	return e, nil
}

// Broker is an embedded broker.
type Broker struct {
	*nats.Broker
	folder, url string
}

// Folder is where the events are.
func (b *Broker) Folder() string { return b.folder }

// URL is where other processes join, "" where it does not listen.
func (b *Broker) URL() string { return b.url }
