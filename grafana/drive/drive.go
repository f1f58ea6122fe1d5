// Package drive runs the plugin's binary as the Grafana server does, for tests and
// benchmarks: over hashicorp/go-plugin's gRPC, with the SDK's clients.
package drive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// Build builds the plugin as it is shipped, in dir.
func Build(dir string) (bin string, err error) {
	bin = filepath.Join(dir, "gpx_weir_flows")
	build := exec.Command("go", "build", "-trimpath", "-tags", "arrow_json_stdlib", "-o", bin, "github.com/weirflow/weir/grafana/pkg")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	return bin, nil
}

// A Plugin is a running one: its services, as they are, and what asks them in the SDK's
// words. Any number of goroutines may use it at once.
type Plugin struct {
	Data        grpcplugin.DataClient
	Diagnostics grpcplugin.DiagnosticsClient
	Resource    grpcplugin.ResourceClient
	Stream      grpcplugin.StreamClient

	client  *goplugin.Client
	process *os.Process
}

// Start runs the binary. env is beside what the caller's environment has, as
// GF_PLUGIN_LISTEN=….
func Start(bin string, env ...string) (*Plugin, error) {
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), env...)
	return StartCommand(cmd, hclog.NewNullLogger())
}

// StartCommand runs cmd, in whose environment is what cmd says. log gets what the plugin
// writes.
func StartCommand(cmd *exec.Cmd, log hclog.Logger) (_ *Plugin, err error) {
	c := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource": &grpcplugin.ResourceGRPCPlugin{}, "stream": &grpcplugin.StreamGRPCPlugin{},
		}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Cmd:              cmd,
		SkipHostEnv:      true, // cmd has it
		Logger:           log,
	})
	defer func() {
		if err != nil {
			c.Kill()
		}
	}()
	rpc, err := c.Client()
	if err != nil {
		return nil, err
	}
	if v := c.NegotiatedVersion(); v != grpcplugin.ProtocolVersion {
		return nil, fmt.Errorf("the plugin speaks protocol %d", v)
	}
	p := &Plugin{client: c, process: cmd.Process}
	for name, set := range map[string]func(any) bool{
		"data":        func(x any) (ok bool) { p.Data, ok = x.(grpcplugin.DataClient); return ok },
		"diagnostics": func(x any) (ok bool) { p.Diagnostics, ok = x.(grpcplugin.DiagnosticsClient); return ok },
		"resource":    func(x any) (ok bool) { p.Resource, ok = x.(grpcplugin.ResourceClient); return ok },
		"stream":      func(x any) (ok bool) { p.Stream, ok = x.(grpcplugin.StreamClient); return ok },
	} {
		x, err := rpc.Dispense(name)
		if err != nil {
			return nil, err
		}
		if !set(x) {
			return nil, fmt.Errorf("the plugin has no %s", name)
		}
	}
	return p, nil
}

// Kill ends the process.
func (p *Plugin) Kill() { p.client.Kill() }

// PID is the process's.
func (p *Plugin) PID() int { return p.process.Pid }

// QueryData asks a panel's questions.
func (p *Plugin) QueryData(ctx context.Context, r *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	x, err := p.Data.QueryData(ctx, backend.ToProto().QueryDataRequest(r))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().QueryDataResponse(x)
}

// CheckHealth is what "Save & test" asks.
func (p *Plugin) CheckHealth(ctx context.Context, r *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	x, err := p.Diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: backend.ToProto().PluginContext(r.PluginContext)})
	if err != nil {
		return nil, err
	}
	return backend.FromProto().CheckHealthResponse(x), nil
}

// Metrics are the plugin's own, in Prometheus's form.
func (p *Plugin) Metrics(ctx context.Context) (string, error) {
	x, err := p.Diagnostics.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{})
	if err != nil {
		return "", err
	}
	return string(x.GetMetrics().GetPrometheus()), nil
}

// Call asks for a resource.
func (p *Plugin) Call(ctx context.Context, r *backend.CallResourceRequest) (status int, body []byte, err error) {
	s, err := p.Resource.CallResource(ctx, backend.ToProto().CallResourceRequest(r))
	if err != nil {
		return 0, nil, err
	}
	for {
		x, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return status, body, nil
		}
		if err != nil {
			return status, body, err
		}
		if x.Code != 0 {
			status = int(x.Code)
		}
		body = append(body, x.Body...)
	}
}

// Subscribe asks whether somebody may watch a channel.
func (p *Plugin) Subscribe(ctx context.Context, r *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	x, err := p.Stream.SubscribeStream(ctx, backend.ToProto().SubscribeStreamRequest(r))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().SubscribeStreamResponse(x), nil
}

// Publish asks whether somebody may write to a channel.
func (p *Plugin) Publish(ctx context.Context, r *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	x, err := p.Stream.PublishStream(ctx, backend.ToProto().PublishStreamRequest(r))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().PublishStreamResponse(x), nil
}

// Run begins a stream, which ends with ctx.
func (p *Plugin) Run(ctx context.Context, r *backend.RunStreamRequest) (*Stream, error) {
	x, err := p.Stream.RunStream(ctx, backend.ToProto().RunStreamRequest(r))
	if err != nil {
		return nil, err
	}
	return &Stream{recv: x.Recv}, nil
}

// A Stream has what the plugin sends to a channel. One goroutine uses it.
type Stream struct {
	Frames
	recv func() (*pluginv2.StreamPacket, error)
}

// Next waits for the next frame.
func (s *Stream) Next() (*data.Frame, error) {
	x, err := s.recv()
	if err != nil {
		return nil, err
	}
	return s.Read(x.Data)
}

// Frames makes frames of a channel's packets as a panel does: one without a schema
// has the last one's. The zero Frames has had none.
type Frames struct{ schema json.RawMessage }

// Read reads a packet.
func (x *Frames) Read(packet json.RawMessage) (*data.Frame, error) {
	var m struct{ Schema, Data json.RawMessage }
	if err := json.Unmarshal(packet, &m); err != nil {
		return nil, err
	}
	if m.Schema != nil {
		x.schema = m.Schema
	}
	f := &data.Frame{}
	return f, json.Unmarshal(fmt.Appendf(nil, `{"schema":%s,"data":%s}`, x.schema, m.Data), f)
}
