package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"skein/gitstore"
	"skein/tools"
	"skein/tools/web"
)

// duoPort is where duo's broker listened.
const duoPort = "3210"

// httpAddress completes an address: this machine, and the port that duo's users
// have set.
func httpAddress(given string) (string, error) {
	host, port, err := net.SplitHostPort(given)
	if bare := strings.Trim(given, "[]"); err != nil && (bare == "localhost" || net.ParseIP(bare) != nil) {
		host, err = bare, nil
	}
	if err != nil {
		return "", usageError{fmt.Errorf("--http: %q is no address; write 127.0.0.1:%s", given, duoPort)}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = brokerPort()
	}
	return net.JoinHostPort(host, port), nil
}

// brokerPort is the port of duo's variables, or its default.
func brokerPort() string {
	if port := os.Getenv("BROKER_PORT"); port != "" {
		return port
	}
	if u, err := url.Parse(os.Getenv("BROKER_URL")); err == nil && u.Port() != "" {
		return u.Port()
	}
	return duoPort
}

// serveHTTP serves the store over HTTP until ctx ends. Each MCP client gets a
// server with the options; ending runs before the store is closed.
func (a *app) serveHTTP(ctx context.Context, given string, o tools.Options, open func() (*gitstore.Store, error), ending func()) error {
	address, err := httpAddress(given)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	a.note("listening on http://%s; the token is in %s", l.Addr(), web.TokenFile(a.cfg.Store))
	if host, _, err := net.SplitHostPort(l.Addr().String()); err != nil || !net.ParseIP(host).IsLoopback() {
		a.note("other machines can reach this address: whoever has the token can read and write the store, and the connection is not encrypted")
	}
	o.Shared, o.Folder, o.Session = true, "", "" // this process is in no client's folder
	client := func(agent string, open func() (*gitstore.Store, error)) *tools.Server {
		o := o
		if agent != "" {
			o.Agent = agent
		}
		return tools.New(open, o)
	}
	return web.New(web.Options{Open: open, MCP: client, ReadOnly: o.ReadOnly, Logger: o.Logger, Ending: ending}).Serve(ctx, l)
}
