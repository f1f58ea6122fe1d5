package doctor

import "fmt"

// A Severity says how bad a Finding is.
type Severity uint8

const (
	Note    Severity = iota // good to know: nothing to do
	Warning                 // what is shown may be wrong or incomplete
	Error                   // records are lost, or can't be read
)

var severities = [...]string{Note: "note", Warning: "warning", Error: "error"}

func (s Severity) String() string { return severities[s] }

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(severities[s]), nil }

// UnmarshalText is the opposite of MarshalText.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, word := range severities {
		if word == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("no severity %q: it is one of note, warning, error", text)
}

// A Finding is one thing that an exporter does, and better did otherwise.
type Finding struct {
	ID       string   `json:"id"`       // as clock-skew
	Severity Severity `json:"severity"` //
	Text     string   `json:"text"`     // a sentence
	Advice   string   `json:"advice,omitempty"`
	// Repairs are the lines that repair it: of the exporter's platform, or where
	// that isn't known of all for which there are some.
	Repairs []Repair `json:"repairs,omitempty"`
}

// A Repair is what to configure on a platform.
type Repair struct {
	Platform string   `json:"platform"`
	Lines    []string `json:"lines"`
}
