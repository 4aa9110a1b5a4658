package cache

import (
	"hash/fnv"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Shard is one of several exporters that divide the customers among them. The
// zero value serves all customers.
type Shard struct {
	// Index is this exporter's, from 0 on.
	Index int
	// Total is how many exporters there are; 0 is the same as 1.
	Total int
}

// owns reports whether this shard serves a customer. Every customer is on exactly
// one shard, and always on the same: when shards are added, only those customers
// move that the new shards take over.
func (s Shard) owns(customerID string) bool {
	if s.Total <= 1 {
		return true
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(client.CanonicalID(customerID))) // It never fails.
	return jump(hash.Sum64(), s.Total) == s.Index
}

// jump is the jump consistent hash by Lamping and Veach: it maps a key to one of
// n buckets, and with one bucket more it moves one key in n+1, all to the new
// bucket. It walks through the buckets to which the key would have moved while
// their number grew, with a generator of random numbers that the key seeds.
func jump(key uint64, n int) int {
	bucket, next := int64(-1), int64(0)
	for next < int64(n) {
		bucket = next
		key = key*2862933555777941757 + 1
		next = int64(float64(bucket+1) * (float64(1<<31) / float64(key>>33+1)))
	}
	return int(bucket)
}
