package config

import (
	"strings"
	"testing"
	"time"
)

func TestStoreValidates(t *testing.T) {
	if err := DefaultStore().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Store){
		"keep: flows": func(s *Store) { s.Keep.Flows = time.Minute },
		"keep: 5m":    func(s *Store) { s.Keep.Fives = -1 },
		"keep: size":  func(s *Store) { s.Keep.Size = 1 },
		"keep: sums":  func(s *Store) { s.Keep.Sums = -1 },
		"rows":        func(s *Store) { s.Rows = 0 },
		"age":         func(s *Store) { s.Age = 0 },
		"journal":     func(s *Store) { s.Journal = 1 },
		"memory":      func(s *Store) { s.Memory = 1 },
		"threads":     func(s *Store) { s.Threads = -1 },
		"timeout":     func(s *Store) { s.Timeout = -1 },
		"answer":      func(s *Store) { s.Answer = 0 },
	} {
		s := DefaultStore()
		change(&s)
		if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), want+" is ") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
