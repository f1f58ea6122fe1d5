package query

import (
	"slices"
	"strings"
)

// Suggest returns what may follow the words of a question and begins with prefix:
// words of the language and fields, in their order. Values are not among them, see
// [FieldBefore].
func Suggest(words []string, prefix string) (all []string) {
	if len(words) == 0 {
		return starting(showWords, prefix)
	}
	last := strings.ToLower(words[len(words)-1])
	where := slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, "where") })
	if _, ok := FieldBefore(words); ok {
		return nil
	}
	switch {
	case last == "by" && !strings.EqualFold(words[0], "count"):
		return starting(metricWords, prefix)
	case last == "last" || last == "this":
		return starting(append([]string{"15min", "1h", "24h", "7d"}[:4*b2i(last == "last")], calendar...), prefix)
	case last == "every":
		return starting([]string{"1min", "5min", "1h", "1d"}, prefix)
	}
	if where {
		all = starting([]string{"not", "and", "or", "any", "in"}, prefix)
	} else {
		all = starting(clauseWords, prefix)
	}
	for _, f := range AllFields() {
		name := f.Column
		if name == "" {
			name = f.Name
		}
		if (f.Group || where) && strings.HasPrefix(name, strings.ToLower(prefix)) {
			all = append(all, name)
		}
	}
	return all
}

func starting(words []string, prefix string) (all []string) {
	for _, w := range words {
		if strings.HasPrefix(w, strings.ToLower(prefix)) {
			all = append(all, w)
		}
	}
	return all
}

// FieldBefore returns the field that the words of a question end with, a value of
// which comes next.
func FieldBefore(words []string) (string, bool) {
	from := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, "where") })
	if from < 0 {
		return "", false
	}
	words = words[from+1:]
	if n := len(words); n > 0 {
		if _, ok := operators[strings.ToLower(words[n-1])]; ok {
			words = words[:n-1]
		}
	}
	for n := min(maxWords, len(words)); n > 0; n-- {
		name := strings.TrimLeft(strings.Join(words[len(words)-n:], " "), "(!")
		if q, ok := lookup(name); ok && q.Of == Column {
			return name, true
		}
	}
	return "", false
}

// Word writes a value as a filter takes it: a text that is no single word in
// quotes. One with both kinds of quotes can't be written.
func Word(value string) string {
	if value != "" && strings.IndexFunc(value, func(r rune) bool { return !isWord(r) }) < 0 {
		return value
	}
	if strings.Contains(value, `"`) {
		return "'" + value + "'"
	}
	return `"` + value + `"`
}
