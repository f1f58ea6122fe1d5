package sink

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/vmihailenco/msgpack/v5"
)

// A forwardServer speaks the server's side of the Forward protocol, written from
// its specification (version 1), with an independent msgpack. It can be told to
// misbehave.
type forwardServer struct {
	t        *testing.T
	listener net.Listener
	wg       sync.WaitGroup
	tls      *tls.Config

	key            string // a handshake is asked for
	user, password string
	liesAboutKey   bool
	once           bool // keepalive: false

	mu       sync.Mutex
	conns    map[net.Conn]bool
	opened   int
	messages []received
	acked    int // messages
	noAck    int // so many messages are not acknowledged: the connection is closed
	mute     int // so many messages are not acknowledged, and the connection stays
	cutAfter int // the next connection is closed when so many octets were read
	junk     []byte
}

// A received is a message of the form PackedForward.
type received struct {
	tag     string
	size    int
	chunk   string
	records []map[string]any
	times   []time.Time
}

// serve starts s on network tcp or unix.
func (s *forwardServer) serve(t *testing.T, network string) *forwardServer {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s.t, s.listener, s.conns = t, l, map[net.Conn]bool{}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.opened++
			if s.cutAfter > 0 {
				c = &cutConn{Conn: c, left: s.cutAfter}
				s.cutAfter = 0
			}
			s.conns[c] = true
			s.mu.Unlock()
			s.wg.Go(func() {
				defer c.Close()
				if err := s.converse(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					t.Logf("server: %v", err)
				}
			})
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *forwardServer) stop() {
	s.listener.Close()
	s.hangUp()
	s.wg.Wait()
}

// hangUp closes all connections.
func (s *forwardServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
	clear(s.conns)
}

// url returns the address as servers has it.
func (s *forwardServer) url() string {
	a := s.listener.Addr()
	switch {
	case a.Network() == "unix":
		return "unix://" + a.String()
	case s.tls != nil:
		return "tls://" + a.String()
	}
	return a.String()
}

// A cutConn ends when so many octets were read.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func sha512Hex(texts ...string) string {
	h := sha512.New()
	for _, t := range texts {
		h.Write([]byte(t))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *forwardServer) converse(c net.Conn) error {
	if s.tls != nil {
		c = tls.Server(c, s.tls)
	}
	d := msgpack.NewDecoder(c)
	if s.junk != nil {
		if _, err := c.Write(s.junk); err != nil {
			return err
		}
	}
	if s.key != "" {
		if err := s.handshake(c, d); err != nil {
			return err
		}
	}
	for {
		m, err := readMessage(d)
		if err != nil {
			return err
		}
		s.mu.Lock()
		lost, mute := s.noAck > 0, s.mute > 0
		switch {
		case lost:
			s.noAck--
		case mute:
			s.mute--
		}
		s.messages = append(s.messages, m)
		s.mu.Unlock()
		switch {
		case lost:
			return errors.New("the acknowledgement gets lost")
		case mute || m.chunk == "":
			continue
		}
		answer, err := msgpack.Marshal(map[string]string{"ack": m.chunk})
		if err != nil {
			return err
		}
		if _, err := c.Write(answer); err != nil {
			return err
		}
		s.mu.Lock()
		s.acked++
		s.mu.Unlock()
	}
}

func (s *forwardServer) handshake(c net.Conn, d *msgpack.Decoder) error {
	const nonce, auth = "nonce\x00of 16 octet", "salt\xffof the users"
	salt := ""
	if s.user != "" {
		salt = auth
	}
	helo, err := msgpack.Marshal([]any{"HELO", map[string]any{"nonce": []byte(nonce), "auth": []byte(salt), "keepalive": !s.once, "new": []any{1, "x"}}})
	if err != nil {
		return err
	}
	if _, err := c.Write(helo); err != nil {
		return err
	}
	var ping []string
	if err := d.Decode(&ping); err != nil {
		return err
	}
	if len(ping) != 6 || ping[0] != "PING" {
		return fmt.Errorf("PING is %q", ping)
	}
	if ping[3] != sha512Hex(ping[2], ping[1], nonce, s.key) {
		return errors.New("shared key mismatch") // and the connection is closed, as Fluent Bit does
	}
	pong := []any{"PONG", true, "", "server.example.net", sha512Hex(ping[2], "server.example.net", nonce, s.key)}
	refused := s.user != "" && (ping[4] != s.user || ping[5] != sha512Hex(auth, s.user, s.password))
	switch {
	case refused:
		pong = []any{"PONG", false, "username/password mismatch", "", ""}
	case s.liesAboutKey:
		pong[4] = sha512Hex("it doesn't know")
	}
	answer, err := msgpack.Marshal(pong)
	if err != nil {
		return err
	}
	if _, err = c.Write(answer); err == nil && refused {
		err = errors.New("refused")
	}
	return err
}

// readMessage reads [tag, entries, option].
func readMessage(d *msgpack.Decoder) (m received, err error) {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return m, err
	}
	if n != 3 {
		return m, fmt.Errorf("message of %d elements", n)
	}
	if m.tag, err = d.DecodeString(); err != nil {
		return m, err
	}
	entries, err := d.DecodeBytes()
	if err != nil {
		return m, err
	}
	var option struct {
		Chunk      string `msgpack:"chunk"`
		Size       int    `msgpack:"size"`
		Compressed string `msgpack:"compressed"`
	}
	if err := d.Decode(&option); err != nil {
		return m, err
	}
	m.chunk, m.size = option.Chunk, option.Size
	switch option.Compressed {
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(entries))
		if err != nil {
			return m, err
		}
		if entries, err = io.ReadAll(r); err != nil {
			return m, err
		}
	case "zstd":
		r, err := zstd.NewReader(nil)
		if err != nil {
			return m, err
		}
		defer r.Close()
		if entries, err = r.DecodeAll(entries, nil); err != nil {
			return m, err
		}
	}
	e := msgpack.NewDecoder(bytes.NewReader(entries))
	for {
		n, err := e.DecodeArrayLen()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		id, size, err := e.DecodeExtHeader()
		if err != nil || n != 2 || id != 0 || size != 8 {
			return m, fmt.Errorf("entry of %d, extension %d of %d octets: %w", n, id, size, err)
		}
		var at [8]byte
		if err := e.ReadFull(at[:]); err != nil {
			return m, err
		}
		record, err := e.DecodeMap()
		if err != nil {
			return m, err
		}
		m.times = append(m.times, time.Unix(int64(binary.BigEndian.Uint32(at[:])), int64(binary.BigEndian.Uint32(at[4:]))))
		m.records = append(m.records, record)
	}
}

// got returns what has arrived.
func (s *forwardServer) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.messages...)
}

// ports returns the source ports of the records of all messages, in order.
func ports(messages []received) (all []int) {
	for _, m := range messages {
		for _, r := range m.records {
			var p int
			fmt.Sscan(fmt.Sprint(r["src_port"]), &p)
			all = append(all, p)
		}
	}
	return all
}
