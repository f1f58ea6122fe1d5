//go:build real && linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const top = "../.."

// command runs a command in the repository and returns what it prints, and its
// exit code.
func command(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = top
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if c.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err != nil {
		t.Logf("%s %v: %v\n%s", name, args, err, &stderr)
	}
	return strings.TrimSpace(string(out)), c.ProcessState.ExitCode()
}

func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, code := command(t, name, args...)
	if code != 0 {
		t.Fatalf("%s %v ends with %d\n%s", name, args, code, out)
	}
	return out
}

var installed = sync.OnceValue(func() string {
	c := exec.Command("splunk/package/tools.sh")
	c.Dir, c.Stderr = top, os.Stderr
	out, err := c.Output()
	if err != nil {
		panic("splunk/package/tools.sh: " + err.Error())
	}
	return strings.TrimSpace(string(out))
})

// makePackage runs make splunk and returns the package's path.
func makePackage(t *testing.T) string {
	t.Helper()
	lines := strings.Fields(must(t, "make", "-s", "splunk"))
	path, err := filepath.Abs(filepath.Join(top, lines[len(lines)-1]))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// inspect has AppInspect judge a package: how many checks ended how, its exit
// code, and what it failed for.
func inspect(t *testing.T, path string) (summary map[string]int, code int, failed []string) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	_, code = command(t, filepath.Join(installed(), "venv-appinspect/bin/splunk-appinspect"), "inspect", path, "--mode", "precert", "--ci",
		"--skip-trusted-libraries-update", "--excluded-tags", "aarch64_compatibility", "--data-format", "json", "--output-file", report)
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Summary map[string]int
		Reports []struct {
			Groups []struct {
				Checks []struct {
					Name, Result string
					Messages     []struct{ Message string }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Reports {
		for _, g := range x.Groups {
			for _, c := range g.Checks {
				if c.Result != "success" && c.Result != "not_applicable" {
					t.Logf("%s: %s: %v", c.Result, c.Name, c.Messages)
				}
				if c.Result == "failure" {
					failed = append(failed, c.Name)
				}
			}
		}
	}
	return r.Summary, code, failed
}

// AppInspect and slim take the package, which is the same each time.
func TestAppInspect(t *testing.T) {
	path := makePackage(t)
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(makePackage(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("made twice, the package is not the same")
	}

	dir := t.TempDir()
	must(t, "tar", "-xzf", path, "-C", dir)
	app := filepath.Join(dir, "TA-weir")
	must(t, filepath.Join(installed(), "venv-appinspect/bin/slim"), "validate", app)

	summary, code, _ := inspect(t, path)
	if code != 0 && code != 103 || summary["failure"]+summary["error"]+summary["skipped"]+summary["future_failure"] > 0 || summary["success"] < 100 {
		t.Errorf("AppInspect ends with %d: %v", code, summary)
	}
	t.Logf("AppInspect: %v", summary)

	// What is wrong, it finds.
	if err := os.Chmod(filepath.Join(app, "default", "app.conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(dir, "wrong.tgz")
	must(t, "tar", "-czf", wrong, "-C", dir, "TA-weir")
	if _, code, failed := inspect(t, wrong); code != 101 || len(failed) == 0 {
		t.Errorf("AppInspect ends with %d for an app.conf that may be run: %v", code, failed)
	}
}

// Splunk's SDK reads our scheme and our stream, and writes them the same.
func TestSDK(t *testing.T) {
	weir := filepath.Join(t.TempDir(), "weir")
	must(t, "go", "build", "-o", weir, "./splunk/cmd/weir-splunk")
	args := []string{"splunk/package/sdk_test.py", weir, "testdata/same/same.pcap"}
	documents, err := filepath.Abs("../../../shared/oracle/splunk/splunk-sdk-python/validation.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(documents); err == nil {
		args = append(args, documents)
	}
	t.Log(must(t, filepath.Join(installed(), "venv-sdk/bin/python"), args...))
}

// The data models as they are in the wheel.
func TestCIMWheel(t *testing.T) { checkCIM(t, filepath.Join(installed(), "data_models")) }
