package remote

import (
	"net/http"
)

// http returns a client for one conversation. Proxies are those of the
// environment; go-git follows a redirect of the first request only, and sends
// no password to another host.
func (c *call) http() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         c.dial,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: dialTimeout,
		DisableKeepAlives:   true,
	}}
}
