package collector

import (
	"bytes"
	"io"
)

// chunkBuffer is a buffer in chunks, which grows without being copied.
type chunkBuffer struct{ chunks [][]byte }

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

// clip frees what the last chunk does not use.
func (b *chunkBuffer) clip() {
	if last := len(b.chunks) - 1; last >= 0 {
		b.chunks[last] = bytes.Clone(b.chunks[last])
	}
}

func (b *chunkBuffer) writeTo(w io.Writer) error {
	for _, chunk := range b.chunks {
		if _, err := w.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// readers returns readers of the content, one after the other.
func (b *chunkBuffer) readers() []io.Reader {
	readers := make([]io.Reader, len(b.chunks))
	for i, chunk := range b.chunks {
		readers[i] = bytes.NewReader(chunk)
	}
	return readers
}
