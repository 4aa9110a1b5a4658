package cli

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// flagger is a command or the application.
type flagger interface {
	Flag(name, help string) *kingpin.FlagClause
}

// value is a flag's value. Its errors name the flag, which kingpin's do not.
type value[T any] struct {
	flag  string
	text  string
	parse func(string) (T, error)
	into  *T
}

// Set implements kingpin.Value.
func (v *value[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err != nil {
		return fmt.Errorf("--%s: %w", v.flag, err)
	}
	v.text, *v.into = text, parsed
	return nil
}

// String implements kingpin.Value.
func (v *value[T]) String() string { return v.text }

// define adds a flag of any type to a command.
func define[T any](to flagger, flag, help string, into *T, parse func(string) (T, error)) *kingpin.FlagClause {
	clause := to.Flag(flag, help)
	clause.SetValue(&value[T]{flag: flag, parse: parse, into: into})
	return clause
}

// duration accepts durations from a least one on.
func duration(least time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 90s or 1h30m", text)
		}
		if d < least {
			return 0, fmt.Errorf("%s is less than %s", text, least)
		}
		return d, nil
	}
}

// positive accepts whole numbers from 1 on.
func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a whole number above 0", text)
	}
	return n, nil
}

// natural accepts whole numbers from 0 on.
func natural(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a whole number from 0 on", text)
	}
	return n, nil
}

// oneOf accepts the words that are given.
func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

// anchored accepts regular expressions that have to match a whole string. An
// empty one is none.
func anchored(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	return regexp.Compile("^(?:" + text + ")$")
}

// baseURL accepts the address of a host, perhaps with a path.
func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", errors.New("it is not an address of the form https://host")
	}
	return strings.TrimRight(text, "/"), nil
}

// word accepts what stands in an address or a form without being quoted.
func word(text string) (string, error) {
	if !regexp.MustCompile(`^[\w.-]+$`).MatchString(text) {
		return "", fmt.Errorf("%q is neither a GUID nor a domain", text)
	}
	return text, nil
}
