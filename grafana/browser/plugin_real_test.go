//go:build real

package browser

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/weirflow/weir/grafana/drive"
)

// startPlugin starts the backend's binary as Grafana does: nothing of our environment
// reaches it but what Grafana passes on.
func startPlugin(t *testing.T, binary string) *drive.Plugin {
	t.Helper()
	var log screen
	cmd := exec.Command(binary)
	cmd.Env = []string{"GF_VERSION=13.1.1", "GF_EDITION=oss", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	p, err := drive.StartCommand(cmd, hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: &log}))
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the plugin's log:\n%s", log.String())
		}
	})
	return p
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
