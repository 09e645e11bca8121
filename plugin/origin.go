package plugin

import (
	"net"
	"net/url"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// origin knows which addresses are this server itself, so that requests which
// scripts send to their own server carry their chain and outside ones do not.
type origin struct {
	port atomic.Pointer[string]
}

func (o *origin) set(e *core.ServeEvent) {
	addr := ""
	switch {
	case e.Listener != nil:
		addr = e.Listener.Addr().String()
	case e.Server != nil:
		addr = e.Server.Addr
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return
	}
	o.port.Store(&port)
}

// owns reports whether raw leads to this server: its port on loopback, or the
// app URL of PocketBase's settings.
func (o *origin) owns(app core.App, raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return false
	}
	if own, err := url.Parse(app.Settings().Meta.AppURL); err == nil && own.Host == u.Host && own.Host != "" {
		return true
	}
	port := o.port.Load()
	if port == nil {
		return false
	}
	host, ip := u.Hostname(), net.ParseIP(u.Hostname())
	asked := u.Port()
	if asked == "" {
		asked = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return asked == *port && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// parentHeader is what a script's request to rawURL says of the execution that
// sends it, or "" for other servers.
func (p *Plugin) parentHeader(e *workflow.Execution, rawURL string) string {
	if !p.origin.owns(p.app, rawURL) {
		return ""
	}
	return p.trigger.ParentHeader(e.ID)
}
