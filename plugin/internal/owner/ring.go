package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Ring tells the owner that this process has committed something to run. It
// returns at once; the owner's OnRing is called some 20 milliseconds later, or
// with its next heartbeat where the operating system does not report changes
// of files. By the owner itself it does nothing, and when nobody owns nothing
// is lost: the next owner reads the whole store. It may be called at any time,
// stopped or not. An error is for the log: the owner was not told.
func (o *Owner) Ring() error {
	if o.owns.Load() {
		return nil
	}
	// Every ring leaves another text, for who looks instead of watching.
	text := fmt.Appendf(nil, "%d %d %d\n", os.Getpid(), o.config.Now().UnixNano(), o.rings.Add(1))
	err := os.WriteFile(o.folder.wake(), text, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no folder: nobody owns it
	}
	if err != nil {
		return fmt.Errorf("ring the owner of %s: %w", o.config.Dir, err)
	}
	return nil
}
