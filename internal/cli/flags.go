package cli

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// flagger is a command or the application, to which flags can be added.
type flagger interface {
	Flag(name, help string) *kingpin.FlagClause
}

// value is the value of a flag. Unlike kingpin's own, its errors name the flag.
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

// defineChoice adds a flag whose value is one of several words, which completion offers.
func defineChoice(to flagger, flag, help string, into *string, words ...string) *kingpin.FlagClause {
	return define(to, flag, help, into, oneOf(words...)).HintOptions(words...)
}

// validate adds checks of combinations of flags to a command. They run before it,
// and their errors are errors of the command line.
func validate(to *kingpin.CmdClause, checks ...func() error) {
	to.Validate(func(*kingpin.CmdClause) error {
		for _, check := range checks {
			if err := check(); err != nil {
				return err
			}
		}
		return nil
	})
}

// duration returns a parser of durations of at least a minimum.
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

// positive parses integers above 0.
func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a positive integer", text)
	}
	return n, nil
}

// natural parses integers of at least 0.
func natural(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a non-negative integer", text)
	}
	return n, nil
}

// oneOf returns a parser of one of several words.
func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

// anchored parses a regular expression that must match a whole string, ignoring
// case. The empty string stands for no expression.
func anchored(text string) (*regexp.Regexp, error) { return expression("(?i)^(?:", text, ")$") }

// unanchored parses a regular expression that may match any part of a string,
// ignoring case. The empty string stands for no expression.
func unanchored(text string) (*regexp.Regexp, error) { return expression("(?i:", text, ")") }

// expression compiles a text between a prefix and a suffix. Its error quotes the text as
// it was typed.
func expression(prefix, text, suffix string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fmt.Errorf("`%s` is not a regular expression: %s", text, e.Code)
	}
	if err != nil {
		return nil, err
	}
	// The parsed form has no quotation that would reach into the suffix.
	return regexp.Compile(prefix + parsed.String() + suffix)
}

// baseURL parses the URL of a host, with or without a path.
func baseURL(text string) (string, error) {
	u, err := client.ParseBaseURL(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// apiURL parses the URL of the API. The client adds the version to it.
func apiURL(text string) (string, error) {
	base, err := baseURL(text)
	return strings.TrimSuffix(base, "/v1"), err
}

// word parses a GUID or domain, which needs no escaping in a URL.
func word(text string) (string, error) {
	if !regexp.MustCompile(`^[\w.-]+$`).MatchString(text) {
		return "", fmt.Errorf("%q is neither a GUID nor a domain name", text)
	}
	return text, nil
}

// outputFlags are the flags of the commands that print rows.
type outputFlags struct {
	format    string
	sort      string
	name      *regexp.Regexp
	selection cache.Selection
}

func (f *outputFlags) define(to *kingpin.CmdClause, orders ...string) {
	defineChoice(to, "output", "Output format: table, json (one array) or csv. Only a table keeps all rows in memory.", &f.format,
		output.Table, output.JSON, output.CSV).Default(output.Table)
	defineChoice(to, "sort",
		"Order of the rows: "+strings.Join(orders, ", ")+". Sorting keeps all rows in memory. By default, rows are printed as they arrive, in Partner Center's order.", &f.sort, orders...)
	define(to, "name", "Only customers whose name contains a match of this regular expression (RE2), ignoring case.", &f.name, unanchored)
	defineSelection(to, &f.selection)
}

// defineSelection defines the flags that select customers.
func defineSelection(to flagger, selection *cache.Selection) {
	define(to, "customers.include", "Only customers whose id, name or domain matches this anchored regular expression (RE2), ignoring case.", &selection.Include, anchored)
	define(to, "customers.exclude", "No customers whose id, name or domain matches this anchored regular expression (RE2), ignoring case.", &selection.Exclude, anchored)
}

// selects reports whether a customer is selected.
func (f *outputFlags) selects(c client.Customer) bool {
	return (f.name == nil || f.name.MatchString(c.Name)) && f.selection.Selects(c)
}

// filters returns the flags that are set of those that select customers.
func (f *outputFlags) filters() []string {
	var set []string
	for _, filter := range []struct {
		expression *regexp.Regexp
		flag       string
	}{{f.name, "--name"}, {f.selection.Include, "--customers.include"}, {f.selection.Exclude, "--customers.exclude"}} {
		if filter.expression != nil {
			set = append(set, filter.flag)
		}
	}
	return set
}

// noteEmpty explains an empty output, which is not a failure: listed and selected
// count the customers before and after selection.
func (f *outputFlags) noteEmpty(env *environment, listed, selected int) {
	switch {
	case listed == 0:
		fmt.Fprintf(env.stderr, "%s: note: there are no customers\n", name)
	case selected == 0:
		fmt.Fprintf(env.stderr, "%s: note: no customer matches %s\n", name, strings.Join(f.filters(), " and "))
	}
}

// streams reports whether rows are printed as they arrive.
func (f *outputFlags) streams() bool { return f.format != output.Table && f.sort == "" }
