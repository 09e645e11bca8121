package declarations

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
)

// FileName is what workflow files refer to, in the app's data folder.
const FileName = "workflows.d.ts"

// header begins the file. PocketBase's own declarations lie beside it: the plugin
// jsvm writes them.
const header = `// GENERATED CODE - DO NOT MODIFY BY HAND
//
// What workflow files can use, from the app's collections. It is written anew
// when the app starts and whenever a collection changes.

/// <reference path="./types.d.ts" />

`

//go:embed static/*.d.ts
var static embed.FS

// Write writes the declarations for an app with these collections. The same
// collections give the same text, in whatever order they come.
func Write(w io.Writer, collections []*core.Collection) error {
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	if _, err := io.WriteString(w, newSchema(collections).String()); err != nil {
		return err
	}
	return writeStatic(w)
}

func writeStatic(w io.Writer) error {
	return fs.WalkDir(static, "static", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := static.ReadFile(path)
		if err == nil {
			_, err = fmt.Fprintf(w, "\n%s", text)
		}
		return err
	})
}

// Update writes the declarations to a file and reports whether that changed it: a
// file that is right already is left alone, for those who watch it.
func Update(path string, collections []*core.Collection) (changed bool, err error) {
	var text bytes.Buffer
	if err := Write(&text, collections); err != nil {
		return false, err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text.Bytes()) {
		return false, nil
	}
	return true, replace(path, text.Bytes())
}

// replace puts a new file in the place of an old one at once: who reads it
// meanwhile gets one or the other.
func replace(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+FileName+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644) // as types.d.ts beside it
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
