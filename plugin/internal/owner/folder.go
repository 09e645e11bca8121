package owner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// DirName is the folder, directly below the data folder, that holds the files
// of this package. It belongs on the exclude lists of backups and restores.
const DirName = ".workflows"

// folder is DirName below a data folder.
type folder string

func folderOf(dataDir string) folder { return folder(filepath.Join(dataDir, DirName)) }

func (f folder) lock() string { return filepath.Join(string(f), "workflows.lock") }

func (f folder) info() string { return filepath.Join(string(f), "owner.json") }

// wake has a folder of its own, so that heartbeats do not wake who watches it.
func (f folder) wake() string { return filepath.Join(string(f), "bell", "workflows.wake") }

// make makes what is missing of the folder. The data folder is not made: one
// that is missing is a mistake.
func (f folder) make() error {
	for _, dir := range []string{string(f), filepath.Dir(f.wake())} {
		if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err // names the path
		}
	}
	return nil
}
