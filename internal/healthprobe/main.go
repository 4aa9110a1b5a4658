// Command healthprobe asks an exporter whether it is alive. It is what a
// container's health check runs, since an image built from scratch has nothing
// else to ask with.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

const (
	defaultAddress = "http://127.0.0.1:10058/-/healthy"
	timeout        = 3 * time.Second
)

func main() {
	if err := probe(context.Background(), address(os.Args[1:])); err != nil {
		fmt.Fprintln(os.Stderr, "healthprobe:", err)
		os.Exit(1)
	}
}

// address is the first argument, if there is one.
func address(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultAddress
}

// probe returns an error unless the address answers with 200 in time.
func probe(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return nil
}
