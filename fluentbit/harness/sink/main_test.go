package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestSink(t *testing.T) {
	s := httptest.NewServer(newSink())
	defer s.Close()
	post := func(path, body string) int {
		r, err := http.Post(s.URL+path, "application/x-ndjson", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Body.Close()
		return r.StatusCode
	}
	count := func(want string) {
		t.Helper()
		r, err := http.Get(s.URL + "/count")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if b, _ := io.ReadAll(r.Body); string(b) != want+"\n" {
			t.Errorf("count %q, want %s", b, want)
		}
	}
	two := "{\"create\":{}}\n{\"a\":1}\n{\"index\":{}}\n{\"create\":1}\n"
	if code := post("/_bulk", two); code != 200 {
		t.Errorf("status %d", code)
	}
	count("2")
	for _, bad := range []string{"{\"a\":1}\n", "{\"create\":{}}\n"} {
		if code := post("/_bulk", bad); code != 400 {
			t.Errorf("%q: status %d", bad, code)
		}
	}
	post("/hold", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		post("/_bulk", two)
	}()
	time.Sleep(50 * time.Millisecond)
	count("2")
	post("/release", "")
	<-done
	count("4")
}
