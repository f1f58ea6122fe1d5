package detect

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxEvidence is the number of flow keys that a finding keeps; a host cuts off
// what is beyond.
const MaxEvidence = 100

// Bounds on what a finding says. They are far above what makes sense, and keep a
// broken detector from filling the store.
const (
	MaxKey  = 1 << 10 // octets of a key, and of any other text but those of MaxText
	MaxText = 4 << 10 // octets of the explanation and of an action
	MaxList = 100     // entities, actions, metrics
)

// Validate says what makes no sense in f. Its texts are UTF-8 without control
// characters, which could command a terminal or make two lines of one. ID, Detector and Version may be empty:
// they are filled in behind the detector's back.
func (f *Finding) Validate() error {
	switch {
	case f.Key == "":
		return errors.New("key is empty: name what the finding is about")
	case !isName(f.Class):
		return fmt.Errorf("class is %.40q: write lower-case words with dots between, as scan.horizontal", f.Class)
	case f.Severity < Info || f.Severity > Critical:
		return fmt.Errorf("severity is %d: it is one of info (%d) to critical (%d)", f.Severity, Info, Critical)
	case !(f.Confidence >= 0 && f.Confidence <= 1):
		return fmt.Errorf("confidence is %v, not from 0 to 1", f.Confidence)
	case !(f.Coverage >= 0 && f.Coverage <= 1):
		return fmt.Errorf("coverage is %v, not from 0 to 1", f.Coverage)
	case f.Start < 0 || f.Start >= f.End:
		return fmt.Errorf("window from %d to %d: it starts in 1970 or later, and ends after its start", f.Start, f.End)
	case f.Explanation == "":
		return errors.New("explanation is empty: write a sentence for a person")
	case f.Technique != "" && !isTechnique(f.Technique):
		return fmt.Errorf("technique is %.40q: write one of MITRE ATT&CK, as T1046 or T1498.001, or nothing", f.Technique)
	case len(f.Entities) > MaxList || len(f.Actions) > MaxList || len(f.Metrics) > MaxList:
		return fmt.Errorf("%d entities, %d actions and %d metrics, of at most %d each", len(f.Entities), len(f.Actions), len(f.Metrics), MaxList)
	case len(f.Evidence) > MaxEvidence:
		return fmt.Errorf("%d pieces of evidence, of at most %d", len(f.Evidence), MaxEvidence)
	case f.ID != "" && f.ID != ID(f.Detector, f.Key, f.Start, f.End):
		return fmt.Errorf("id %.40q is not that of detector, key and window", f.ID)
	}
	return f.validateTexts()
}

// validateTexts says which text is too long or not fit to be shown, or none.
func (f *Finding) validateTexts() error {
	var err error
	check := func(what, text string, most int) {
		switch {
		case err != nil:
		case len(text) > most:
			err = fmt.Errorf("%s has %d octets, of at most %d", what, len(text), most)
		case !utf8.ValidString(text):
			err = fmt.Errorf("%s is not UTF-8: %.40q", what, text)
		case strings.ContainsFunc(text, unicode.IsControl):
			err = fmt.Errorf("%s has a control character: %.40q", what, text)
		}
	}
	check("detector", f.Detector, MaxKey)
	check("version", f.Version, MaxKey)
	check("key", f.Key, MaxKey)
	check("class", f.Class, MaxKey)
	check("explanation", f.Explanation, MaxText)
	for _, a := range f.Actions {
		check("action", a, MaxText)
	}
	for _, e := range f.Entities {
		check("entity's role", e.Role, MaxKey)
		check("entity's kind", e.Kind, MaxKey)
		check("entity's value", e.Value, MaxKey)
		if err == nil && (e.Role == "" || e.Kind == "") {
			err = fmt.Errorf("entity %.40q has no role or no kind", e.Value)
		}
	}
	for k, v := range f.Metrics {
		check("name of a metric", k, MaxKey)
		if err == nil && (k == "" || math.IsNaN(v) || math.IsInf(v, 0)) {
			err = fmt.Errorf("metric %.40q is %v: it has a name, and its value is finite", k, v)
		}
	}
	return err
}

// isName tells whether s is words of a-z, 0-9, _ and - with dots between.
func isName(s string) bool {
	before := byte('.')
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '-', c == '.' && before != '.':
			before = c
		default:
			return false
		}
	}
	return before != '.'
}

// isTechnique tells whether s is T and four digits, for a sub-technique with a
// dot and three more.
func isTechnique(s string) bool {
	if len(s) != 5 && len(s) != 9 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 0:
			if c != 'T' {
				return false
			}
		case 5:
			if c != '.' {
				return false
			}
		default:
			if c < '0' || c > '9' {
				return false
			}
		}
	}
	return true
}
