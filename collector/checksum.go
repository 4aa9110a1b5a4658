package collector

import "hash/crc32"

// checksum is the CRC-32 and the length modulo 2^32 of a text, as in the trailer of
// a gzip member (RFC 1952).
type checksum struct{ crc, length uint32 }

// Write adds to the text. It never fails.
func (c *checksum) Write(p []byte) (int, error) {
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p)
	c.length += uint32(len(p)) //nolint:gosec // The trailer has the length modulo 2^32.
	return len(p), nil
}

// then returns the checksum of the text followed by another one. A CRC-32 is a
// remainder of polynomials over GF(2): the text moves up by the length of the other
// one, which multiplies its remainder by x^8 for each byte.
func (c *checksum) then(next checksum) checksum {
	return checksum{multiply(c.crc, powerOfX8(next.length)) ^ next.crc, c.length + next.length}
}

// one is the polynomial 1: the highest bit is the coefficient of x^0, and the lowest
// that of x^31.
const one = uint32(1) << 31

// multiply returns the product of two polynomials modulo the one of CRC-32.
func multiply(a, b uint32) uint32 {
	product := uint32(0)
	for ; a != 0; a <<= 1 {
		if a&one != 0 {
			product ^= b
		}
		b = timesX(b)
	}
	return product
}

// timesX returns a polynomial times x, modulo the one of CRC-32.
func timesX(p uint32) uint32 {
	if p&1 != 0 {
		return p>>1 ^ crc32.IEEE
	}
	return p >> 1
}

// powerOfX8 returns x^8 to the power of n, by repeated squaring.
func powerOfX8(n uint32) uint32 {
	power, square := one, one>>8
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return power
}
