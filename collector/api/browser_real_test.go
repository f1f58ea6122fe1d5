//go:build real

package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// A browser is a page of a Chromium without a window, driven through its pipe (the
// DevTools protocol).
type browser struct {
	t       *testing.T
	to      io.Writer
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	console []string // errors, exceptions and violations of policies
}

// A message is one of the protocol.
type message struct {
	ID        int             `json:"id,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     json.RawMessage `json:"error,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
}

// openBrowser starts Chromium. It skips the test where that is not installed, and
// fails it where it has to be.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: run testdata/make/chromium.sh")
		}
		t.Skip("chromium is not installed: run testdata/make/chromium.sh")
	}
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // it reads from 3, and writes to 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: to, waiting: map[int]chan message{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.read(from)
	}()
	t.Cleanup(func() {
		b.call("Browser.close", nil)
		to.Close()
		late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
		<-done
		from.Close()
	})
	var target struct{ TargetID string }
	b.into(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var session struct{ SessionID string }
	b.into(&session, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.into(nil, domain+".enable", nil)
	}
	return b
}

func (b *browser) read(from io.Reader) {
	for r := bufio.NewReader(from); ; {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.waiting[m.ID]; c != nil {
			delete(b.waiting, m.ID)
			c <- m
		}
		var e struct {
			Type  string
			Entry struct{ Source, Level, Text, URL string }
		}
		json.Unmarshal(m.Params, &e)
		switch {
		case m.Method == "Runtime.exceptionThrown", m.Method == "Runtime.consoleAPICalled" && (e.Type == "error" || e.Type == "assert"):
			b.console = append(b.console, string(m.Params))
		case m.Method == "Log.entryAdded" && e.Entry.Level == "error":
			b.console = append(b.console, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
		b.mu.Unlock()
	}
}

// call sends a command, and returns what comes back.
func (b *browser) call(method string, params any) (m message, err error) {
	b.mu.Lock()
	b.last++
	id, answer := b.last, make(chan message, 1)
	b.waiting[id] = answer
	b.mu.Unlock()
	p, err := json.Marshal(params)
	if err != nil || params == nil {
		p = []byte("{}")
	}
	text, err := json.Marshal(message{ID: id, Method: method, Params: p, SessionID: b.session})
	if err != nil {
		return m, err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return m, err
	}
	select {
	case m = <-answer:
	case <-time.After(20 * time.Second):
		return m, fmt.Errorf("%s: no answer", method)
	}
	if m.Error != nil {
		return m, fmt.Errorf("%s: %s", method, m.Error)
	}
	return m, nil
}

func (b *browser) into(v any, method string, params any) {
	b.t.Helper()
	m, err := b.call(method, params)
	if err == nil && v != nil {
		err = json.Unmarshal(m.Result, v)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// eval returns an expression's value as JSON has it.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.into(&out, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if out.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, out.ExceptionDetails)
	}
	return out.Result.Value
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); b.eval(expression) != true; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("never true: %s\nthe page is %v\nthe console has %q", expression, b.eval("document.body && document.body.innerText"), b.errors())
		}
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.into(nil, "Page.navigate", map[string]any{"url": url})
	b.until(fmt.Sprintf("document.readyState === 'complete' && location.href.startsWith(%q)", url))
}

func (b *browser) write(text string) {
	b.t.Helper()
	b.into(nil, "Input.insertText", map[string]any{"text": text})
}

// keys are those that tests press, with their numbers.
var keys = map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40}

func (b *browser) press(key string) {
	b.t.Helper()
	text := map[string]string{"Enter": "\r"}[key]
	for _, kind := range []string{"keyDown", "keyUp"} {
		p := map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": keys[key]}
		if kind == "keyDown" && text != "" {
			p["text"] = text
		}
		b.into(nil, "Input.dispatchKeyEvent", p)
	}
}

// errors returns what the console has, and forgets it.
func (b *browser) errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.console
	b.console = nil
	return all
}
