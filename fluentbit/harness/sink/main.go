// Command sink is an HTTP server that takes what Fluent Bit's output es sends,
// and counts it.
//
//	POST /_bulk     counts the documents and answers as Elasticsearch does
//	GET /count      says how many there were
//	POST /hold      from now on /_bulk answers later
//	POST /release   namely now
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:26299", "`HOST:PORT` to listen on")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*listen, newSink()))
}

// newSink returns the server.
func newSink() http.Handler {
	var (
		mu    sync.Mutex
		count int
		gate  = make(chan struct{}) // closed: /_bulk answers
		open  = true
	)
	close(gate)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_bulk", func(w http.ResponseWriter, r *http.Request) {
		n, err := documents(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		wait := gate
		mu.Unlock()
		select {
		case <-wait:
		case <-r.Context().Done():
			return // Fluent Bit will send them again
		}
		mu.Lock()
		count += n
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"took":1,"errors":false,"items":[]}`)
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, count)
	})
	mux.HandleFunc("POST /hold", func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if open {
			gate, open = make(chan struct{}), false
		}
	})
	mux.HandleFunc("POST /release", func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !open {
			close(gate)
			open = true
		}
	})
	return mux
}

// documents returns how many a request brings: each is a line with the action
// and one with the document.
func documents(r *http.Request) (n int, err error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return 0, err
		}
	}
	lines := bufio.NewReaderSize(body, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if !bytes.HasPrefix(line, []byte(`{"create":`)) && !bytes.HasPrefix(line, []byte(`{"index":`)) {
			return 0, fmt.Errorf("no action: %.100q", line)
		}
		if _, err := lines.ReadBytes('\n'); err != nil {
			return 0, fmt.Errorf("an action without a document: %w", err)
		}
		n++
	}
}
