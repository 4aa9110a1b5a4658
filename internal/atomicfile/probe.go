package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// mounts lists the mount points on Linux. Other systems lack it.
const mounts = "/proc/self/mountinfo"

// Probe returns the error that Write would meet, as far as that can be determined
// without touching the file: something in its place that is no regular file, a file
// that is mounted by itself, or a folder that cannot be written to.
func Probe(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	path = target(path)
	if isMounted(path) {
		return fmt.Errorf("%s is mounted by itself, so that it cannot be replaced: mount its folder", path)
	}
	f, err := create(path)
	if err != nil {
		return fmt.Errorf("the folder %s must be writable: %w", filepath.Dir(path), err)
	}
	return discard(f)
}

// isMounted reports whether a file is a mount point, which no other file can be
// renamed to. It returns false where that is not known.
func isMounted(path string) bool {
	list, err := os.Open(mounts)
	if err != nil {
		return false
	}
	defer func() { _ = list.Close() }() // It is only read.
	return isMountPoint(list, physical(path))
}

// isMountPoint reports whether a path is in the fifth column of mountinfo, which has
// white space and backslashes in octal.
func isMountPoint(mountinfo io.Reader, path string) bool {
	escaped := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(path)
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && fields[4] == escaped {
			return true
		}
	}
	return false
}
