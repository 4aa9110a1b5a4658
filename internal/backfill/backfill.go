// Package backfill writes the history that Prometheus would have scraped from the
// demo, for "promtool tsdb create-blocks-from openmetrics".
package backfill

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

const (
	// step is the interval between two samples of a series.
	step = time.Hour
	// longest limits the output to about three million samples.
	longest = 400 * 24 * time.Hour
	// job is the job name in the example configuration of Prometheus.
	job = "azure_csp"
)

// ParsePeriod parses the length of a history in Prometheus' notation for durations.
func ParsePeriod(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 35d or 12h", text)
	}
	if period := time.Duration(d); period < step || period > longest {
		return 0, fmt.Errorf("%s is not between 1h and 400d", text)
	}
	return time.Duration(d), nil
}

// Write writes the history of a fleet in the period that ends now, as OpenMetrics. The
// label instance of its series has the given value. It ends early with the error of
// the context.
func Write(ctx context.Context, w io.Writer, fleet []simulator.Customer, instance string, now time.Time, period time.Duration) error {
	return newHistory(fleet, instance, now, period).write(ctx, w)
}

// history holds the samples that Prometheus would have scraped from the demo.
type history struct {
	instance  string
	snapshots []cache.Snapshot
	times     []time.Time
}

// newHistory returns a history with a snapshot for each full hour of a period.
func newHistory(fleet []simulator.Customer, instance string, now time.Time, period time.Duration) *history {
	h := &history{instance: instance}
	last := now.UTC().Truncate(step)
	for t := last.Add(-period.Truncate(step)); !t.After(last); t = t.Add(step) {
		h.times = append(h.times, t)
		h.snapshots = append(h.snapshots, snapshotAt(fleet, t))
	}
	return h
}

// snapshotAt returns the snapshot of a cache that has just fetched all customers.
func snapshotAt(fleet []simulator.Customer, t time.Time) cache.Snapshot {
	var s cache.Snapshot
	for _, simulated := range fleet {
		c := cache.Customer{Customer: simulated.Listed(), Status: cache.StatusOK}
		switch simulated.Answer {
		case simulator.Usage:
			summary := simulated.Summary(t)
			c.Figures, c.Fetched = &summary, t
		case simulator.NoUsage:
			c.Status = cache.StatusNoUsage
		case simulator.NoAccess:
			c.Status = cache.StatusNoAccess
		case simulator.NotFound:
			c.Status = cache.StatusNotFound
		}
		s.Customers = append(s.Customers, c)
	}
	return s
}

// write writes the history as OpenMetrics, grouped by family and series as the
// format requires.
func (h *history) write(ctx context.Context, w io.Writer) error {
	buffered := bufio.NewWriter(w)
	encoder := expfmt.NewEncoder(buffered, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for i := range collector.Collectors(h.snapshots[0].Customers) {
		family, err := h.family(ctx, i)
		if err != nil {
			return err
		}
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// family returns the i-th family with its samples of all times.
func (h *history) family(ctx context.Context, i int) (*dto.MetricFamily, error) {
	var all *dto.MetricFamily
	for n := range h.snapshots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		registry := prometheus.NewRegistry()
		if err := registry.Register(collector.Collectors(h.snapshots[n].Customers)[i]); err != nil {
			return nil, err
		}
		gathered, err := registry.Gather()
		if err != nil {
			return nil, err
		}
		for _, family := range gathered {
			h.scraped(family.GetMetric(), h.times[n])
			if all == nil {
				all = family
			} else {
				all.Metric = append(all.Metric, family.GetMetric()...)
			}
		}
	}
	slices.SortStableFunc(all.GetMetric(), func(a, b *dto.Metric) int { return strings.Compare(labelsOf(a), labelsOf(b)) })
	return all, nil
}

// scraped adds the time and the labels that Prometheus adds to a scrape.
func (h *history) scraped(metrics []*dto.Metric, at time.Time) {
	milliseconds := at.UnixMilli()
	for _, m := range metrics {
		m.TimestampMs = &milliseconds
		m.Label = append(m.Label,
			&dto.LabelPair{Name: new("instance"), Value: &h.instance},
			&dto.LabelPair{Name: new("job"), Value: new(job)})
	}
}

func labelsOf(m *dto.Metric) string {
	var b strings.Builder
	for _, pair := range m.GetLabel() {
		b.WriteString(pair.GetValue())
		b.WriteByte(0xff) // Values are UTF-8, which lacks this byte.
	}
	return b.String()
}
