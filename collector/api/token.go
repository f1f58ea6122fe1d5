package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A Role is what a token is good for. Each may do what those before it may.
type Role uint8

const (
	Viewer   Role = iota + 1 // may look
	Operator                 // may reload the configuration, and add findings
	Approver                 // may approve what is to be blocked
	Admin                    // may do all
)

// anyone needs no token: of what tells nothing.
const anyone Role = 0

var roles = [...]string{Viewer: "viewer", Operator: "operator", Approver: "approver", Admin: "admin"}

const roleList = "viewer, operator, approver, admin"

func (r Role) String() string { return roles[r] }

// UnmarshalText reads the word.
func (r *Role) UnmarshalText(text []byte) error {
	for i, word := range roles {
		if word != "" && word == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("no role %q: it is one of %s", text, roleList)
}

// MarshalText writes the word.
func (r Role) MarshalText() ([]byte, error) { return []byte(roles[r]), nil }

// A key is a token as we keep it.
type key struct {
	name string
	role Role
	sum  [sha256.Size]byte
}

// find returns whose the token is.
func find(keys []key, token string) (found *key) {
	sum := sha256.Sum256([]byte(token))
	for i := range keys {
		if subtle.ConstantTimeCompare(sum[:], keys[i].sum[:]) == 1 {
			found = &keys[i]
		}
	}
	return found
}

// keys reads the configured tokens and that of a file, which is made if it is
// not there.
func (c Config) keys(file string) ([]key, error) {
	var all []key
	if file != "" {
		token, err := tokenFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, key{"DATA/token", Admin, sha256.Sum256([]byte(token))})
	}
	for _, t := range c.Tokens {
		k := key{name: t.Name, role: t.Role}
		if t.File != "" {
			token, err := ReadToken(t.File)
			if err != nil {
				return nil, fmt.Errorf("tokens: %s: %w", t.Name, err)
			}
			k.sum = sha256.Sum256([]byte(token))
		} else if _, err := hex.Decode(k.sum[:], []byte(t.SHA256)); err != nil {
			return nil, fmt.Errorf("tokens: %s: sha256: %w", t.Name, err)
		}
		all = append(all, k)
	}
	return all, nil
}

// least is how many characters a token has, at least.
const least = 16

// ReadToken reads a token's file.
func ReadToken(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < least || bytes.ContainsAny([]byte(token), " \t\r\n") {
		return "", fmt.Errorf("%s holds no token of %d characters or more: remove it, and weir run writes a new one", file, least)
	}
	return token, nil
}

// tokenFile reads the token of a file, or writes a new one, for its owner only.
// One that others could read is worth nothing.
func tokenFile(file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newToken(file)
	case err != nil:
		return "", err
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return "", fmt.Errorf("others may read or write %s (mode %04o): remove it, and weir run writes a new one", file, info.Mode().Perm())
	}
	return ReadToken(file)
}

// newToken writes a file of its own first, so that a disk that is full leaves none
// with half a token.
func newToken(file string) (string, error) {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, filepath.Base(file)+"-*") // 0600
	if err != nil {
		return "", err
	}
	token := rand.Text()
	err = writeToken(f, token)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("write a new token: %w", err)
	}
	return token, nil
}

// writeToken is a disk that has room for it.
var writeToken = func(f *os.File, token string) error {
	_, err := f.WriteString(token + "\n")
	return errors.Join(err, f.Sync())
}
