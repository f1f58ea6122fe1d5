package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/plugins/internal/wire"
)

// A process is one run of a detector's program. One goroutine feeds it; kill
// may be called from any.
type process struct {
	client   *plugin.Client
	cmd      *exec.Cmd
	dir      string // of its socket
	manifest detect.Manifest
	rpc      detectpb.DetectorClient
	stream   detectpb.Detector_RunClient
	cancel   context.CancelFunc
	seq      uint64
	outputs  []*lines
}

// ErrDeadline is the fault of a detector that took too long.
var ErrDeadline = errors.New("detector missed its deadline")

// start runs the program and asks it who it is. When it fails, or ctx ends, no
// process is left.
func start(ctx context.Context, cfg *Config, log *slog.Logger) (_ *process, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "weir-detector-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, cmd: exec.Command(cfg.Path, cfg.Args...)}
	p.cmd.Env = environment(dir, cfg.Env)
	isolate(p.cmd)
	log = log.With("program", filepath.Base(cfg.Path))
	stderr, stdout := newLines(log, "stderr"), newLines(log, "stdout")
	p.outputs = []*lines{stderr, stdout}
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		Plugins:          plugin.PluginSet{wire.PluginName: dialer{}},
		Cmd:              p.cmd,
		SkipHostEnv:      true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         runtime.GOOS == "windows", // there it is a port, which others could reach
		StartTimeout:     cfg.Start,
		Stderr:           stderr, // what it writes before it serves, and a panic's trace
		SyncStderr:       stderr,
		SyncStdout:       stdout,
		Logger:           hclog.NewNullLogger(),
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.MaxCallSendMsgSize(wire.MaxMessage)),
			grpc.WithInitialWindowSize(wire.Window), grpc.WithInitialConnWindowSize(wire.Window),
			grpc.WithReadBufferSize(wire.Buffer), grpc.WithWriteBufferSize(wire.Buffer),
		},
	})
	defer func() {
		if err != nil {
			p.kill()
			err = fmt.Errorf("start detector %s: %w", filepath.Base(cfg.Path), err)
		}
	}()
	if _, err := p.client.Start(); err != nil {
		return nil, plain(err)
	}
	// From here on a process that doesn't answer is killed, which ends every
	// call to it.
	ctx, done := p.limit(ctx, cfg.Start)
	err = p.describe(ctx)
	if late := done(); late != nil {
		return nil, late
	}
	return p, err
}

// plain cuts what go-plugin adds in further lines: advice, and what it knows of
// the file.
func plain(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}

func (p *process) describe(ctx context.Context) error {
	c, err := p.client.Client()
	if err != nil {
		return err
	}
	raw, err := c.Dispense(wire.PluginName)
	if err != nil {
		return err
	}
	p.rpc = raw.(detectpb.DetectorClient)
	m, err := p.rpc.Describe(ctx, &detectpb.DescribeRequest{})
	if err != nil {
		return fmt.Errorf("ask for its manifest: %w", err)
	}
	p.manifest = detect.Manifest{Name: m.GetName(), Version: m.GetVersion(), Doc: m.GetDoc(), Fields: m.GetFields()}
	return nil
}

// open begins to feed p with the columns of o, and waits until it agrees.
func (p *process) open(o *detectpb.Open, limit time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	var err error
	if p.stream, err = p.rpc.Run(ctx); err != nil {
		return err
	}
	_, err = p.exchange(ctx, &detectpb.Input{Kind: &detectpb.Input_Open{Open: o}}, 0, limit)
	return err
}

// feed sends a batch and waits for the answer. After an error p is of no use.
func (p *process) feed(ctx context.Context, in *detectpb.Input, limit time.Duration) ([]*detectpb.Finding, error) {
	p.seq++
	in.GetBatch().Seq = p.seq
	out, err := p.exchange(ctx, in, p.seq, limit)
	return out.GetFindings(), err
}

// exchange sends in and waits for the output with the number seq.
func (p *process) exchange(ctx context.Context, in *detectpb.Input, seq uint64, limit time.Duration) (_ *detectpb.Output, err error) {
	_, done := p.limit(ctx, limit)
	defer func() {
		if late := done(); late != nil {
			err = late
		}
	}()
	if err := p.stream.Send(in); err != nil && err != io.EOF { // EOF: Recv knows why
		return nil, err
	}
	out, err := p.stream.Recv()
	switch {
	case err == io.EOF:
		return nil, errors.New("detector stopped by itself")
	case err != nil:
		return nil, err
	case out.GetSeq() != seq:
		return nil, fmt.Errorf("detector answered %d with %d", seq, out.GetSeq())
	}
	return out, nil
}

// limit kills the process when d has passed or ctx ends, unless done is called
// before; done tells whether it was too late.
func (p *process) limit(ctx context.Context, d time.Duration) (_ context.Context, done func() error) {
	limited, cancel := context.WithTimeoutCause(ctx, d, ErrDeadline)
	stop := context.AfterFunc(limited, p.signal)
	return limited, func() error {
		defer cancel()
		if stop() {
			return nil
		}
		return context.Cause(limited)
	}
}

// signal kills the process and what it has started, without waiting.
func (p *process) signal() {
	if p.cmd.Process != nil {
		killGroup(p.cmd.Process)
	}
}

// patience is how long a process may take to go, and how long its pipes may
// stay open after that: a child in a group of its own may hold them.
const patience = 3 * time.Second

// kill ends the process at once and removes what it leaves.
func (p *process) kill() {
	p.signal()
	p.stop()
}

// stop asks the process to go, kills it if it doesn't, and removes what it
// leaves.
func (p *process) stop() {
	if p.cancel != nil {
		p.cancel()
	}
	ended := make(chan struct{})
	go func() {
		p.client.Kill()
		close(ended)
	}()
	for range 2 {
		select {
		case <-ended:
		case <-time.After(patience):
			p.signal()
			continue
		}
		break
	}
	for _, o := range p.outputs {
		o.flush()
	}
	os.RemoveAll(p.dir)
}

// environment is what a detector's process sees of ours: enough to run and to
// find its temporary directory, and nothing that may be secret.
func environment(dir string, extra []string) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "TMP", "TEMP", "SystemRoot", "GOCOVERDIR", "GOTRACEBACK"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(append(env, extra...), plugin.EnvUnixSocketDir+"="+dir)
}

// A dialer is our side of the plugin.
type dialer struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer makes a dialer a plugin.GRPCPlugin; detectors have their own.
func (dialer) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("a host is no detector")
}

// GRPCClient makes a dialer a plugin.GRPCPlugin.
func (dialer) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return detectpb.NewDetectorClient(c), nil
}
