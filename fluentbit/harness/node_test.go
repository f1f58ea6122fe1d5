//go:build real

package harness

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A node is an OpenSearch node of its own (opensearch/Node.java).
type node struct {
	url    string
	client http.Client
}

// java returns where a JDK's java is that can run OpenSearch.
func java(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("opensearch/install.sh", "--java").Output()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%v: run fluentbit/harness/opensearch/install.sh", err)
	}
	if err != nil {
		t.Skipf("%v: run fluentbit/harness/opensearch/install.sh", err)
	}
	return strings.TrimSpace(string(out))
}

// jars returns the folder of the jars that opensearch/pom.xml pins, which Maven
// brings once for each version of that file.
func jars(t *testing.T) string {
	t.Helper()
	pom, err := filepath.Abs("opensearch/pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(pom)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = "../../build"
	}
	dir := filepath.Join(cache, "weir", fmt.Sprintf("opensearch-%x", sha256.Sum256(text))[:len("opensearch-")+12])
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "fresh-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	start := time.Now()
	mvn := exec.Command("mvn", "-B", "-q", "--strict-checksums", "-f", pom,
		"org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+fresh)
	if out, err := mvn.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, fs.ErrExist) { // somebody was faster
		t.Fatal(err)
	}
	t.Logf("Maven brought the jars in %.0f s", time.Since(start).Seconds())
	return dir
}

// startNode starts a node; the function that it returns waits until it is up.
func startNode(t *testing.T) func() *node {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "config"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(java(t), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", // it lives for seconds
		"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
		"-cp", filepath.Join(jars(t), "*"), "opensearch/Node.java", home)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr output
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	t.Cleanup(func() {
		stdin.Close()
		end := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer end.Stop()
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node: %v", err)
		}
		if t.Failed() {
			t.Logf("the node: %s", stderr.bytes())
		}
	})
	at := make(chan string, 1)
	go func() {
		defer close(read)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if addr, ok := strings.CutPrefix(s.Text(), "listening on "); ok {
				at <- addr
			}
		}
	}()
	return func() *node {
		t.Helper()
		select {
		case addr := <-at:
			t.Logf("the node was up after %.0f s", time.Since(start).Seconds())
			return &node{url: "http://" + addr, client: http.Client{Timeout: time.Minute}}
		case <-read:
			t.Fatal("the node has ended")
		case <-time.After(2 * time.Minute):
			t.Fatal("the node doesn't start")
		}
		return nil
	}
}

// do sends body, and reads the answer into answer.
func (n *node) do(t *testing.T, method, path string, body []byte, answer any) {
	t.Helper()
	r, err := http.NewRequest(method, n.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson") // what Fluent Bit says; JSON is one line of it
	a, err := n.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, path, a.Status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
}

// search asks for what a query and its aggregations give.
func (n *node) search(t *testing.T, index, body string, answer any) {
	t.Helper()
	n.do(t, "POST", "/"+index+"/_search", []byte(body), answer)
}

// count returns how many documents a query finds.
func (n *node) count(t *testing.T, index, query string) (count int) {
	t.Helper()
	var answer struct{ Count int }
	n.do(t, "POST", "/"+index+"/_count", []byte(`{"query":`+query+`}`), &answer)
	return answer.Count
}
