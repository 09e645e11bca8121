package plugin

import (
	"context"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/mailer"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
)

// sealedApp is the $app of a dry run: the app of a transaction, without what
// reaches beyond that.
type sealedApp struct {
	core.App
	outside script.Outside
}

func (s sealedApp) refuse(call, target string) error {
	s.outside(call, target)
	return fmt.Errorf("%s: %s", call, script.OutsideRefused)
}

// stop ends the run, for a method that returns no error.
func (s sealedApp) stop(call string) { panic(s.refuse(call, "")) }

// sealedMailer refuses to send.
type sealedMailer struct{ app sealedApp }

func (m sealedMailer) Send(message *mailer.Message) error {
	target := ""
	if message != nil && len(message.To) > 0 {
		target = message.To[0].Address + ": " + message.Subject
	}
	return m.app.refuse("$app.newMailClient().send", target)
}

func (s sealedApp) NewMailClient() mailer.Mailer { return sealedMailer{s} }

// RunInTransaction and UnsafeWithoutHooks give apps that are sealed too.
func (s sealedApp) RunInTransaction(fn func(txApp core.App) error) error {
	return s.App.RunInTransaction(func(txApp core.App) error { return fn(sealedApp{txApp, s.outside}) })
}

func (s sealedApp) UnsafeWithoutHooks() core.App {
	return sealedApp{s.App.UnsafeWithoutHooks(), s.outside}
}

func (s sealedApp) SubscriptionsBroker() *subscriptions.Broker {
	s.stop("$app.subscriptionsBroker")
	return nil
}

func (s sealedApp) AuxDB() dbx.Builder {
	s.stop("$app.auxDB")
	return nil
}

func (s sealedApp) AuxConcurrentDB() dbx.Builder {
	s.stop("$app.auxConcurrentDB")
	return nil
}

func (s sealedApp) AuxNonconcurrentDB() dbx.Builder {
	s.stop("$app.auxNonconcurrentDB")
	return nil
}

func (s sealedApp) AuxSave(core.Model) error { return s.refuse("$app.auxSave", "") }

func (s sealedApp) AuxSaveWithContext(context.Context, core.Model) error {
	return s.refuse("$app.auxSaveWithContext", "")
}

func (s sealedApp) AuxSaveNoValidate(core.Model) error {
	return s.refuse("$app.auxSaveNoValidate", "")
}

func (s sealedApp) AuxSaveNoValidateWithContext(context.Context, core.Model) error {
	return s.refuse("$app.auxSaveNoValidateWithContext", "")
}

func (s sealedApp) AuxDelete(core.Model) error { return s.refuse("$app.auxDelete", "") }

func (s sealedApp) AuxDeleteWithContext(context.Context, core.Model) error {
	return s.refuse("$app.auxDeleteWithContext", "")
}

func (s sealedApp) AuxVacuum() error { return s.refuse("$app.auxVacuum", "") }

func (s sealedApp) AuxRunInTransaction(func(core.App) error) error {
	return s.refuse("$app.auxRunInTransaction", "")
}

func (s sealedApp) NewFilesystem() (*filesystem.System, error) {
	return nil, s.refuse("$app.newFilesystem", "")
}

func (s sealedApp) NewBackupsFilesystem() (*filesystem.System, error) {
	return nil, s.refuse("$app.newBackupsFilesystem", "")
}

func (s sealedApp) CreateBackup(_ context.Context, name string) error {
	return s.refuse("$app.createBackup", name)
}

func (s sealedApp) RestoreBackup(_ context.Context, name string) error {
	return s.refuse("$app.restoreBackup", name)
}

func (s sealedApp) Restart() error { return s.refuse("$app.restart", "") }

func (s sealedApp) ResetBootstrapState() error { return s.refuse("$app.resetBootstrapState", "") }
