package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	fetchTimeout = 10 * time.Second // for one URL, redirects included
	maxRedirects = 5
)

// fetcher reads URLs of the hosts that treaty.yaml lists, and follows
// redirects to those alone. limit bounds the bytes of one answer.
func fetcher(hosts []string, limit int) func(ctx context.Context, address string) ([]byte, error) {
	client := &http.Client{Timeout: fetchTimeout, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if !slices.Contains(hosts, req.URL.Host) {
			return fmt.Errorf("a redirect leads to the host %q, which treaty.yaml does not list", req.URL.Host)
		}
		return nil
	}}
	return func(ctx context.Context, address string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			var at *url.Error
			if errors.As(err, &at) {
				err = at.Err // the message names the address already
			}
			return nil, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the host answers %s", res.Status)
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
		if err == nil && len(b) > limit {
			err = fmt.Errorf("it has more than %d bytes, the limit input-bytes; raise it with --limit input-bytes=%d", limit, 2*limit)
		}
		return b, err
	}
}
