package nodes

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"
)

// letter is an e-mail as an SMTP server got it.
type letter struct {
	from  string
	to    []string
	head  mail.Header
	parts map[string]string // by content type, attachments by name
}

// postOffice is an SMTP server on loopback.
type postOffice struct {
	t       testing.TB
	address *net.TCPAddr
	letters chan letter
	// refuses makes it refuse so many e-mails first.
	refuses atomic.Int32
}

// newPostOffice listens, and makes the app send its e-mails there.
func newPostOffice(t testing.TB, app core.App) *postOffice {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &postOffice{t: t, address: listener.Addr().(*net.TCPAddr), letters: make(chan letter, 10)}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			p.serve(connection)
		}
	}()
	settings := app.Settings()
	settings.SMTP.Enabled, settings.SMTP.Host, settings.SMTP.Port = true, "127.0.0.1", p.address.Port
	settings.Meta.SenderName, settings.Meta.SenderAddress, settings.Meta.AppURL = "The Blog", "blog@example.com", "https://blog.example.com"
	require.NoError(t, app.Save(settings))
	return p
}

// serve speaks SMTP until the client quits.
func (p *postOffice) serve(connection net.Conn) {
	defer connection.Close()
	lines := bufio.NewReader(connection)
	say := func(line string) { fmt.Fprintf(connection, "%s\r\n", line) }
	say("220 post office")
	var l letter
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch command := strings.ToUpper(line); {
		case strings.HasPrefix(command, "MAIL FROM:"):
			if p.refuses.Add(-1) >= 0 {
				say("451 come again later")
				continue
			}
			l = letter{from: between(line)}
			say("250 ok")
		case strings.HasPrefix(command, "RCPT TO:"):
			l.to = append(l.to, between(line))
			say("250 ok")
		case strings.HasPrefix(command, "DATA"):
			say("354 go on")
			var text strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			l.read(p.t, text.String())
			p.letters <- l
			say("250 ok")
		case strings.HasPrefix(command, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func between(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}

func (l *letter) read(t testing.TB, text string) {
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Error(err)
		return
	}
	l.head, l.parts = message.Header, map[string]string{}
	l.open(t, message.Header, message.Body)
}

// header is of a message or of a part.
type header interface{ Get(name string) string }

// open reads a part, and the parts of it.
func (l *letter) open(t testing.TB, head header, body io.Reader) {
	kind, params, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil {
		t.Error(err)
		return
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for part, err := parts.NextRawPart(); err == nil; part, err = parts.NextRawPart() {
			l.open(t, part.Header, part)
		}
		return
	}
	switch head.Get("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	if _, file, err := mime.ParseMediaType(head.Get("Content-Disposition")); err == nil && file["filename"] != "" {
		kind = file["filename"]
	}
	raw, _ := io.ReadAll(body)
	l.parts[kind] = string(raw)
}
