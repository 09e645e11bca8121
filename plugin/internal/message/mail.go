package message

import (
	"errors"
	"fmt"
	"net/mail"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"
)

// MailTimeout is how long the mail server may take for one e-mail.
const MailTimeout = time.Minute

// ErrMailTimeout is returned when the mail server did not answer in time. The e-mail
// may have been sent all the same.
var ErrMailTimeout = errors.New("the mail server did not answer in time")

// Mail sends an e-mail as the app's settings say: over SMTP, or with sendmail. A
// sender that is not given is the settings' own.
func Mail(app core.App, m *mailer.Message) error {
	if m.From.Address == "" {
		meta := app.Settings().Meta
		m.From = mail.Address{Name: meta.SenderName, Address: meta.SenderAddress}
	}
	client := app.NewMailClient()
	sent := make(chan error, 1)
	go func() { sent <- client.Send(m) }() // it knows no time-out of its own
	timer := time.NewTimer(MailTimeout)
	defer timer.Stop()
	select {
	case err := <-sent:
		if err != nil {
			return fmt.Errorf("send the e-mail: %w", err)
		}
		return nil
	case <-timer.C:
		return ErrMailTimeout
	}
}
