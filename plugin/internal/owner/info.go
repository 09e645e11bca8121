package owner

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrNoOwner is returned by Info when no process owns the folder.
var ErrNoOwner = errors.New("no process runs the workflows")

// Info tells which process owns a data folder.
type Info struct {
	// PID is the process id, on its Host (which is empty when not known).
	PID  int    `json:"pid"`
	Host string `json:"host"`
	// Started is when the process became the owner.
	Started time.Time `json:"started"`
	// Heartbeat is when it last said so. An owner whose heartbeat is old hangs
	// or could not write the file: dead it is not, else Info had returned
	// ErrNoOwner.
	Heartbeat time.Time `json:"heartbeat"`
}

// Info reads who owns the folder now, whichever process it is; the Owner asked
// may be stopped. Errors: ErrNoOwner, or that the files cannot be read.
func (o *Owner) Info() (Info, error) {
	info, err := readInfo(o.folder)
	if err != nil {
		return Info{}, fmt.Errorf("read who owns %s: %w", o.config.Dir, err)
	}
	return info, nil
}

func readInfo(f folder) (Info, error) {
	owned, err := locked(f.lock())
	if err != nil {
		return Info{}, err
	}
	if !owned {
		return Info{}, ErrNoOwner
	}
	raw, err := os.ReadFile(f.info())
	if err != nil {
		return Info{}, err
	}
	var info Info
	if err := json.Unmarshal(raw, &info); err != nil {
		return Info{}, fmt.Errorf("decode %s: %w", f.info(), err)
	}
	return info, nil
}

// write replaces the info file in one go: readers see the old or the new one.
// The name of the file that is written first is fixed, as only the owner
// writes: a crash leaves one behind at most.
func (i Info) write(f folder) error {
	raw, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("encode the owner: %w", err)
	}
	next := f.info() + ".tmp"
	if err := os.WriteFile(next, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.info())
}
