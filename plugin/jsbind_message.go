package plugin

import (
	"bytes"
	"html"
	"io"
	"net/mail"
	"strings"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/message"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
)

// mail is $workflows.mail({to, cc, bcc, replyTo, from, subject, html, text, headers,
// attachments}).
func (a jsArguments) mail() goja.Value {
	names, options := a.object("options", a.call.Argument(0), "to", "cc", "bcc", "replyTo", "from", "subject", "html", "text", "headers", "attachments")
	m := &mailer.Message{Headers: map[string]string{}}
	var replyTo []string
	for _, name := range names {
		switch v := options[name]; name {
		case "to":
			m.To = a.addresses(name, v)
		case "cc":
			m.Cc = a.addresses(name, v)
		case "bcc":
			m.Bcc = a.addresses(name, v)
		case "from":
			m.From = a.address(name, v)
		case "replyTo":
			for _, address := range a.addresses(name, v) {
				replyTo = append(replyTo, address.String())
			}
		case "subject":
			m.Subject = a.text(name, v)
		case "html":
			m.HTML = a.text(name, v)
		case "text":
			m.Text = a.text(name, v)
		case "headers":
			fields, values := a.object(name, v)
			for _, field := range fields {
				m.Headers[field] = a.text("headers."+field, values[field])
			}
		case "attachments":
			m.Attachments = a.attachments(v)
		}
	}
	switch {
	case len(m.To)+len(m.Cc)+len(m.Bcc) == 0:
		a.refuse("to: expected at least one address")
	case strings.TrimSpace(m.Subject) == "":
		a.refuse("subject: expected a text")
	case m.HTML == "" && m.Text == "":
		a.refuse("html: expected the content, as html or as text")
	case m.HTML == "": // a message always has such a part
		m.HTML = "<p>" + strings.ReplaceAll(html.EscapeString(m.Text), "\n", "<br>\n") + "</p>"
	}
	if len(replyTo) > 0 {
		m.Headers["Reply-To"] = strings.Join(replyTo, ", ")
	}
	if err := message.Mail(a.jsBinding.app(), m); err != nil {
		a.fail(err)
	}
	return goja.Undefined()
}

func (a jsArguments) addresses(option string, v goja.Value) []mail.Address {
	var out []mail.Address
	for _, item := range a.list(v) {
		out = append(out, a.address(option, item))
	}
	return out
}

// address is "ada@example.com", "Ada <ada@example.com>", { address, name } or an
// auth record.
func (a jsArguments) address(option string, v goja.Value) mail.Address {
	given, name := "", ""
	switch value := v.Export().(type) {
	case string:
		given = value
	case map[string]any:
		given, _ = value["address"].(string)
		name, _ = value["name"].(string)
	default:
		if r := recordOf(v); r != nil {
			given, name = r.Email(), r.GetString("name")
		}
	}
	parsed, err := mail.ParseAddress(given)
	if err != nil {
		a.refuse(`%s: expected an e-mail address, { address, name } or an auth record with one, got %s`, option, script.Show(v))
	}
	if name != "" {
		parsed.Name = name
	}
	return *parsed
}

// attachments are files by name: texts, bytes, files of $filesystem or readers.
func (a jsArguments) attachments(v goja.Value) map[string]io.Reader {
	out := map[string]io.Reader{}
	names, values := a.object("attachments", v)
	for _, name := range names {
		switch content := values[name].Export().(type) {
		case string:
			out[name] = strings.NewReader(content)
		case []byte:
			out[name] = bytes.NewReader(content)
		case *[]byte: // the body of an answer of $http.send
			out[name] = bytes.NewReader(*content)
		case goja.ArrayBuffer:
			out[name] = bytes.NewReader(content.Bytes())
		case *filesystem.File:
			raw, err := readFile(content)
			if err != nil {
				a.refuse("attachments.%s: %w", name, err)
			}
			out[name] = bytes.NewReader(raw)
		case io.Reader:
			out[name] = content
		default:
			a.refuse("attachments.%s: expected a string, bytes, a file of $filesystem or a reader, got %s", name, script.Show(values[name]))
		}
	}
	return out
}

func readFile(f *filesystem.File) ([]byte, error) {
	r, err := f.Reader.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// notify is $workflows.notify(user, topic, data): to how many realtime connections
// of the user, or of several, it went.
func (a jsArguments) notify() goja.Value {
	var users []message.User
	for _, v := range a.list(a.call.Argument(0)) {
		users = append(users, a.user(v))
	}
	topic := a.text("topic", a.call.Argument(1))
	if topic == "" || strings.ContainsAny(topic, "?\r\n") {
		a.refuse(`topic: expected a name without "?" or line breaks, got %q`, topic)
	}
	data := []byte("null")
	if v := a.call.Argument(2); !goja.IsUndefined(v) {
		raw, err := script.Marshal(v)
		if err != nil {
			a.refuse("data: it can't be sent as JSON: %w", err)
		}
		data = raw
	}
	return a.vm.ToValue(message.Notify(a.jsBinding.app(), users, topic, data))
}

// user is an auth record, or what ctx.user is: the export of one.
func (a jsArguments) user(v goja.Value) message.User {
	if r := recordOf(v); r != nil && r.Collection().IsAuth() {
		return message.User{Collection: r.Collection().Id, ID: r.Id}
	}
	if o, ok := v.Export().(map[string]any); ok {
		id, _ := o["id"].(string)
		collection, _ := o["collectionId"].(string)
		if collection == "" {
			collection, _ = o["collectionName"].(string)
		}
		if id != "" && collection != "" {
			return message.User{Collection: collection, ID: id}
		}
	}
	a.refuse("user: expected an auth record, { id, collectionName } as ctx.user is, or a list of them, got %s", script.Show(v))
	return message.User{}
}
