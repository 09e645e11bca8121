package task

import (
	"bytes"
	"html/template"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// farewell is how long mails that are being sent are waited for when the app
// ends.
const farewell = 5 * time.Second

// letter is what assignees get.
var letter = template.Must(template.New("task").Parse(`<p>Hello,</p>
<p>{{.App}} asks for your decision:</p>
<p><strong>{{.Title}}</strong></p>
{{if .Description}}<p style="white-space: pre-line">{{.Description}}</p>
{{end}}{{if .Due}}<p>Please answer by {{.Due}}.</p>
{{end}}<p><a href="{{.URL}}" target="_blank" rel="noopener">Open {{.App}}</a></p>
`))

// address lists those whose turn it is and who have not been written to, and notes
// that they have: what is noted is stored before anything is sent, so that nobody
// gets a mail twice.
func (d *Desk) address(t *workflow.Task) []workflow.Person {
	if !t.Notify || !configured(d.config.App) {
		return nil
	}
	var out []workflow.Person
	for _, place := range t.Asked() {
		if !place.Notified {
			place.Notified = true
			out = append(out, place.Person)
		}
	}
	return out
}

// configured reports whether the app has a way to send mails: its SMTP server, or a
// hook.
func configured(app core.App) bool {
	return app.Settings().SMTP.Enabled || app.OnMailerSend().Length() > 0
}

// post sends mails beside what waits for nothing.
type post struct {
	app core.App
	wg  sync.WaitGroup
}

// send writes to people about a task.
func (p *post) send(t *workflow.Task, to []workflow.Person) {
	if len(to) == 0 {
		return
	}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for _, person := range to {
			p.write(t, person)
		}
	}()
}

// stop waits for what is being sent.
func (p *post) stop() {
	done := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(farewell):
		p.app.Logger().Warn("Mails about tasks were still being sent when the app ended")
	}
}

// write sends one mail. A failure is logged: the task is there anyway.
func (p *post) write(t *workflow.Task, to workflow.Person) {
	defer func() {
		if r := recover(); r != nil {
			p.app.Logger().Error("Sending a mail about a task panicked", "task", t.ID, "panic", r)
		}
	}()
	record, err := p.app.FindRecordById(to.Collection, to.ID)
	if err != nil || record.Email() == "" {
		return // nowhere to write to
	}
	message, err := compose(p.app, t, record)
	if err == nil {
		err = p.app.NewMailClient().Send(message)
	}
	if err != nil {
		p.app.Logger().Warn("Sending a mail about a task failed", "task", t.ID, "to", to.String(), "error", err)
	}
}

func compose(app core.App, t *workflow.Task, to *core.Record) (*mailer.Message, error) {
	meta := app.Settings().Meta
	values := map[string]string{"App": meta.AppName, "URL": meta.AppURL, "Title": t.Title, "Description": t.Description}
	if !t.DueAt.IsZero() {
		values["Due"] = t.DueAt.UTC().Format("2006-01-02 15:04 MST")
	}
	var html bytes.Buffer
	if err := letter.Execute(&html, values); err != nil {
		return nil, err
	}
	return &mailer.Message{
		From:    mail.Address{Address: meta.SenderAddress, Name: meta.SenderName},
		To:      []mail.Address{{Address: to.Email()}},
		Subject: strings.Join(strings.Fields(t.Title), " "), // one line
		HTML:    html.String(),
	}, nil
}
