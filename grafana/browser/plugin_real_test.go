//go:build real

package browser

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// A plugin is the backend's binary, driven over gRPC.
type plugin struct {
	data        grpcplugin.DataClient
	diagnostics grpcplugin.DiagnosticsClient
	resource    grpcplugin.ResourceClient
	stream      grpcplugin.StreamClient
}

// startPlugin starts the binary as Grafana does: nothing of our environment reaches
// it but what Grafana passes on.
func startPlugin(t *testing.T, binary string) *plugin {
	t.Helper()
	var log screen
	cmd := exec.Command(binary)
	cmd.Env = []string{"GF_VERSION=13.1.1", "GF_EDITION=oss", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
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
		SkipHostEnv:      true,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: &log}),
	})
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the plugin's log:\n%s", log.String())
		}
	})
	rpc, err := c.Client()
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	dispense := func(name string) any {
		raw, err := rpc.Dispense(name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	return &plugin{
		data:        dispense("data").(grpcplugin.DataClient),
		diagnostics: dispense("diagnostics").(grpcplugin.DiagnosticsClient),
		resource:    dispense("resource").(grpcplugin.ResourceClient),
		stream:      dispense("stream").(grpcplugin.StreamClient),
	}
}

// A screen keeps what a process writes.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
