package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

const continuationHeader = "Ms-Continuationtoken"

const (
	// maxPages and maxListItems bound a list at half a million customers.
	maxPages     = 1000
	maxListItems = maxPages * pageSize
	// maxLink bounds the link to the next page and its token, in bytes.
	maxLink = 8 << 10
	// maxEmptyPages is how many pages in a row may bring nothing new before
	// their chain is taken for endless.
	maxEmptyPages = 10
)

// ErrTruncated is returned for a list that was ended because its pages went round in a
// circle or never came to an end.
var ErrTruncated = errors.New("the list's pages have no end")

// pages reads a list page by page, and yields of each page what no earlier one
// had. An error comes last. The key identifies an item, so that a page which brings
// nothing new can be recognised.
func pages[T any](ctx context.Context, c *Client, first request, key func(T) string) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		l := list[T]{key: key, known: map[string]bool{}, asked: map[string]bool{}}
		r := first
		for range maxPages {
			p, next, err := readPage[T](ctx, c, first, r)
			if err != nil {
				if err = endOfList(r, err); err != nil {
					yield(nil, err)
				}
				return
			}
			l.asked[r.position()] = true
			if !yield(l.fresh(p.Items.list), nil) || next == nil {
				return
			}
			if l.circles(next) || len(l.known) >= maxListItems {
				break
			}
			r = *next
		}
		yield(nil, c.failure(first, &Error{Reason: ReasonDecode, Err: ErrTruncated}))
	}
}

// collect joins pages. It returns what there was also with an error.
func collect[T any](pages iter.Seq2[[]T, error]) ([]T, error) {
	all := []T{}
	for page, err := range pages {
		if err != nil {
			return all, err
		}
		all = append(all, page...)
	}
	return all, nil
}

// list is what was read so far.
type list[T any] struct {
	key        func(T) string
	known      map[string]bool
	asked      map[string]bool // positions
	emptyPages int             // pages in a row that brought nothing new
}

// fresh returns the items that no earlier page had, and those without a key.
func (l *list[T]) fresh(items []T) []T {
	fresh := slices.DeleteFunc(items, func(item T) bool { return l.known[l.key(item)] })
	for _, item := range fresh {
		if key := l.key(item); key != "" {
			l.known[key] = true
		}
	}
	l.emptyPages++
	if len(fresh) > 0 {
		l.emptyPages = 0
	}
	return fresh
}

// circles reports whether the next page brings nothing new. A repeated token alone
// does not prove it: a server may move on behind one token.
func (l *list[T]) circles(next *request) bool {
	return l.emptyPages > 0 && l.asked[next.position()] || l.emptyPages >= maxEmptyPages
}

// position is what the server sees of a page's place in the list.
func (r request) position() string { return r.header.Get(continuationHeader) + " " + r.path }

// readPage returns one page and the request for the next one, nil after the last.
func readPage[T any](ctx context.Context, c *Client, first, r request) (page[T], *request, error) {
	a, err := c.fetch(ctx, r)
	if err != nil {
		return page[T]{}, nil, err
	}
	p, err := decodePage[T](a.body, first.maxItems)
	if err != nil {
		return p, nil, c.badResponse(r, a, err)
	}
	next, err := c.nextPage(first, p.Links.Next.URI, p.token())
	if err == nil && next == nil && r.position() == first.position() {
		err = p.checkWhole(first.endpoint)
	}
	if err != nil {
		return p, nil, c.badResponse(r, a, err)
	}
	return p, next, nil
}

// endOfList returns nil for an error with code 2000 after the first page, with which
// some lists end, and any other error unchanged.
func endOfList(r request, err error) error {
	e, ok := errors.AsType[*Error](err)
	if ok && r.header.Get(continuationHeader) != "" && e.StatusCode == http.StatusBadRequest && e.Code == codeBadQuery {
		return nil
	}
	return err
}

// nextPage follows Microsoft's contract: the link's address together with the
// token as a header, or the first address with seekOperation=next and the token.
// Neither pages without the other.
func (c *Client) nextPage(first request, uri, token string) (*request, error) {
	if uri == "" && token == "" {
		return nil, nil
	}
	if len(uri) > maxLink || len(token) > maxLink {
		return nil, fmt.Errorf("the link to the next page is longer than %d bytes", maxLink)
	}
	if !wire.IsVisible(token) {
		return nil, errors.New("the continuation token is not visible ASCII")
	}
	path := first.path
	if uri != "" {
		var err error
		if path, err = c.linkPath(first, uri); err != nil {
			return nil, err
		}
	}
	next := request{endpoint: first.endpoint, path: path, limit: first.limit, maxItems: first.maxItems}
	if token != "" {
		next.header = http.Header{continuationHeader: {token}}
		next.path = withSeek(path)
	}
	return &next, nil
}

// linkPath returns a link's path and query below the API's base. Links are
// relative, with or without /v1; a link to another host is refused because the
// access token would go there.
func (c *Client) linkPath(first request, uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", errors.New("the link to the next page is not an address")
	}
	if u.User != nil || u.Host != "" && !strings.EqualFold(u.Host, c.base.Host) {
		return "", errors.New("the link to the next page leads to another host")
	}
	path, _, _ := strings.Cut(first.path, "?")
	if u.Path != "" {
		path = "/" + strings.TrimLeft(u.EscapedPath(), "/")
	}
	if below, ok := strings.CutPrefix(path, c.base.EscapedPath()+"/"); ok {
		path = "/" + strings.TrimLeft(below, "/")
	}
	if !strings.HasPrefix(path, "/v1/") {
		path = "/v1" + path
	}
	// Microsoft's samples start a second query where an ampersand is meant.
	if query := strings.ReplaceAll(u.RawQuery, "?", "&"); query != "" {
		path += "?" + query
	}
	return path, nil
}

func withSeek(path string) string {
	if strings.Contains(strings.ToLower(path), "seekoperation=") {
		return path
	}
	if strings.Contains(path, "?") {
		return path + "&seekOperation=next"
	}
	return path + "?seekOperation=next"
}
