package modinput

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
)

// A new token in the storage ends an input whose old one is refused, so that
// splunkd starts it again with the new one; while the old one is taken, or nothing
// has changed, it runs on.
func TestTokenChanges(t *testing.T) {
	var mu sync.Mutex
	stored, taken, asked := "old", "old", 0
	set := func(s, k string) {
		mu.Lock()
		defer mu.Unlock()
		stored, taken, asked = s, k, 0
	}
	reads := func() int {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
	splunk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Method == http.MethodGet:
			asked++
			fmt.Fprintf(w, `{"entry":[{"content":{"realm":"weir","username":"hec","clear_password":"%s"}}]}`, stored)
		case r.Header.Get("Authorization") == "Splunk "+taken:
			fmt.Fprint(w, `{"text":"Success","code":0}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"text":"Invalid token","code":4}`)
		}
	}))
	defer splunk.Close()

	cfg := Default()
	cfg.Stanza, cfg.Output, cfg.Stitch.On = "weir://core", HEC, false
	cfg.Collector.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	cfg.HEC.URLs, cfg.HEC.Age = []string{splunk.URL}, 10*time.Millisecond
	in := Input{ServerURI: splunk.URL, SessionKey: "session", Stanzas: []Stanza{{Name: cfg.Stanza}}}
	if err := cfg.HEC.readToken(t.Context(), &in); err != nil || cfg.HEC.Token != "old" {
		t.Fatalf("%v, %q", err, cfg.HEC.Token)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, logs console
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, cfg, &out, NewLogger(&logs, slog.LevelInfo), os.Getppid(), 20*time.Millisecond)
	}()
	conn, err := net.Dial("udp4", logs.wait(t, "address="))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	set("new", "old")
	conn.Write(v5(1))
	out.wait(t, `"hec_written":1,`)
	if n := reads(); n > 0 {
		t.Errorf("the storage was read %d times without need", n)
	}
	set("old", "new")
	conn.Write(v5(1))
	for end := time.Now().Add(10 * time.Second); reads() < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the storage isn't read: %s", &logs)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("it ended though nothing has changed: %v", err)
	default:
	}
	set("new", "new")
	select {
	case err := <-done:
		if !errors.Is(err, ErrToken) {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("it goes on with the old token: %s", &logs)
	}
}
