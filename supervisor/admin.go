package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

const (
	adminHeaderTime = 5 * time.Second
	adminTime       = 30 * time.Second // for a whole answer
	adminIdleTime   = 2 * time.Minute
	adminHeaderMost = 16 << 10
	adminCloseTime  = time.Second
)

// admin is the operators' HTTP server.
type admin struct {
	address string // with the port that the kernel chose
	server  *http.Server
	mux     *http.ServeMux // takes more paths while it serves
}

// CheckAdmin says what is wrong with the form of an admin address.
func CheckAdmin(address string) error {
	if address == AdminOff {
		return nil
	}
	if _, _, err := splitListen(address); err != nil {
		return fmt.Errorf("%w, or %s", err, AdminOff)
	}
	return nil
}

// openAdmin begins to serve metrics at address; the API joins them once the
// house can do what it asks for.
func openAdmin(ctx context.Context, address string, metrics http.Handler, log *slog.Logger) (*admin, error) {
	listener, err := listenAdmin(ctx, address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("/metrics", refuse(http.StatusMethodNotAllowed, schema.Malformed, "/metrics is read with GET"))
	mux.HandleFunc("/", refuse(http.StatusNotFound, schema.NotFound, "there are / (the console), /metrics and /api/ here"))
	a := &admin{address: listener.Addr().String(), mux: mux, server: &http.Server{
		Handler:           ownHosts(host, mux),
		ReadHeaderTimeout: adminHeaderTime,
		ReadTimeout:       adminTime,
		WriteTimeout:      adminTime,
		IdleTimeout:       adminIdleTime,
		MaxHeaderBytes:    adminHeaderMost,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("admin address ended", "admin", a.address, "error", err)
		}
	}()
	return a, nil
}

func listenAdmin(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("port taken: %s, the admin address, is in use by another program: give --admin another one, or --admin %s", address, AdminOff)
	case err != nil:
		return nil, fmt.Errorf("admin address %s: %w: give --admin an address of this machine, or --admin %s", address, err, AdminOff)
	}
	return listener, nil
}

// ProbeAdmin tells whether the admin address could be listened on now.
func ProbeAdmin(ctx context.Context, address string) error {
	listener, err := listenAdmin(ctx, address)
	if err != nil {
		return err
	}
	return listener.Close()
}

func (a *admin) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), adminCloseTime)
	defer cancel()
	if err := a.server.Shutdown(ctx); err != nil {
		return a.server.Close()
	}
	return nil
}

// ownHosts takes requests for an IP address, localhost or this machine alone:
// a page elsewhere can make a browser here ask for its own name.
func ownHosts(listening string, next http.Handler) http.Handler {
	machine, _ := os.Hostname()
	denied := refuse(http.StatusForbidden, schema.Denied, "the admin address answers to an IP address, localhost or the machine's name as Host")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		_, err := netip.ParseAddr(host)
		if err != nil && host != "localhost" && (host == "" || host != strings.ToLower(listening) && host != strings.ToLower(machine)) {
			denied(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOf is a Host header without port, brackets and a last dot.
func hostOf(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func refuse(status int, code schema.ErrorCode, message string) http.HandlerFunc {
	body, _ := json.Marshal(schema.Refusal{Code: code, Message: message})
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(append(body, '\n'))
	}
}
