//go:build !unix

package weblimit

// openFileLimit reports that the system bounds no process's open files.
func openFileLimit() (int, bool) { return 0, false }
