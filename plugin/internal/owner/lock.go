package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// tryLock locks the file, which is made when it is missing. Nil without an
// error: somebody else has it, be it in this process.
func tryLock(path string) (*flock.Flock, error) {
	file := flock.New(path)
	ok, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !ok {
		return nil, nil
	}
	if replaced(file) {
		// It was moved away between opening and locking.
		return nil, file.Unlock()
	}
	return file, nil
}

// replaced tells whether the path of a held lock leads to another file by now,
// or to none: then it keeps nobody out any more.
func replaced(file *flock.Flock) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(file.Path())
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return !os.SameFile(held, there)
}

// locked tells whether anybody holds the lock. A lock that is free is held
// (shared, so that two askers do not see each other) for some microseconds;
// who tries to take it just then has to try again.
func locked(path string) (bool, error) {
	file := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := file.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for the lock of %s: %w", path, err)
	}
	if free {
		return false, file.Unlock()
	}
	return true, nil
}
