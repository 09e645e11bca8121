package plugin

import (
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/cli"
)

// NewDemoCommand makes the "demo" command of the ready-to-run app. Assets holds
// its folders pb_migrations, pb_hooks and workflows. The command starts the
// running executable as a server on a temporary pb_data and needs no
// bootstrapped app of its own.
func NewDemoCommand(assets fs.FS) *cobra.Command { return cli.NewDemoCommand(assets) }
