package collector

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// chunkBuffer is a buffer in chunks, which grows without being copied.
type chunkBuffer struct {
	chunks [][]byte
	// compressed reports whether the chunks are a gzip member without a trailer; sum
	// is the checksum of its text.
	compressed bool
	sum        checksum
}

const chunkSize = 128 << 10

// Write implements [io.Writer]. It never fails.
func (b *chunkBuffer) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		last := len(b.chunks) - 1
		if last < 0 || len(b.chunks[last]) == chunkSize {
			b.chunks = append(b.chunks, make([]byte, 0, chunkSize))
			continue
		}
		n := min(len(p), chunkSize-len(b.chunks[last]))
		b.chunks[last] = append(b.chunks[last], p[:n]...)
		p = p[n:]
	}
	return written, nil
}

func (b *chunkBuffer) writeTo(w io.Writer) error {
	for _, piece := range b.chunks {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// A gzip member is a header, which Go writes without any of the optional parts,
// the compressed text, and the checksum and the length of the text (RFC 1952).
const (
	gzipHeader  = 10
	gzipTrailer = 8
)

// join returns what has to follow the body so that its member goes on and ends
// with the text of another one: the compressed text of that one, and a trailer for
// both texts. That is sound because the body was flushed to a full byte, and
// because the other member refers to nothing before it.
func (b *chunkBuffer) join(member []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		return nil, err
	}
	sum := b.sum
	if _, err := io.Copy(&sum, reader); err != nil { //nolint:gosec // It is our own text.
		return nil, err
	}
	joined := bytes.Clone(member[gzipHeader : len(member)-gzipTrailer])
	joined = binary.LittleEndian.AppendUint32(joined, sum.crc)
	return binary.LittleEndian.AppendUint32(joined, sum.length), nil
}

// checksum is that of the bytes that were written to it.
type checksum struct{ crc, length uint32 }

// Write implements [io.Writer]. It never fails.
func (c *checksum) Write(p []byte) (int, error) {
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p)
	c.length += uint32(len(p)) //nolint:gosec // The trailer has the length modulo 2^32.
	return len(p), nil
}
