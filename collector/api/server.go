package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/template"
)

// Limits of a request.
const (
	maxBody   = 1 << 20
	maxHeader = 16 << 10
)

// A Pipeline is what is looked at.
type Pipeline interface {
	Stats() pipeline.Stats
	Ledgers() []pipeline.Ledger
	DataSources(pipeline.Key) []pipeline.DataSourceLedger
	Turn()
}

// A Listener is one of the collector's sockets.
type Listener struct {
	Address string // as udp://[::]:2055
	source.Stats
}

// Known is what the operator has said of an exporter.
type Known struct {
	Name    string
	RateSet bool // its sampling rate
}

// Deps is what a Server shows. Only Pipeline, Sessions and Tail must be there.
type Deps struct {
	Pipeline Pipeline
	Sessions func() []*template.Session // what exporters have announced
	Tail     *Tail                      // a sink of the pipeline
	Store    Store                      // nil: flows are not kept
	Stored   func() StoreStats          // nil: no metrics of it
	Findings Findings                   // nil: findings are not kept
	// Erase removes all that names an address, and says how many octets of how many
	// it has looked into; nil: there is nothing to erase.
	Erase     func(ctx context.Context, a netip.Addr, progress func(done, total int64)) (Erased, error)
	Listeners func() []Listener
	Known     func(exporter netip.Addr) Known
	Ready     func() error // why the collector is not ready
	Reload    func(ctx context.Context) error
	Token     string // file of a token, made if it is not there: DATA/token
	Version   string
	Log       *slog.Logger
	Now       func() time.Time
}

// A Server answers HTTP requests.
type Server struct {
	cfg      Config
	deps     Deps
	keys     []key
	listener net.Listener
	stopping chan struct{}
	started  time.Time

	questions chan struct{} // that are being answered

	prometheus http.Handler
	history    doctor.History

	// As New sets them, but in tests.
	readTimeout, writeTimeout time.Duration
	second                    time.Duration // of Top's intervals
	period                    time.Duration // of the doctor's history
}

// New makes a Server. Nothing is opened until Open or Run.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Pipeline == nil || deps.Sessions == nil || deps.Tail == nil {
		return nil, errors.New("API has no pipeline, no sessions or no tail to show")
	}
	if deps.Listeners == nil {
		deps.Listeners = func() []Listener { return nil }
	}
	if deps.Known == nil {
		deps.Known = func(netip.Addr) Known { return Known{} }
	}
	if deps.Ready == nil {
		deps.Ready = func() error { return nil }
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	s := &Server{
		cfg: cfg, deps: deps, stopping: make(chan struct{}), started: deps.Now(), questions: make(chan struct{}, mostQuestions),
		readTimeout: 10 * time.Second, writeTimeout: 30 * time.Second, second: time.Second, period: doctor.Period,
	}
	s.prometheus = newMetrics(s)
	return s, nil
}

// Open reads the tokens and opens the socket, so that what is wrong with them
// is known before Run.
func (s *Server) Open() error {
	keys, err := s.cfg.keys(s.deps.Token)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	s.keys = keys
	l, err := net.Listen("tcp", s.cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("api: %w: set api.listen, or stop the weir that runs already", err)
	}
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	l = netutil.LimitListener(l, s.cfg.Connections)
	if s.cfg.Cert != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.Cert, s.cfg.Key)
		if err != nil {
			l.Close()
			return fmt.Errorf("api: %w", err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	s.listener = l
	s.warn()
	return nil
}

// warn says what an operator may not have meant.
func (s *Server) warn() {
	if s.cfg.local() {
		return
	}
	if s.cfg.Cert == "" {
		s.deps.Log.Warn("api listens beyond this machine without TLS: tokens cross the network readable; set api.cert and api.key", "listen", s.cfg.Listen)
	}
	if len(s.cfg.Tokens) == 0 {
		s.deps.Log.Warn("api listens beyond this machine, and only DATA/token opens it: set api.tokens", "listen", s.cfg.Listen)
	}
}

// URL returns where the API is, once it is open.
func (s *Server) URL() string {
	scheme := "http"
	if s.cfg.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Run answers until ctx ends; requests that are going then have 5 seconds.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Open(); err != nil {
			return err
		}
	}
	h := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.readTimeout / 2,
		ReadTimeout:       s.readTimeout,
		WriteTimeout:      s.writeTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.deps.Log.Handler(), slog.LevelDebug),
	}
	turning, end := context.WithCancel(ctx)
	defer end()
	go s.turn(turning)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		close(s.stopping) // streams end
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := h.Shutdown(ending)
		if err != nil {
			err = errors.Join(err, h.Close())
		}
		stopped <- err
	})
	err := h.Serve(s.listener)
	if stop() { // not asked to end
		return fmt.Errorf("api: %w", err)
	}
	return <-stopped
}

// turn ends a period of the doctor's every now and then, until ctx ends.
func (s *Server) turn(ctx context.Context) {
	for period := time.NewTicker(s.period); ; {
		select {
		case <-ctx.Done():
			period.Stop()
			return
		case <-period.C:
			s.history.Turn(s.deps.Now().UnixNano(), s.deps.Pipeline.Ledgers(), s.kernelDropped())
			s.deps.Pipeline.Turn()
		}
	}
}
